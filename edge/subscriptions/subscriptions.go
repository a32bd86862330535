// Package subscriptions is the API of the namespace ozone with which tenants order queues of events for their programs.
package subscriptions

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

type module struct{ edge.Deps }

// New is the module ozone.subscriptions.
func New() edge.Module { return &module{} }

// ID names the module.
func (m *module) ID() string { return "ozone.subscriptions" }

// Routes mounts the list, the order and the end. A subscription is named by its queue.
func (m *module) Routes(d edge.Deps, r *edge.Router) error {
	m.Deps = d
	const all = "/ozone/v1/{account}/subscriptions"
	return r.HandleAll([]edge.Route{
		{Verb: http.MethodGet, Path: all, Handle: m.list},
		{Verb: http.MethodPost, Path: all, Handle: m.create, MaxBody: edge.SmallBody, Direct: true},
		{Verb: http.MethodDelete, Path: all + "/{queue}", Handle: m.delete, Direct: true},
	})
}

// Why there can be no subscription.
var (
	errNoBroker = schemas.Errorf(schemas.KindNotImplemented,
		"Subscriptions are queues of RabbitMQ, and this cloud runs without it. Events can be read over HTTP, page by page or as a stream.")
	errNoRight = schemas.Errorf(schemas.KindNotImplemented,
		"The broker of this cloud does not let its nodes make queues. Whoever runs the cloud can give them the right, or make the queue.")
	errNoUser = schemas.Errorf(schemas.KindConflict,
		"The account has no user of the bus. Whoever runs the cloud makes one.")
	errAway = schemas.Errorf(schemas.KindUnavailable, "The broker is away for now. Please try again.")
)

// list shows the account's subscriptions.
func (m *module) list(ctx context.Context, r *edge.Request) (edge.Response, error) {
	if m.Queues == nil {
		return edge.Response{}, errNoBroker
	}
	all, err := m.Subscriptions.Subscriptions(ctx, r.Account)
	if err != nil {
		return edge.Response{}, err
	}
	doc := []byte(`{"subscriptions":[`)
	for i := range all {
		if i > 0 {
			doc = append(doc, ',')
		}
		doc = appendOne(doc, &all[i])
	}
	return edge.Response{Body: edge.JSON(append(doc, "]}"...))}, nil
}

// create keeps the subscription, then makes its queue. Again it makes what is missing.
func (m *module) create(ctx context.Context, r *edge.Request) (edge.Response, error) {
	s, err := m.read(ctx, r)
	if err == nil && m.Queues == nil {
		err = errNoBroker
	}
	if err == nil {
		s.User, err = m.user(ctx, r)
	}
	if err != nil {
		return edge.Response{}, err
	}
	kept, err := m.Subscriptions.CreateSubscription(ctx, r.Account, s)
	if err != nil {
		return edge.Response{}, err
	}
	if err := m.Queues.Subscribe(ctx, r.Account, s); err != nil {
		return edge.Response{}, m.broken(err)
	}
	doc := appendOne([]byte(`{"subscription":`), &kept)
	return edge.Response{Status: http.StatusCreated, Body: edge.JSON(append(doc, '}'))}, nil
}

// delete ends the queue, then forgets the subscription: until then it can be asked for again.
func (m *module) delete(ctx context.Context, r *edge.Request) (edge.Response, error) {
	if m.Queues == nil {
		return edge.Response{}, errNoBroker
	}
	all, err := m.Subscriptions.Subscriptions(ctx, r.Account)
	if err != nil {
		return edge.Response{}, err
	}
	i := slices.IndexFunc(all, func(s storage.Subscription) bool {
		return string(bus.SubscriptionQueue(s.Subscription)) == r.Param("queue")
	})
	if i < 0 {
		return edge.Response{}, storage.ErrNotFound
	}
	if err := m.Queues.Unsubscribe(ctx, bus.SubscriptionQueue(all[i].Subscription)); err != nil {
		return edge.Response{}, m.broken(err)
	}
	err = m.Subscriptions.DeleteSubscription(ctx, r.Account, all[i].User, all[i].Name)
	return edge.Response{Status: http.StatusNoContent}, err
}

