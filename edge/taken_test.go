package edge

import (
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// TakeAnything feeds what a program of a tenant may send to the forms of modules: it is refused with a fault that says why, or what is
// taken of it keeps the bounds. It is half of FuzzCommands, whose other half knows the modules.
func TakeAnything(f *testing.F, forms map[schemas.Action]Submission) {
	f.Helper()
	f.Add("key", "server.reboot", "", "", "", "application/json", "", "", []byte(`{"target":1,"params":{"type":"SOFT"}}`))
	f.Add("", "", "key", "server.reboot", "replies.a.b", "application/json; charset=utf-8", "", "60000", []byte(`{"target":1}`))
	f.Add("key", "server.reboot", "other", "", "replies.ab", "text/plain", "gzip", "-1", []byte(`{"target":1,"target":2}`))
	for kind, body := range map[schemas.Action]string{
		schemas.ServerCreate: `{"params":{"name":"a","imageId":1,"flavorId":"2","sharedIpGroupId":3,"addresses":{"public":["198.18.0.1"]},` +
			`"metadata":{"a":"b"},"personality":[{"path":"/etc/motd","contents":"YQ=="}]}}`,
		schemas.ServerUpdate:        `{"target":1,"params":{"name":"b"}}`,
		schemas.ServerDelete:        `{"target":1}`,
		schemas.ServerRebuild:       `{"target":1,"params":{"imageId":2}}`,
		schemas.ServerResize:        `{"target":1,"params":{"flavorId":2}}`,
		schemas.ServerShareIP:       `{"target":1,"params":{"sharedIpGroupId":3,"address":"198.18.0.1","configureServer":true}}`,
		schemas.ServerUnshareIP:     `{"target":1,"params":{"address":"198.18.0.1"}}`,
		schemas.ServerImage:         `{"params":{"serverId":1,"name":"i"}}`,
		schemas.BackupSet:           `{"target":1,"params":{"enabled":true,"weekly":"SUNDAY","daily":"H_0400_0600"}}`,
		schemas.SharedIPGroupCreate: `{"params":{"name":"g","server":1}}`,
	} {
		f.Add("key", string(kind), "", "", "", "", "", "", []byte(body))
	}
	f.Add("k\x00", "server", "", "", "amq.rabbitmq.reply-to", ";", "utf-8", "1e3", []byte("{\"params\":{\"more\":[{}]}}\xff"))
	now := time.Now()
	taken := taken{
		user: storage.BusUser{Name: "a", Account: 1},
		ingress: &ingress{queue: bus.IngressQueue("a"), user: "a", door: &door{
			server: &Server{config: Config{Now: func() time.Time { return now }}},
			forms:  forms,
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
			var o Order
			if o, err = form.order(body); err == nil {
				inBounds(t, o)
			}
		}
		if f, known := faultOf(err); err != nil && (!known || f.status >= 500) {
			t.Errorf("%v is nobody's fault", err)
		}
	})
}

// inBounds looks at what an order has of its sender's.
func inBounds(t *testing.T, o Order) {
	t.Helper()
	p := o.Params
	texts := []string{p.Address}
	if p.Name != nil {
		texts = append(texts, *p.Name)
	}
	for k, v := range p.Metadata {
		texts = append(texts, k, v)
	}
	for _, text := range texts {
		if len(text) > 255 || !schemas.CleanText(text) {
			t.Errorf("%s takes %q", o.Action, text)
		}
	}
	files := o.Payload.Personality
	if o.Action == "" || o.Target < 0 || o.Target > schemas.MaxID || len(p.Metadata) > 5 || len(files) > 5 || p.Image < 0 || p.Flavor < 0 || p.Group < 0 {
		t.Errorf("the order is %+v", o)
	}
	for _, file := range files {
		if len(file.Path) > 255 || len(file.Contents) > 10240 || !strings.HasPrefix(file.Path, "/") {
			t.Errorf("%s takes a file %q of %d bytes", o.Action, file.Path, len(file.Contents))
		}
	}
}
