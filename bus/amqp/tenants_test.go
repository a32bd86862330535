package amqp_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/rig"
)

// TestNodesMakeSubscriptionsAndNothingElse has a user with the rights of a node, which the broker's administrator has given it.
func TestNodesMakeSubscriptionsAndNothingElse(t *testing.T) {
	t.Parallel()
	const vhost, node, password = "tenants-of-nodes", "weak-node", "sesame"
	where := rig.ChangeURL(t, shared.Vhost(t, vhost), func(u *url.URL) { u.User = url.UserPassword(node, password) })
	if err := shared.Admin(t.Context(), http.MethodPut, "/api/users/"+node, map[string]string{"password": password, "tags": ""}); err != nil {
		t.Fatal(err)
	}
	admin, err := amqp.NewAdmin(shared.AdminURL(), vhost)
	if err == nil {
		err = admin.Prepare(t.Context(), node)
	}
	if err == nil {
		err = admin.PutUser(t.Context(), "shop-of-nodes", password, 1001)
	}
	if err != nil {
		t.Fatal(err)
	}
	tenants := amqp.NewTenants(amqp.Config{URL: where, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	defer func() { _ = tenants.Close() }()
	s := schemas.Subscription{User: "shop-of-nodes", Name: "ends", Types: []string{"server.*.end"}}
	for range 2 {
		if err := tenants.Subscribe(t.Context(), 1001, s); err != nil {
			t.Fatalf("Subscribe() = %v", err)
		}
	}
	for key, kind := range map[string]string{"1001.server.7.reboot.start": "not", "1001.server.7.reboot.end": "wanted", "1002.server.7.reboot.end": "another's"} {
		if err := tenants.Post(t.Context(), bus.Post{Topic: bus.TopicEvents, Key: key, Type: kind, Body: []byte("{}")}).Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	raw(t, shared.URLOf(vhost), func(ch *amqp091.Channel) error {
		m, there, err := ch.Get("events.shop-of-nodes.ends", true)
		if !there || m.Type != "wanted" || m.MessageCount != 0 {
			t.Errorf("the queue has %q and %d more, %v, want the one that was subscribed", m.Type, m.MessageCount, err)
		}
		return err
	})
	for _, queue := range []bus.Address{"events.shop-of-nodes", "ingress.shop-of-nodes", "replies.shop-of-nodes", "expired", "dead"} {
		if err := tenants.Unsubscribe(t.Context(), queue); !errors.Is(err, bus.ErrForbidden) {
			t.Errorf("Unsubscribe(%s) = %v, want ErrForbidden", queue, err)
		}
	}
	for range 2 {
		if err := tenants.Unsubscribe(t.Context(), bus.SubscriptionQueue(s)); err != nil {
			t.Errorf("Unsubscribe() = %v", err)
		}
	}
}