// broken is what a tenant is told of a broker that did not do it; the log says why.
func (m *module) broken(err error) error {
	m.Log.Warn("subscription not changed", "error", err)
	if errors.Is(err, bus.ErrForbidden) {
		return errNoRight
	}
	return errAway
}

// members are those of a subscription in a request.
var members = edge.Members{"subscription": {"name": nil, "user": nil, "types": nil, "server": nil}}

// read reads {"subscription": {"name": ..., "user": ..., "types": [...], "server": ...}} but for its user.
func (m *module) read(ctx context.Context, r *edge.Request) (s schemas.Subscription, err error) {
	if err := members.Check(r.Body, "The body"); err != nil {
		return s, err
	}
	body, given := r.Body.Given("subscription")
	if !given || body.Kind != document.Object {
		return s, invalid(`The body must have an object "subscription".`)
	}
	name, _ := body.Member("name")
	if s.Name, given = name.Text(); !given {
		return s, invalid("name must be a text.")
	}
	if s.Types, err = types(body); err != nil {
		return s, err
	}
	if server, given := body.Given("server"); given {
		id, ok := server.Int()
		if !ok || id <= 0 || server.Kind != document.Number {
			return s, invalid("server must be a positive whole number.")
		}
		if _, err := m.Reader.Object(ctx, schemas.ActorServer, r.Account, id); err != nil {
			return s, err
		}
		s.Server = schemas.ServerID(id)
	}
	return s, s.Check()
}

func types(body document.Value) (list []string, err error) {
	given, ok := body.Given("types")
	if !ok {
		return nil, nil
	}
	if given.Kind != document.Array {
		return nil, invalid("types must be a list of texts.")
	}
	for _, item := range given.Items() {
		text, ok := item.Text()
		if !ok {
			return nil, invalid("types must be a list of texts.")
		}
		list = append(list, text)
	}
	return list, nil
}

// user is the account's user of the bus: the one that is named, or the only one.
func (m *module) user(ctx context.Context, r *edge.Request) (string, error) {
	all, err := m.BusUsers.BusUsers(ctx)
	if err != nil {
		return "", err
	}
	own := slices.DeleteFunc(all, func(u storage.BusUser) bool { return u.Account != r.Account })
	if len(own) == 0 {
		return "", errNoUser
	}
	body, _ := r.Body.Member("subscription")
	given, ok := body.Given("user")
	if !ok {
		if len(own) > 1 {
			return "", invalid("The account has several users of the bus: say which one, user.")
		}
		return own[0].Name, nil
	}
	name, _ := given.Text()
	if !slices.ContainsFunc(own, func(u storage.BusUser) bool { return u.Name == name }) {
		return "", invalid("user must be a user of the bus that the account has.")
	}
	return name, nil
}

func appendOne(dst []byte, s *storage.Subscription) []byte {
	dst = edge.AppendString(append(dst, `{"queue":`...), string(bus.SubscriptionQueue(s.Subscription)))
	dst = edge.AppendString(append(dst, `,"user":`...), s.User)
	dst = edge.AppendString(append(dst, `,"name":`...), s.Name)
	dst = append(dst, `,"types":[`...)
	for i, t := range s.Types {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = edge.AppendString(dst, t)
	}
	dst = append(dst, `],"server":`...)
	if s.Server == 0 {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendInt(dst, int64(s.Server), 10)
	}
	dst = append(dst, `,"created":"`...)
	dst = s.Created.UTC().AppendFormat(dst, time.RFC3339)
	return append(dst, `"}`...)
}

func invalid(format string, args ...any) error {
	return schemas.Errorf(schemas.KindInvalid, format, args...)
}
