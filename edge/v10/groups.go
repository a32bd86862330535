package v10

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
)

func (m *module) listGroups(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.shortObjects(ctx, r, schemas.ActorGroup, "sharedIpGroups")
}

func (m *module) listGroupsDetail(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.objects(ctx, r, schemas.ActorGroup, "sharedIpGroups")
}

func (m *module) getGroup(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.object(ctx, r, schemas.ActorGroup, "sharedIpGroup")
}

// createGroup makes a group, empty or with one server. Every other one is created in it.
func (m *module) createGroup(ctx context.Context, r *edge.Request) (edge.Response, error) {
	p, err := groupParams(r.Body)
	if err != nil {
		return edge.Response{}, err
	}
	return m.Commands.Do(ctx, r, edge.Order{
		Action: schemas.SharedIPGroupCreate, Params: p,
		Accepted: func(a schemas.Answer) edge.Response {
			return edge.Response{Status: http.StatusCreated, Body: one{"sharedIpGroup", represented(a)}}
		},
	})
}

func groupParams(doc document.Value) (p schemas.Params, err error) {
	group, err := envelope(doc, "sharedIpGroup")
	if err != nil {
		return p, err
	}
	if _, given := group.Given("servers"); given {
		return p, invalid("A shared IP group begins with one server at most: server, not servers.")
	}
	if p.Name, err = optionalName(group); err != nil {
		return p, err
	}
	server, given := group.Given("server")
	if !given {
		return p, nil
	}
	id, ok := server.Int()
	if server.Kind == document.Object { // as XML has it: <server id="422"/>
		id, err = requiredID(server, "id")
		ok = err == nil
	}
	if !ok || id <= 0 {
		return p, invalid("server must be a positive whole number.")
	}
	p.Server = schemas.ServerID(id)
	return p, nil
}

// deleteGroup ends a group whose servers share nothing.
func (m *module) deleteGroup(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.order(ctx, r, edge.Order{Action: schemas.SharedIPGroupDelete})
}

// shareAddress lets a server have a public address of another server of its group.
func (m *module) shareAddress(ctx context.Context, r *edge.Request) (edge.Response, error) {
	o, err := shareOrder(r.Body)
	if err != nil {
		return edge.Response{}, err
	}
	address, ok := publicAddress(r)
	if !ok {
		return edge.Response{}, invalid("The last segment of the path must be an IPv4 address.")
	}
	o.Params.Address = address
	return m.order(ctx, r, o)
}

func shareOrder(doc document.Value) (edge.Order, error) {
	o := edge.Order{Action: schemas.ServerShareIP}
	share, err := envelope(doc, "shareIp")
	if err != nil {
		return o, err
	}
	id, err := requiredID(share, "sharedIpGroupId")
	if err != nil {
		return o, err
	}
	o.Params.Group = schemas.GroupID(id)
	configure, given := share.Given("configureServer")
	if !given {
		return o, nil
	}
	o.Params.Configure, err = truth(configure, "configureServer")
	return o, err
}

// unshareAddress takes a shared address from a server.
func (m *module) unshareAddress(ctx context.Context, r *edge.Request) (edge.Response, error) {
	address, ok := publicAddress(r)
	if !ok {
		return edge.Response{}, schemas.Errorf(schemas.KindNotFound, "The server does not have that address.")
	}
	return m.order(ctx, r, edge.Order{Action: schemas.ServerUnshareIP, Params: schemas.Params{Address: address}})
}

// publicAddress is the address in the path, in its one form.
func publicAddress(r *edge.Request) (string, bool) {
	a, err := netip.ParseAddr(r.Param("address"))
	return a.String(), err == nil && a.Is4()
}
