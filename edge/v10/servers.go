package v10

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// acceptedStatus is what an accepted action without a body of its own answers. Old clients insist on these exact codes.
var acceptedStatus = map[schemas.Action]int{
	schemas.ServerUpdate:        http.StatusNoContent,
	schemas.ServerDelete:        http.StatusAccepted,
	schemas.ServerReboot:        http.StatusAccepted,
	schemas.ServerRebuild:       http.StatusAccepted,
	schemas.ServerResize:        http.StatusAccepted,
	schemas.ServerResizeConfirm: http.StatusNoContent,
	schemas.ServerResizeRevert:  http.StatusAccepted,
	schemas.ServerShareIP:       http.StatusAccepted,
	schemas.ServerUnshareIP:     http.StatusAccepted,
	schemas.BackupSet:           http.StatusNoContent,
	schemas.BackupDisable:       http.StatusNoContent,
	schemas.ImageDelete:         http.StatusNoContent,
	schemas.SharedIPGroupDelete: http.StatusNoContent,
}

// order sends an order for the object in the path, and answers without a body when it is accepted.
func (m *module) order(ctx context.Context, r *edge.Request, o edge.Order) (edge.Response, error) {
	id, err := r.ID()
	if err != nil {
		return edge.Response{}, err
	}
	o.Target = id
	o.Accepted = func(schemas.Answer) edge.Response { return edge.Response{Status: acceptedStatus[o.Action]} }
	return m.Commands.Do(ctx, r, o)
}

func (m *module) listServers(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.shortObjects(ctx, r, schemas.ActorServer, "servers")
}

func (m *module) listServersDetail(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.objects(ctx, r, schemas.ActorServer, "servers")
}

func (m *module) getServer(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.object(ctx, r, schemas.ActorServer, "server")
}

// createServer orders a server. Its password is made here and shown in this answer alone.
func (m *module) createServer(ctx context.Context, r *edge.Request) (edge.Response, error) {
	o, err := createOrder(r.Body)
	if err != nil {
		return edge.Response{}, err
	}
	password, hash, err := edge.NewPassword()
	if err != nil {
		return edge.Response{}, err
	}
	o.Payload.PasswordHash = hash
	o.Accepted = func(a schemas.Answer) edge.Response {
		shown := created{represented(a), password}
		if a.Repeated {
			shown.password = "" // this one belongs to nothing
		}
		return edge.Response{Status: http.StatusAccepted, Body: shown}
	}
	return m.Commands.Do(ctx, r, o)
}

// represented is the new object of an answer. One that lost its representation still says its id.
func represented(a schemas.Answer) []byte {
	if len(a.Representation) > 0 {
		return a.Representation
	}
	return append(strconv.AppendInt([]byte(`{"id":`), a.Target.ID, 10), '}')
}

// updateServer changes a server's name, its password or both.
func (m *module) updateServer(ctx context.Context, r *edge.Request) (edge.Response, error) {
	name, password, err := updateParams(r.Body)
	if err != nil {
		return edge.Response{}, err
	}
	o := edge.Order{Action: schemas.ServerUpdate, Params: schemas.Params{Name: name, Password: password != ""}, Secret: password}
	if password != "" {
		if o.Payload.PasswordHash, err = edge.HashPassword(password); err != nil {
			return edge.Response{}, err
		}
	}
	return m.order(ctx, r, o)
}

// deleteServer makes a server vanish at once; its teardown goes on behind.
func (m *module) deleteServer(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.order(ctx, r, edge.Order{Action: schemas.ServerDelete})
}

// act sends the one action that the body names.
func (m *module) act(ctx context.Context, r *edge.Request) (edge.Response, error) {
	o, err := actionOrder(r.Body)
	if err != nil {
		return edge.Response{}, err
	}
	return m.order(ctx, r, o)
}

func (m *module) getAddresses(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.addresses(ctx, r, func(a schemas.AddressesView) any { return map[string]any{"addresses": a} })
}

func (m *module) getPublic(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.addresses(ctx, r, func(a schemas.AddressesView) any { return map[string]any{"public": a.Public} })
}

func (m *module) getPrivate(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.addresses(ctx, r, func(a schemas.AddressesView) any { return map[string]any{"private": a.Private} })
}

// addresses shows a part of a server's rendered form.
func (m *module) addresses(ctx context.Context, r *edge.Request, part func(schemas.AddressesView) any) (edge.Response, error) {
	return m.changed(ctx, r, schemas.ActorServer, func(row storage.Object) (edge.Body, error) {
		var view schemas.ServerView
		if err := json.Unmarshal(row.Rendered, &view); err != nil {
			return nil, fmt.Errorf("server %d: its rendered form: %w", row.ID, err)
		}
		return plain(part(view.Addresses)), nil
	})
}

// object shows one row in detail form.
func (m *module) object(ctx context.Context, r *edge.Request, kind schemas.ActorKind, name string) (edge.Response, error) {
	return m.changed(ctx, r, kind, func(row storage.Object) (edge.Body, error) { return one{name, row.Rendered}, nil })
}

// changed shows the row in the path, unless it is as it was at the time in changes-since.
func (m *module) changed(ctx context.Context, r *edge.Request, kind schemas.ActorKind, show func(storage.Object) (edge.Body, error)) (edge.Response, error) {
	id, err := r.ID()
	if err != nil {
		return edge.Response{}, err
	}
	from, err := since(r)
	if err != nil {
		return edge.Response{}, err
	}
	row, err := m.Reader.Object(ctx, kind, r.Account, id)
	if err != nil {
		return edge.Response{}, err
	}
	if row.Updated.Before(from) {
		return notModified, nil
	}
	body, err := show(row)
	return edge.Response{Body: body, Modified: row.Updated}, err
}

// objects lists rows in detail form. Only the first page can be without changes: one behind the last is empty.
func (m *module) objects(ctx context.Context, r *edge.Request, kind schemas.ActorKind, name string) (edge.Response, error) {
	f, err := filter(r)
	if err != nil {
		return edge.Response{}, err
	}
	rows, err := m.Reader.Objects(ctx, kind, r.Account, f)
	if err != nil {
		return edge.Response{}, err
	}
	if len(rows) == 0 && f.Offset == 0 && !f.Since.IsZero() {
		return notModified, nil
	}
	return edge.Response{Body: list{name, rows}, Modified: newest(rows)}, nil
}

// shortObjects lists rows in short form.
func (m *module) shortObjects(ctx context.Context, r *edge.Request, kind schemas.ActorKind, name string) (edge.Response, error) {
	res, err := m.objects(ctx, r, kind, name)
	if l, ok := res.Body.(list); ok {
		res.Body = shortList(l)
	}
	return res, err
}
