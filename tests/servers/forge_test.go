package servers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
	"github.com/ozonecloud/ozone/tests/rig"
)

// forges has a program of bob's try every way to speak in the name of alice's or to read what is hers.
func (d *door) forges(t *testing.T) {
	o := d.other
	const exchange, queue = "ingress.shop", "ingress.shop"
	forged := func(id string) amqp091.Publishing {
		p := o.command("server.create", id, `{"params":{"name":"forged","imageId":1,"flavorId":1}}`)
		return p
	}
	publish := func(x, key string, p amqp091.Publishing) error {
		return o.raw(func(ch *amqp091.Channel) error { return ch.PublishWithContext(t.Context(), x, key, false, false, p) })
	}
	p := forged("as-shop")
	p.UserId = "shop"
	refused(t, "a forged user_id", publish("ingress.other", "", p))
	refused(t, "another's exchange", publish(exchange, "", forged("direct")))
	refused(t, "the default exchange", publish("", queue, forged("default")))
	refused(t, "amq.topic", publish("amq.topic", queue, forged("topic")))
	refused(t, "the events", publish("events", "1.server.1.create.end", forged("event")))
	refused(t, "the operators' topic", publish("ozone.ops", "-.host.1.add.-", forged("ops")))
	refused(t, "a binding to it", o.raw(func(ch *amqp091.Channel) error { return ch.QueueBind("events.other", "#", "ozone.ops", false, nil) }))
	if conn, err := amqp091.Dial(rig.ChangeURL(t, o.url, func(u *url.URL) { u.Path = "/" + path.Base(d.bus) })); err == nil {
		t.Error("a program of a tenant is in the nodes' virtual host, where the events of hosts are")
		_ = conn.Close()
	}
	for _, header := range []string{"CC", "BCC"} {
		p := forged("forged-" + header)
		p.Headers = amqp091.Table{header: []any{queue, "replies.shop", "ozone.shard.000"}}
		if err := publish("ingress.other", queue, p); err != nil {
			t.Errorf("%s = %v: the exchange has no keys", header, err)
		}
		if v := o.await("forged-"+header, 1); v.kind != "command.accepted" { // as what it is: a command of bob's
			t.Errorf("%s: %+v", header, v)
		}
	}
	refused(t, "a queue", o.raw(func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclare("mine", true, false, false, false, nil)
		return err
	}))
	refused(t, "dead-lettering", o.raw(func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclare("replies.other.dl", true, false, false, false, amqp091.Table{"x-dead-letter-exchange": exchange, "x-message-ttl": 1})
		return err
	}))
	refused(t, "an alternate exchange", o.raw(func(ch *amqp091.Channel) error {
		return ch.ExchangeDeclare("ingress.other.alt", "direct", true, false, false, false, amqp091.Table{"alternate-exchange": exchange})
	}))
	refused(t, "an exchange binding", o.raw(func(ch *amqp091.Channel) error {
		return ch.ExchangeBind(exchange, "", "ingress.other", false, nil)
	}))
	refused(t, "a binding to the events", o.raw(func(ch *amqp091.Channel) error {
		return ch.QueueBind("events.other", "#", "events", false, nil)
	}))
	refused(t, "a binding of its own ingress", o.raw(func(ch *amqp091.Channel) error {
		return ch.QueueBind("ingress.other", "", "amq.fanout", false, nil)
	}))
	for _, name := range []string{"replies.shop", "events.shop", "ingress.shop", "ingress.other", "dead", "expired", "replies.otherwise"} {
		err := o.raw(func(ch *amqp091.Channel) error {
			_, _, err := ch.Get(name, true)
			return err
		})
		if err == nil {
			t.Errorf("reading %s is allowed", name)
		}
	}
	p = forged("x-death")
	p.Headers = amqp091.Table{"x-death": []any{amqp091.Table{"queue": "ingress.shop"}}, "x-first-death-queue": "ingress.shop", "ozone-expires": int64(1)}
	o.t = t
	if err := publish("ingress.other", "", p); err != nil {
		t.Errorf("forged x-death = %v", err)
	}
	if v := o.await("x-death", 1); v.kind != "command.accepted" {
		t.Errorf("forged x-death: %+v", v)
	}
	err := o.raw(func(ch *amqp091.Channel) error {
		const own = "amq.rabbitmq.reply-to" // the broker's way around queues: nobody could vouch for who reads there
		if _, err := ch.Consume(own, "", true, false, false, false, nil); err != nil {
			return err
		}
		p := forged("direct-reply")
		p.ReplyTo = own
		return ch.PublishWithContext(t.Context(), "ingress.other", "", false, false, p)
	})
	if err == nil {
		if v := o.await("direct-reply", 1); v.kind != "command.rejected" || !strings.Contains(v.Message, "reply_to") {
			t.Errorf("amq.rabbitmq.reply-to: %+v, want it rejected", v)
		}
	}
	list, err := d.alice.Servers(t.Context())
	for _, s := range list {
		if s.Name == "forged" {
			t.Errorf("alice has %+v", s)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func (d *door) rates(t *testing.T) {
	d.command(t, "account", "create", "--user", "slow", "--limits", "post=2/day")
	var account string
	for line := range strings.Lines(d.command(t, "account", "list")) {
		if word := strings.Fields(line); len(word) > 1 && word[1] == "slow" {
			account = word[0]
		}
	}
	o := d.newOutsider(t, account, "slow")
	for i, kind := range []string{"command.accepted", "command.rejected", "command.accepted", "command.rejected"} {
		body := `{"params":{"imageId":1,"flavorId":1}}`
		if i == 1 {
			body = `{}` // a fault does not count
		}
		v := o.ask("server.create", fmt.Sprint("rate-", i), body)
		if v.kind != kind || i == 3 && (v.Fault != "overLimit" || v.RetryAfter < 3600) {
			t.Errorf("command %d = %+v, want %s", i, v, kind)
		}
	}
}

// floods has bob's program send more than its queue takes, and looks how alice's fares.
func (d *door) floods(t *testing.T) {
	const many = 3000
	o := d.other
	o.t = t
	quiet := d.median(t, "quiet")
	var all sync.WaitGroup
	taken := 0
	all.Go(func() {
		for i := range many {
			if o.publish(o.command("server.reboot", fmt.Sprint("flood-", i), `{"target":1999999999,"params":{"type":"SOFT"}}`)) {
				taken++
			}
		}
	})
	flooded := d.median(t, "flooded")
	all.Wait()
	t.Logf("median of an answer: %v, during a flood %v; the broker took %d of %d", quiet, flooded, taken, many)
	if r, err := d.alice.Do(t.Context(), http.MethodGet, "/servers", nil); err != nil || r.Status != http.StatusOK {
		t.Errorf("GET /servers = %+v, %v", r, err)
	}
}

func (d *door) median(t *testing.T, name string) time.Duration {
	t.Helper()
	d.shop.t = t
	took := make([]time.Duration, 21)
	for i := range took {
		began := time.Now()
		d.shop.ask("server.reboot", fmt.Sprint(name, i), `{"target":1999999999,"params":{"type":"SOFT"}}`)
		took[i] = time.Since(began)
	}
	return took[len(took)/2]
}

// kills has each command sent five times while the node and the broker die.
func (d *door) kills(t *testing.T) {
	o := d.shop
	o.t = t
	const many = 30
	id := func(i int) string { return fmt.Sprint("kill-", i) }
	send := func(i int) {
		for range 5 {
			for !o.publish(o.command("server.create", id(i), fmt.Sprintf(`{"params":{"name":%q,"imageId":1,"flavorId":1}}`, id(i)))) {
				o.connect(t.Context())
			}
		}
	}
	for i := range many {
		send(i)
		switch i {
		case 10:
			if err := d.node.Kill9(); err != nil {
				t.Fatal(err)
			}
			if _, err := d.node.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 20:
			d.broker.Kill9()
			if err := d.broker.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			o.connect(t.Context())
		}
	}
	for i := range many {
		o.await(id(i), 5)
		o.mu.Lock()
		got := o.answers[id(i)]
		o.mu.Unlock()
		var first verdict
		for _, v := range got {
			switch {
			case v.Fault == "serviceUnavailable": // it was never done, and is asked for again
			case v.kind != "command.accepted" || first.kind != "" && (v.Operation != first.Operation || v.Target != first.Target):
				t.Errorf("%s: %+v beside %+v", id(i), v, first)
			default:
				first = v
			}
		}
		for n := len(got) + 1; first.kind != "command.accepted" && n < len(got)+50; n += 5 {
			send(i)
			first = o.await(id(i), n)
		}
		d.ends(t, first)
	}
	names := map[string]int{}
	list, err := d.alice.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		names[s.Name]++
	}
	for i := range many {
		if names[id(i)] != 1 {
			t.Errorf("%d servers of the name %s, want 1", names[id(i)], id(i))
		}
	}
}

func (d *door) users(t *testing.T) {
	fails := func(words string, args ...string) {
		t.Helper()
		if out, err := node.Run(t.Context(), nodetest.Binary(t), d.env(), args...); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("ozone %v = %v, %s, want an error with %q", args, err, out, words)
		}
	}
	fails("exists", "bus", "user", "create", d.bob.Account(), "shop")
	fails("not one of this cloud's", "bus", "user", "create", d.bob.Account(), "ozone")
	fails("small letter", "bus", "user", "create", d.bob.Account(), "a.b")
	fails("no account", "bus", "user", "create", "999999")
	fails("no user", "bus", "user", "rotate", "ozone")
	fails("no user", "bus", "user", "delete", "ozone")
	fails("is none of user", "bus", "queue", "delete", "other", "replies.shop")
	fails("needs RabbitMQ", "bus", "user", "list", "--bus", "inproc")
	d.command(t, "bus", "queue", "create", "other", "news", "--types", "server.resize.end,image")
	if out := d.command(t, "bus", "queue", "list", "other"); !strings.Contains(out, "events.other.news") || strings.Contains(out, "shop") {
		t.Errorf("bus queue list: %s", out)
	}
	fails("has all of them", "bus", "queue", "create", "other", "more", "--replies", "--types", "image")
	fails("json", "bus", "queue", "create", "other", "json")
	if err := d.broker.Admin(t.Context(), http.MethodDelete, "/api/queues/tenants/events.other.news", nil); err != nil { // as if the broker had lost it
		t.Fatal(err)
	}
	out := d.command(t, "bus", "user", "rotate", "other")
	if list := d.command(t, "bus", "queue", "list", "other"); !strings.Contains(list, "events.other.news") {
		t.Errorf("bus queue list after a rotate: %s", list)
	}
	d.command(t, "bus", "queue", "delete", "other", "events.other.news")
	if err := d.other.raw(func(*amqp091.Channel) error { return nil }); err == nil {
		t.Error("the old password still works")
	}
	for line := range strings.Lines(out) {
		if where, ok := strings.CutPrefix(line, "url "); ok {
			d.other.url = strings.TrimSpace(where)
		}
	}
	d.other.t = t
	d.other.connect(t.Context())
	d.other.accepted("server.create", "rotated", `{"params":{"imageId":1,"flavorId":1}}`)
	d.command(t, "bus", "user", "delete", "other")
	reborn := d.newOutsider(t, d.alice.Account(), "other") // at once, while edges may know it as bob's
	made := reborn.accepted("server.create", "reborn", `{"params":{"imageId":1,"flavorId":1}}`)
	if _, _, err := d.alice.Server(t.Context(), made.Target.ID); err != nil {
		t.Errorf("what alice's program made is not alice's: %v", err)
	}
	d.command(t, "bus", "user", "delete", "other")
	if out := d.command(t, "bus", "user", "list"); strings.Contains(out, "other") || !strings.Contains(out, "shop") {
		t.Errorf("bus user list: %s", out)
	}
}
