package servers_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// cloudEvent is what a subscriber knows of an event.
type cloudEvent struct{ ID, Type, PartitionKey, Sequence string }

// follows reads everything that the queue of events has by now, and looks whether a subscriber can rebuild what happened: the
// events of each source in their order and without a gap, each repetition byte by byte the same. Nodes and broker have died meanwhile.
func (d *door) follows(t *testing.T) {
	o := d.shop
	o.t = t
	last := map[string]int{}      // by source
	bodies := map[string]string{} // by id
	created := map[string]bool{}  // sources whose create has ended
	end := time.Now().Add(time.Minute)
	for len(created) < 30 || time.Now().Before(end.Add(-50*time.Second)) {
		m, there, err := o.ch.Get("events.shop", true)
		switch {
		case err != nil:
			t.Fatal(err)
		case there:
			d.event(t, &m, last, bodies, created)
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
