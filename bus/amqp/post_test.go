package amqp_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/rig"
)

// TestATopicThatRefusesPostsHarmsNothingElse has a user who may not write to the topic of operators, and then may.
func TestATopicThatRefusesPostsHarmsNothingElse(t *testing.T) {
	t.Parallel()
	const vhost, user, password, many = "posts", "half-node", "sesame", 100
	where := rig.ChangeURL(t, shared.Vhost(t, vhost), func(u *url.URL) { u.User = url.UserPassword(user, password) })
	if err := shared.Admin(t.Context(), http.MethodPut, "/api/users/"+user, map[string]string{"password": password, "tags": ""}); err != nil {
		t.Fatal(err)
	}
	mayWrite := func(what string) {
		t.Helper()
		rights := map[string]string{"configure": ".*", "write": what, "read": ".*"}
		if err := shared.Admin(t.Context(), http.MethodPut, "/api/permissions/"+vhost+"/"+user, rights); err != nil {
			t.Fatal(err)
		}
	}
	mayWrite(`^(?!ozone\.ops$)`)
	var log bytes.Buffer
	b := open(t, amqp.Config{URL: where, Log: slog.New(slog.NewTextHandler(&log, nil))})
	declare(t, b, bus.ShardQueue(1))
	posts := make([]bus.Post, many)
	for i := range posts {
		posts[i] = bus.Post{Topic: bus.TopicOps, Key: "-.host.7.lost.-", ID: strconv.Itoa(i), Body: []byte("{}")}
	}
	for range 3 {
		if err := b.Post(t.Context(), posts...).Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "'ozone.ops'") {
			t.Errorf("Post() without the right = %v, want an error that names the exchange", err)
		}
		if err := bus.Send(t.Context(), b, bus.ShardQueue(1), bus.Message{ID: "1", Type: schemas.TypeCommand}); err != nil {
			t.Errorf("Send() beside it = %v", err)
		}
	}
	mayWrite(".*")
	raw(t, shared.URLOf(vhost), func(ch *amqp091.Channel) error {
		if _, err := ch.QueueDeclare("watch", false, false, false, false, nil); err != nil {
			return err
		}
		return ch.QueueBind("watch", "*.host.#", bus.TopicOps, false, nil)
	})
	if err := b.Post(t.Context(), posts...).Wait(t.Context()); err != nil {
		t.Errorf("Post() with the right = %v", err)
	}
	raw(t, shared.URLOf(vhost), func(ch *amqp091.Channel) error {
		for i := range posts {
			if m, there, err := ch.Get("watch", true); err != nil || !there || m.MessageId != posts[i].ID || m.DeliveryMode != amqp091.Persistent {
				t.Fatalf("message %d is %q, %v, %v", i, m.MessageId, there, err)
			}
		}
		return nil
	})
	_ = b.Close()
	if strings.Contains(log.String(), "broker lost") {
		t.Errorf("the connection was given up:\n%s", log.String())
	}
	if err := b.Post(t.Context(), posts...).Wait(t.Context()); err == nil {
		t.Error("Post() on a closed bus = nil")
	}
}
