package servers_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
)

// promptly is how long an answer may take that waits for the broker alone: far less than the wait for a decision.
const promptly = 2 * time.Second

// queued sends commands while no engine lives and kills the broker before one does.
func (p *processes) queued(t *testing.T) {
	kept, err := p.tenant[0].ActiveServer(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	engines := []*node.Node{p.engine, p.second}
	for _, n := range engines {
		if err := n.Kill9(); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now() // a command waits for 59 s
	var sent []*client.Reply
	for i := range 10 {
		sent = append(sent, p.sendAsync(t, i, http.MethodPost, "/servers", `{"server":{"name":"queued","imageId":1,"flavorId":1}}`))
	}
	sent = append(sent, p.sendAsync(t, 0, http.MethodPost, fmt.Sprintf("/servers/%d/action", kept.ID), `{"reboot":{"type":"HARD"}}`))
	p.broker.Kill9()
	if err := p.broker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range sent {
		p.wantQueued(t, r)
	}
	for _, n := range engines {
		if _, err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range sent {
		await(t, p.tenant[0], r, nil)
	}
	t.Logf("%d commands are done %v after the first was sent", len(sent), time.Since(began))
}

// sendAsync sends a command that must be answered with its operation at once, which both edges show as queued.
func (p *processes) sendAsync(t *testing.T, i int, method, path, body string) *client.Reply {
	t.Helper()
	began := time.Now()
	r, err := p.tenant[i%2].Do(t.Context(), method, path, body, "Prefer", "respond-async")
	if took := time.Since(began); err != nil || r.Status != http.StatusAccepted || took > promptly {
		t.Fatalf("%s %s without an engine: %+v, %v after %v, want 202 within %v", method, path, r, err, took, promptly)
	}
	var o client.Operation
	if err := r.Decode("operation", &o); err != nil || o.State != "queued" || o.ID != r.Operation() {
		t.Errorf("%s %s without an engine: %s, %v, want its operation, queued", method, path, r.Body, err)
	}
	p.wantQueued(t, r)
	return r
}

func (p *processes) wantQueued(t *testing.T, r *client.Reply) {
	t.Helper()
	for _, c := range p.tenant {
		if o, _, err := c.Operation(t.Context(), r.Operation(), 0); err != nil || o.State != "queued" {
			t.Errorf("operation %s without an engine: %+v, %v, want queued", r.Operation(), o, err)
		}
	}
}
