package servers

import (
	"context"
	"net/http"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/xmlform"
	"github.com/ozonecloud/ozone/schemas"
)

// actionForm is the XML form of an action: that of v1.0, with the probe in it.
var actionForm = &xmlform.Form{Namespace: edge.NamespaceV10, Elements: map[string]xmlform.Element{"resize": {Children: []string{"probe"}}}}

// act resizes a server, with a probe that decides what follows.
func (m *module) act(ctx context.Context, r *edge.Request) (edge.Response, error) {
	id, err := r.ID()
	if err != nil {
		return edge.Response{}, err
	}
	resize, ok := r.Body.Member("resize")
	if !ok || r.Body.Len() != 1 {
		return edge.Response{}, schemas.Errorf(schemas.KindInvalid, "The body must have exactly one action: resize.")
	}
	o, err := edge.ResizeOrder(resize)
	if err != nil {
		return edge.Response{}, err
	}
	o.Target = id
	o.Accepted = func(schemas.Answer) edge.Response { return edge.Response{Status: http.StatusAccepted} }
	return m.Commands.Do(ctx, r, o)
}
