package v10

import (
	"context"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
)

type version struct {
	Status string `json:"status"`
	ID     string `json:"id"`
	DocURL string `json:"docURL,omitempty"`
	WADL   string `json:"wadl,omitempty"`
}

// listVersions answers GET / without a token.
func (m *module) listVersions(context.Context, *edge.Request) (edge.Response, error) {
	return edge.Response{Body: plain(map[string][]version{"versions": {{Status: "CURRENT", ID: "v1.0"}}})}, nil
}

// getVersion answers GET /v1.0/ without a token. Without the slash it is a login that lacks everything, unless it has a token.
func (m *module) getVersion(_ context.Context, r *edge.Request) (edge.Response, error) {
	if !r.Slash() && r.Header("X-Auth-Token") == "" {
		return edge.Response{}, schemas.Errorf(schemas.KindUnauthorized, "Log in with X-Auth-User and X-Auth-Key.")
	}
	return edge.Response{Body: plain(map[string]version{"version": {
		Status: "CURRENT", ID: "v1.0", DocURL: m.PublicURL + "/extensions", WADL: m.PublicURL + "/v1.0/application.wadl",
	}})}, nil
}
