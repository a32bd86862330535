package v10

import (
	"context"
	"maps"
	"net/http"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/xmlform"
)

// strict is the module that has the writes of v1.0 in the namespace ozone.
type strict struct{ v10 module } // not embedded: what comes over the bus comes to v1.0's module

// NewStrict is the module ozone.writes: the writes of v1.0 with the same bodies and answers, which can be tried dry as everything in
// their namespace, and which refuse what v1.0 ignores: a member that nobody knows.
func NewStrict() edge.Module { return &strict{} }

// ID names the module.
func (m *strict) ID() string { return "ozone.writes" }

// ownBase is the namespace's.
const ownBase = "/ozone/v1/{account}"

// Routes mounts the writes, but for the delete of a server, which is another there. A resize may bring a probe.
func (m *strict) Routes(d edge.Deps, r *edge.Router) error {
	m.v10.Deps = d
	for _, route := range m.v10.routes(ownBase) {
		if route.Verb == http.MethodGet || route.Verb == http.MethodDelete && route.Path == ownBase+"/servers/{id}" {
			continue
		}
		if route.Path == ownBase+"/servers/{id}/action" {
			route.Handle, route.XML = m.act, actionForm
		}
		if route.MaxBody > 0 {
			route.Members = bodyMembers[route.Path[len(ownBase):]]
		}
		if err := r.Handle(route); err != nil {
			return err
		}
	}
	return nil
}

// bodyMembers are the members that bodies may have, by the end of their route's path.
var bodyMembers = map[string]edge.Members{
	"/servers":      {"server": without(serverMembers, "adminPass")}, // it is made here
	"/servers/{id}": {"server": {"name": nil, "adminPass": nil}},
	"/servers/{id}/action": {
		"reboot": {"type": nil}, "rebuild": {"imageId": nil}, "resize": edge.ResizeMembers, "confirmResize": none, "revertResize": none,
	},
	"/servers/{id}/ips/public/{address}": {"shareIp": {"sharedIpGroupId": nil, "configureServer": nil}},
	"/servers/{id}/backup_schedule":      {backupEnvelope: {"enabled": nil, "weekly": nil, "daily": nil}},
	"/images":                            {"image": {"name": nil, "serverId": nil}},
	"/shared_ip_groups":                  {"sharedIpGroup": {"name": nil, "server": nil}},
}

// actionForm is the XML form of an action: that of v1.0, with the probe of a resize in it.
var actionForm = &xmlform.Form{Namespace: edge.NamespaceV10, Elements: map[string]xmlform.Element{"resize": {Children: []string{"probe"}}}}

// act is what v1.0 does, and takes a probe with a resize.
func (m *strict) act(ctx context.Context, r *edge.Request) (edge.Response, error) {
	v, resizes := r.Body.Member("resize")
	if !resizes || r.Body.Len() != 1 {
		return m.v10.act(ctx, r)
	}
	o, err := edge.ResizeOrder(v)
	if err != nil {
		return edge.Response{}, err
	}
	return m.v10.order(ctx, r, o)
}

func without(m edge.Members, name string) edge.Members {
	rest := maps.Clone(m)
	delete(rest, name)
	return rest
}
