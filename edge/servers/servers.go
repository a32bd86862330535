// Package servers is the API of the namespace ozone for what v1.0 cannot ask of a server.
package servers

import (
	"context"
	"net/http"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
)

type module struct{ edge.Deps }

// New is the module ozone.servers.
func New() edge.Module { return &module{} }

// ID names the module.
func (m *module) ID() string { return "ozone.servers" }

// Routes mounts the delete.
func (m *module) Routes(d edge.Deps, r *edge.Router) error {
	m.Deps = d
	return r.HandleAll([]edge.Route{
		{Verb: http.MethodDelete, Path: "/ozone/v1/{account}/servers/{id}", Handle: m.delete},
	})
}

// delete makes a server vanish at once; with ?force=true in every status, whatever is under way.
func (m *module) delete(ctx context.Context, r *edge.Request) (edge.Response, error) {
	id, err := r.ID()
	if err != nil {
		return edge.Response{}, err
	}
	force, err := r.Flag("force")
	if err != nil {
		return edge.Response{}, err
	}
	return m.Commands.Do(ctx, r, edge.Order{
		Action: schemas.ServerDelete, Target: id, Params: schemas.Params{Force: force},
		Accepted: func(schemas.Answer) edge.Response { return edge.Response{Status: http.StatusAccepted} },
	})
}
