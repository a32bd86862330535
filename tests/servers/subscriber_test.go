package servers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/wire"
)

// cloudEvent is what a subscriber knows of an event.
type cloudEvent struct{ ID, Type, PartitionKey, Sequence string }

// follows reads what the queue of events has, until nothing comes any more, and looks whether a subscriber can rebuild what happened: the
// events of each source in their order and without a gap, each repetition byte by byte the same. Nodes and broker have died meanwhile.
func (d *door) follows(t *testing.T) {
	o := d.shop
	o.t = t
	last := map[string]int{}                              // by source
	bodies := map[string]string{}                         // by id
	created := map[string]bool{}                          // sources whose create has ended
	end, quiet := time.Now().Add(time.Minute), time.Now() // since when nothing has come
	for len(created) < 30 || time.Since(quiet) < 3*time.Second {
		m, there, err := o.ch.Get("events.shop", true)
		switch {
		case err != nil:
			t.Fatal(err)
		case there:
			d.event(t, &m, last, bodies, created)
			quiet = time.Now()
		case time.Now().After(end):
			t.Fatalf("%d creates have ended for a subscriber, want 30", len(created))
		}
	}
	t.Logf("%d events of %d sources", len(bodies), len(last))
}

func (d *door) event(t *testing.T, m *amqp091.Delivery, last map[string]int, bodies map[string]string, created map[string]bool) {
	t.Helper()
	var e cloudEvent
	if err := json.Unmarshal(m.Body, &e); err != nil || m.ContentType != "application/cloudevents+json" || m.MessageId != e.ID || m.Type != e.Type ||
		m.Headers["cloudEvents_sequence"] != e.Sequence || !strings.HasPrefix(m.RoutingKey, d.alice.Account()+".") {
		t.Fatalf("event %s %v: %s, %v", m.RoutingKey, m.Headers, m.Body, err)
	}
	wire.CheckEvent(t, m.Body)
	if strings.Contains(string(m.Body), "canary") {
		t.Errorf("a secret is in event %s", m.Body)
	}
	if known, again := bodies[e.ID]; again {
		if known != string(m.Body) {
			t.Errorf("event %s came as %s and as %s", e.ID, known, m.Body)
		}
		return
	}
	bodies[e.ID] = string(m.Body)
	n, err := strconv.Atoi(e.Sequence)
	if before, known := last[e.PartitionKey]; err != nil || known && n != before+1 {
		t.Errorf("event %s comes after number %d", e.ID, before)
	}
	last[e.PartitionKey] = n
	if e.Type == "ozone.server.create.end" && strings.Contains(string(m.Body), `"name":"kill-`) {
		created[e.PartitionKey] = true
	}
}

// subscriptions sends a request to them, or to one; its answer must have the words and be as the document says.
func subscriptions(t *testing.T, c *client.Client, verb, queue, body string, status int, words string) string {
	t.Helper()
	path, form, sent := "/subscriptions", "/ozone/v1/{account}/subscriptions", any(body)
	if queue != "" {
		path, form = path+"/"+queue, form+"/{queue}"
	}
	if body == "" {
		sent = nil
	}
	r, err := c.Ozone(t.Context(), verb, path, sent)
	if err != nil || r.Status != status || !strings.Contains(string(r.Body), words) {
		t.Fatalf("%s %s %s = %+v, %v, want %d with %s", verb, path, body, r, err, status, words)
	}
	wire.CheckAnswer(t, verb, form, r.Status, r.Body)
	return string(r.Body)
}

// subscribes has alice order queues over HTTP: each gets what was ordered, and nothing else.
func (d *door) subscribes(t *testing.T) {
	order := func(c *client.Client, body string, status int, words string) {
		t.Helper()
		subscriptions(t, c, http.MethodPost, "", body, status, words)
	}
	first, err := d.alice.ActiveServer(t.Context(), "watched")
	if err != nil {
		t.Fatal(err)
	}
	one := fmt.Sprintf(`{"subscription":{"name":"one","server":%d,"types":["server.update"]}}`, first.ID)
	order(d.alice, `{"subscription":{"name":"ends","types":["server.create.end"],"user":"shop"}}`, http.StatusCreated, `"queue":"events.shop.ends"`)
	order(d.alice, one, http.StatusCreated, `"types":["server.update"]`)
	order(d.alice, one, http.StatusCreated, `"queue":"events.shop.one"`) // again it is the same
	order(d.alice, `{"subscription":{"name":"one"}}`, http.StatusConflict, "exists")
	order(d.alice, `{"subscription":{"name":"a.b"}}`, http.StatusBadRequest, "name")
	order(d.alice, `{"subscription":{"name":"x","user":"other"}}`, http.StatusBadRequest, "user")
	order(d.alice, `{"subscription":{"name":"x","account":1}}`, http.StatusBadRequest, "account")
	order(d.bob, one, http.StatusNotFound, "itemNotFound")
	subscriptions(t, d.bob, http.MethodDelete, "events.shop.one", "", http.StatusNotFound, "itemNotFound")
	o := d.shop
	o.t = t
	d.ends(t, o.accepted("server.update", "sub-1", fmt.Sprintf(`{"target":%d,"params":{"name":"renamed"}}`, first.ID)))
	d.ends(t, o.accepted("server.create", "sub-2", `{"params":{"name":"second","imageId":1,"flavorId":1}}`))
	for queue, want := range map[string]string{"events.shop.one": "ozone.server.update.end", "events.shop.ends": "ozone.server.create.end"} {
		m, err := o.next(queue)
		if err != nil || m.Type != want {
			t.Errorf("%s has %s, %v, want %s", queue, m.Type, err, want)
		}
		if more, there, err := o.ch.Get(queue, true); err != nil || there {
			t.Errorf("%s has %s too, %v", queue, more.Body, err)
		}
	}
	if all := subscriptions(t, d.alice, http.MethodGet, "", "", http.StatusOK, ""); strings.Count(all, `"queue"`) != 2 {
		t.Errorf("GET = %s, want both", all)
	}
	subscriptions(t, d.alice, http.MethodDelete, "events.shop.one", "", http.StatusNoContent, "")
	subscriptions(t, d.alice, http.MethodDelete, "events.shop.one", "", http.StatusNotFound, "itemNotFound")
	if out := d.command(t, "bus", "queue", "list", "shop"); strings.Contains(out, "events.shop.one") || !strings.Contains(out, "events.shop.ends") {
		t.Errorf("bus queue list: %s", out)
	}
}
