package edge

import (
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// FuzzCommands feeds what a program of a tenant may send: it is refused with a fault that says why, or what is taken of it keeps the bounds.
func FuzzCommands(f *testing.F) {
	f.Add("key", "server.reboot", "", "", "", "application/json", "", "", []byte(`{"target":1,"params":{"type":"SOFT"}}`))
	f.Add("", "", "key", "server.reboot", "replies.a.b", "application/json; charset=utf-8", "", "60000", []byte(`{"target":1}`))
	f.Add("key", "server.reboot", "other", "", "replies.ab", "text/plain", "gzip", "-1", []byte(`{"target":1,"target":2}`))
	f.Add("k\x00", "server", "", "", "amq.rabbitmq.reply-to", ";", "utf-8", "1e3", []byte("{\"params\":{\"more\":[{}]}}\xff"))
	now := time.Now()
	taken := taken{
		user: storage.BusUser{Name: "a", Account: 1},
		ingress: &ingress{queue: bus.IngressQueue("a"), user: "a", door: &door{
			server: &Server{config: Config{Now: func() time.Time { return now }}},
			forms: map[schemas.Action]Submission{schemas.ServerReboot: {
				Params: Members{"type": nil},
				Order: func(target int64, _ document.Value) (Order, error) {
					return Order{Action: schemas.ServerReboot, Target: target}, nil
				},
			}},
		}},
	}
	f.Fuzz(func(t *testing.T, id, kind, headerID, headerKind, replyTo, content, coding, expiration string, body []byte) {
		c := taken
		c.replyTo = bus.RepliesQueue("a")
		c.message = &bus.Delivery{
			Message: bus.Message{ID: id, Type: schemas.MessageType(kind), ReplyTo: bus.Address(replyTo), Body: body},
			Outside: &bus.Outside{
				User: "a", ContentType: content, ContentEncoding: coding, Expiration: expiration,
				Headers: map[string]string{headerMessageID: headerID, headerType: headerKind},
			},
		}
		key, form, err := c.read()
		if !bus.Owns("a", c.replyTo) {
			t.Errorf("the answer goes to %q", c.replyTo)
		}
		if at, bad := c.expires(); bad == nil && !at.IsZero() && !at.After(now) {
			t.Errorf("expiration %q is over at once, and it is taken", expiration)
		}
		if err == nil {
			if len(key) == 0 {
				t.Errorf("no key of %q and %q", id, headerID)
			}
			_, err = form.order(body)
		}
		if f, known := faultOf(err); err != nil && (!known || f.status >= 500) {
			t.Errorf("%v is nobody's fault", err)
		}
	})
}
