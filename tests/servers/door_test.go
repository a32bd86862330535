package servers_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
	"github.com/ozonecloud/ozone/tests/wire"
)

// command runs one of the operator's on the servers.
func (s *servers) command(t *testing.T, args ...string) string {
	t.Helper()
	out, err := node.Run(t.Context(), nodetest.Binary(t), s.env(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *servers) env() []string {
	return []string{"OZONE_BUS=" + s.bus, "OZONE_STORE=" + s.store, "OZONE_BUS_ADMIN=" + s.broker.AdminURL()}
}

// door is a cloud with two accounts and a program of each.
type door struct {
	*servers

	node        *node.Node
	alice, bob  *client.Client
	shop, other *outsider
}

func TestDoor(t *testing.T) {
	s := newServers(t)
	s.drop(t, "tenants")
	n := nodetest.StartWith(t, s.config(t, "--lost-after", "5m")) // a broker that starts slowly must not cost the hosts
	d := &door{servers: s, node: n, alice: nodetest.Client(t, n, "alice"), bob: nodetest.Client(t, n, "bob")}
	d.shop, d.other = s.newOutsider(t, d.alice.Account(), "shop"), s.newOutsider(t, d.bob.Account(), "other")
	t.Run("a program drives a server from its create to its delete", d.life)
	t.Run("a repetition has the first answer", d.repeats)
	t.Run("what cannot be taken is answered with the reason", d.rejects)
	t.Run("what nobody can be told about is a dead letter", d.buries)
	t.Run("what expired is answered and not done", d.expires)
	t.Run("nobody reaches another account", d.walls)
	t.Run("a thousand repetitions are one command", d.thousand)
	t.Run("no secret of a program is kept", d.secrets)
	t.Run("nobody forges", d.forges)
	t.Run("rate limits count for the bus too", d.rates)
	t.Run("a flood harms its sender only", d.floods)
	t.Run("a killed node and a killed broker make one effect", d.kills)
	t.Run("a subscriber rebuilds what happened", d.follows)
	t.Run("a tenant orders a queue of events", d.subscribes)
	t.Run("programs that were written for any broker", d.tools)
	t.Run("users and queues from the command line", d.users)
	nodetest.Audit(t, n)
}

func (d *door) life(t *testing.T) {
	o := d.shop
	o.t = t
	made := o.accepted("server.create", "life-1", `{"params":{"name":"web","imageId":1,"flavorId":1,"metadata":{"a":"b"},"adminPass":"canary-5ab"}}`,
		func(p *amqp091.Publishing) {
			p.Headers = amqp091.Table{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
		})
	if made.Target.Kind != "server" || !strings.Contains(string(made.Representation), `"name":"web"`) || strings.Contains(string(made.Representation), "canary") ||
		strings.Contains(string(made.Representation), "adminPass") || !strings.HasPrefix(made.trace, "00-0af7") {
		t.Errorf("server.create = %+v %s, want the server without its password, and the trace", made, made.Representation)
	}
	d.ends(t, made)
	target := func(params string) string { return fmt.Sprintf(`{"target":%d,"params":%s}`, made.Target.ID, params) }
	for i, c := range []struct{ kind, body string }{
		{"server.update", target(`{"name":"front"}`)},
		{"server.reboot", target(`{"type":"HARD"}`)},
		{"server.rebuild", target(`{"imageId":2}`)},
		{"server.resize", target(`{"flavorId":2}`)},
		{"server.resize_confirm", fmt.Sprintf(`{"target":%d}`, made.Target.ID)},
		{"server.resize", target(`{"flavorId":1}`)},
		{"server.resize_revert", target(`null`)},
	} {
		d.ends(t, o.accepted(c.kind, fmt.Sprint("life-2-", i), c.body))
	}
	image := o.accepted("server.image", "life-3", target(`{"name":"kept"}`))
	if image.Target.Kind != "image" {
		t.Errorf("server.image = %+v, want an image", image)
	}
	d.ends(t, image)
	o.accepted("image.delete", "life-4", fmt.Sprintf(`{"target":%d}`, image.Target.ID))
	group := o.accepted("shared_ip_group.create", "life-5", fmt.Sprintf(`{"params":{"name":"g","server":%d}}`, made.Target.ID))
	second := o.accepted("server.create", "life-6", fmt.Sprintf(`{"params":{"name":"back","imageId":1,"flavorId":1,"sharedIpGroupId":%d}}`, group.Target.ID))
	d.ends(t, second)
	first, _, err := d.alice.Server(t.Context(), made.Target.ID)
	if err != nil || first.Status != "ACTIVE" || first.Name != "front" {
		t.Fatalf("the server is %+v, %v", first, err)
	}
	share := fmt.Sprintf(`{"target":%d,"params":{"sharedIpGroupId":%d,"address":%q,"configureServer":true}}`, second.Target.ID, group.Target.ID, first.Addresses.Public[0])
	d.ends(t, o.accepted("server.share_ip", "life-7", share))
	d.ends(t, o.accepted("server.unshare_ip", "life-8", fmt.Sprintf(`{"target":%d,"params":{"address":%q}}`, second.Target.ID, first.Addresses.Public[0])))
	for i, id := range []int64{made.Target.ID, second.Target.ID} {
		d.ends(t, o.accepted("server.delete", fmt.Sprint("life-9-", i), fmt.Sprintf(`{"target":%d}`, id)))
	}
	o.accepted("shared_ip_group.delete", "life-10", fmt.Sprintf(`{"target":%d}`, group.Target.ID))
}

// ends waits until the operation has succeeded.
func (d *door) ends(t *testing.T, v verdict) {
	t.Helper()
	if o, err := d.alice.Await(t.Context(), v.Operation); err != nil || o.State != "succeeded" {
		t.Fatalf("operation %s ended %s (%+v), %v", v.Operation, o.State, o.Error, err)
	}
}

func (d *door) repeats(t *testing.T) {
	o := d.shop
	o.t = t
	const body = `{"params":{"name":"once","imageId":1,"flavorId":1}}`
	first := o.accepted("server.create", "once", body)
	for range 4 {
		o.publish(o.command("server.create", "once", body))
	}
	if last := o.await("once", 5); last.Operation != first.Operation || last.Target != first.Target {
		t.Errorf("the fifth answer = %+v, want that of %+v", last, first)
	}
	r, err := d.alice.Do(t.Context(), http.MethodPost, "/servers", []byte(`{"server":{"name":"once","imageId":1,"flavorId":1}}`), "Idempotency-Key", "once")
	if err != nil || r.Operation() != first.Operation {
		t.Errorf("the same over HTTP = %+v, %v, want operation %s", r, err, first.Operation)
	}
	o.publish(o.command("server.create", "once", `{"params":{"name":"other","imageId":1,"flavorId":1}}`))
	if v := o.await("once", 6); v.kind != "command.rejected" || v.Fault != "badRequest" {
		t.Errorf("another command of the same id = %+v, want it rejected", v)
	}
	list, err := d.alice.Servers(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("servers = %+v, %v, want one", list, err)
	}
}

func (d *door) rejects(t *testing.T) {
	o := d.shop
	o.t = t
	with := func(change func(*amqp091.Publishing)) func(*amqp091.Publishing) { return change }
	const create = `{"params":{"imageId":1,"flavorId":1}}`
	for name, c := range map[string]struct {
		kind, body string
		change     func(*amqp091.Publishing)
		fault      string
		words      string
	}{
		"not JSON":             {"server.create", `server`, nil, "badRequest", "JSON"},
		"nothing":              {"server.create", ``, nil, "badRequest", "JSON"},
		"a duplicate":          {"server.create", `{"params":{"imageId":1,"imageId":1,"flavorId":1}}`, nil, "badRequest", "twice"},
		"two documents":        {"server.create", create + create, nil, "badRequest", "JSON"},
		"bad UTF-8":            {"server.create", "{\"params\":{\"name\":\"\xff\"}}", nil, "badRequest", "UTF-8"},
		"a strange member":     {"server.create", `{"params":{"imageId":1,"flavorId":1,"account":1}}`, nil, "badRequest", "account"},
		"a strange outer one":  {"server.create", `{"account":1,"params":{"imageId":1,"flavorId":1}}`, nil, "badRequest", "account"},
		"a strange inner one":  {"server.create", `{"params":{"imageId":1,"flavorId":1,"personality":[{"path":"/a","contents":"","mode":1}]}}`, nil, "badRequest", "mode"},
		"no image":             {"server.create", `{"params":{"flavorId":1}}`, nil, "badRequest", "imageId"},
		"a create with target": {"server.create", `{"target":1,"params":{"imageId":1,"flavorId":1}}`, nil, "badRequest", "target"},
		"no target":            {"server.delete", `{}`, nil, "badRequest", "target"},
		"target 0":             {"server.delete", `{"target":0}`, nil, "badRequest", "target"},
		"a target beyond":      {"server.delete", `{"target":99999999999}`, nil, "itemNotFound", "Not Found"},
		"no such server":       {"server.delete", `{"target":2000000000}`, nil, "itemNotFound", ""},
		"an unknown type":      {"server.fly", create, nil, "badRequest", "server.fly"},
		"an operator's type":   {"server.suspend", `{"target":1}`, nil, "badRequest", "server.suspend"},
		"no type":              {"", create, nil, "badRequest", "type"},
		"types that differ":    {"server.create", create, with(func(p *amqp091.Publishing) { p.Headers = amqp091.Table{"ozone-type": "server.delete"} }), "badRequest", "ozone-type"},
		"a text":               {"server.create", create, with(func(p *amqp091.Publishing) { p.ContentType = "text/plain" }), "badMediaType", "application/json"},
		"gzip":                 {"server.create", create, with(func(p *amqp091.Publishing) { p.ContentEncoding = "gzip" }), "badMediaType", "content_encoding"},
		"no id":                {"server.create", create, with(func(p *amqp091.Publishing) { p.MessageId = "" }), "badRequest", "message_id"},
		"a long id":            {"server.create", create, with(func(p *amqp091.Publishing) { p.MessageId = strings.Repeat("x", 65) }), "badRequest", "message_id"},
		"an id with a blank":   {"server.create", create, with(func(p *amqp091.Publishing) { p.MessageId = "a b" }), "badRequest", "message_id"},
		"a long id in a header": {"server.create", create, with(func(p *amqp091.Publishing) {
			p.MessageId, p.Headers = "", amqp091.Table{"ozone-message-id": strings.Repeat("x", 300)}
		}), "badRequest", "message_id"},
		"ids that differ":       {"server.create", create, with(func(p *amqp091.Publishing) { p.Headers = amqp091.Table{"ozone-message-id": "other"} }), "badRequest", "ozone-message-id"},
		"another's reply queue": {"server.create", create, with(func(p *amqp091.Publishing) { p.ReplyTo = "replies.other" }), "badRequest", "reply_to"},
		"a node's queue":        {"server.create", create, with(func(p *amqp091.Publishing) { p.ReplyTo = "ozone.shard.000" }), "badRequest", "reply_to"},
		"a queue like its own":  {"server.create", create, with(func(p *amqp091.Publishing) { p.ReplyTo = "replies.shopping" }), "badRequest", "reply_to"},
		"a large body":          {"server.create", `{"params":{"name":"` + strings.Repeat("x", 1<<20) + `"}}`, nil, "overLimit", "too large"},
		"confirm before resize": {"server.resize_confirm", `{"target":` + d.one(t) + `}`, nil, "", ""},
	} {
		v := o.ask(c.kind, "reject-"+strings.ReplaceAll(name, " ", "-"), c.body, func(p *amqp091.Publishing) {
			p.CorrelationId = "about " + name
			if c.change != nil {
				c.change(p)
			}
		})
		if v.kind != "command.rejected" || c.fault != "" && v.Fault != c.fault || !strings.Contains(v.Message, c.words) {
			t.Errorf("%s: %+v, want it rejected as %s with %q", name, v, c.fault, c.words)
		}
	}
	v := o.ask("", "", create, func(p *amqp091.Publishing) {
		p.Headers = amqp091.Table{"ozone-message-id": "by-header", "ozone-type": "server.create"}
		p.ContentType, p.CorrelationId = "", "by header"
	})
	if v.kind != "command.accepted" {
		t.Errorf("id and type in headers: %+v, want it accepted", v)
	}
	deep := any("bottom")
	for range 40 {
		deep = amqp091.Table{"deeper": deep}
	}
	for name, change := range map[string]func(*amqp091.Publishing){
		"nested headers":     func(p *amqp091.Publishing) { p.Headers = amqp091.Table{"x": deep} },
		"large headers":      func(p *amqp091.Publishing) { p.Headers = amqp091.Table{"x": strings.Repeat("x", 130_900)} },
		"a trace that is no": func(p *amqp091.Publishing) { p.Headers = amqp091.Table{"traceparent": strings.Repeat("x", 3000)} },
		"an odd id":          func(p *amqp091.Publishing) { p.MessageId = strings.Repeat("~", 64) },
		"odd properties": func(p *amqp091.Publishing) {
			p.ContentType, p.DeliveryMode, p.Priority, p.Expiration, p.AppId = "APPLICATION/json; charset=utf-8", 1, 255, "4294967295", strings.Repeat("x", 255)
		},
	} {
		v := o.ask("server.reboot", "odd-"+strings.ReplaceAll(name, " ", "-"), `{"target":`+d.one(t)+`,"params":{"type":"x"}}`, func(p *amqp091.Publishing) {
			p.CorrelationId = "about " + name
			change(p)
		})
		if v.kind != "command.rejected" || !strings.Contains(v.Message, "SOFT") || v.trace != "" {
			t.Errorf("%s: %+v, want it read down to its params, and no trace", name, v)
		}
	}
	own := d.command(t, "bus", "queue", "create", "shop", "mine", "--replies")
	if strings.TrimSpace(own) != "replies.shop.mine" {
		t.Errorf("bus queue create = %q", own)
	}
	p := o.command("server.create", "to-mine", create)
	p.ReplyTo = "replies.shop.mine"
	o.publish(p)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for range 600 {
		m, there, err := o.ch.Get("replies.shop.mine", true)
		if err != nil {
			t.Fatal(err)
		}
		if there {
			wire.Check(t, m.Type, m.Body)
			if m.Type != "command.accepted" || m.CorrelationId != "to-mine" {
				t.Errorf("answer in the queue that was named: %s %s", m.Type, m.Body)
			}
			return
		}
		<-again.C
	}
	t.Error("no answer in the queue that was named")
}

// one is the number of a server of alice's.
func (d *door) one(t *testing.T) string {
	t.Helper()
	list, err := d.alice.Servers(t.Context())
	if err != nil || len(list) == 0 {
		t.Fatalf("servers = %+v, %v, want one", list, err)
	}
	return strconv.FormatInt(list[0].ID, 10)
}

func (d *door) buries(t *testing.T) {
	o := d.shop
	o.t = t
	p := o.command("server.create", "nameless", `{"params":{"imageId":1,"flavorId":1,"adminPass":"canary-77"}}`)
	p.UserId = ""
	if !o.publish(p) {
		t.Fatal("the broker did not take it")
	}
	d.awaitDead(t, "nameless", "no user_id")
	out := d.command(t, "bus", "dead", "show", "nameless")
	if !strings.Contains(out, "ingress.shop") || strings.Contains(out, "canary") {
		t.Errorf("bus dead show: %s", out)
	}
	if _, err := node.Run(t.Context(), nodetest.Binary(t), d.env(), "bus", "dead", "replay", "nameless"); err == nil || !strings.Contains(err.Error(), "only that can send it") {
		t.Errorf("bus dead replay of a tenant's message = %v, want a refusal", err)
	}
	o.accepted("server.create", "after-nameless", `{"params":{"imageId":1,"flavorId":1}}`)
}

// awaitDead waits for a dead letter.
func (d *door) awaitDead(t *testing.T, id, reason string) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for {
		out := d.command(t, "bus", "dead", "list")
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, id) && strings.Contains(line, reason) {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("no dead letter %q of %q in\n%s", id, reason, out)
		}
	}
}

func (d *door) expires(t *testing.T) {
	o := d.shop
	o.t = t
	const create = `{"params":{"name":"late","imageId":1,"flavorId":1}}`
	for name, change := range map[string]func(*amqp091.Publishing){
		"expiration 0": func(p *amqp091.Publishing) { p.Expiration = "0" },
		"an old timestamp": func(p *amqp091.Publishing) {
			p.Timestamp, p.Expiration = time.Now().Add(-time.Hour), "60000"
		},
	} {
		v := o.ask("server.create", "late-"+name[:2], create, change)
		if v.kind != "command.rejected" || !strings.Contains(v.Message, "expired") {
			t.Errorf("%s: %+v, want it rejected as expired", name, v)
		}
	}
	if v := o.ask("server.create", "in-time", create, func(p *amqp091.Publishing) { p.Timestamp, p.Expiration = time.Now(), "60000" }); v.kind != "command.accepted" {
		t.Errorf("in time: %+v, want it accepted", v)
	}
}
