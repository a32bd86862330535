package servers_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// repeats is how often one create is sent with its key.
const repeats = 100

// TestAKeyIsOneServerWhateverDies repeats a create over both edges while an engine dies, and once more when it is back.
func TestAKeyIsOneServerWhateverDies(t *testing.T) {
	t.Parallel()
	p := &processes{servers: newServers(t)}
	p.engine = nodetest.StartWith(t, p.process(t, "engine,host", "--hosts", "sim:1-4"))
	p.key = filepath.Join(p.engine.Dir(), "secret.key")
	other := nodetest.StartWith(t, p.process(t, "engine,host", "--hosts", "sim:5-8"))
	p.startEdges(t)
	for _, victim := range []*node.Node{p.engine, other} { // one of them has the account's shard
		key := fmt.Sprintf("killed-%d", victim.PID())
		var all sync.WaitGroup
		answers, answered := make([]*client.Reply, repeats), make(chan struct{}, repeats) // a word for each answer
		for i := range repeats {
			if i == repeats/2 {
				<-answered // the others are under way
				if err := victim.Kill9(); err != nil {
					t.Fatal(err)
				}
			}
			all.Go(func() {
				answers[i] = p.repeat(t, i, key)
				answered <- struct{}{}
			})
		}
		all.Wait()
		if _, err := victim.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.wantOne(t, key, answers)
	}
}

// repeat sends the create of a key through one of the edges.
func (p *processes) repeat(t *testing.T, i int, key string) *client.Reply {
	t.Helper()
	_, r, _ := p.tenant[i%2].CreateServer(t.Context(), key, 1, 1, "Idempotency-Key", key) // the reply says all
	if r == nil {
		t.Errorf("repetition %d of %s got no answer", i, key)
		return &client.Reply{}
	}
	return r
}

// wantOne repeats all once more: each answer, then and now, is the same operation. A 503 names an operation that is that one,
// or that never was.
func (p *processes) wantOne(t *testing.T, key string, answers []*client.Reply) {
	t.Helper()
	var operation string
	for i := range repeats {
		r := p.repeat(t, i, key)
		if i == 0 {
			operation = r.Operation()
		}
		if r.Status != http.StatusAccepted || r.Operation() != operation || operation == "" {
			t.Errorf("repetition %d at the end: %d, operation %q, want 202 and %q", i, r.Status, r.Operation(), operation)
		}
	}
	unavailable, others := 0, 0
	for i, r := range answers {
		switch {
		case r.Status == http.StatusAccepted && r.Operation() == operation:
		case r.Status == http.StatusServiceUnavailable && r.Operation() == operation:
			unavailable++
		case r.Status == http.StatusServiceUnavailable && r.Operation() != "":
			others++
			if o, _, err := p.tenant[0].Operation(t.Context(), r.Operation(), 0); err == nil && o.Accepted() {
				t.Errorf("repetition %d: 503 with operation %s, which is %s, want %q", i, o.ID, o.State, operation)
			}
		default:
			t.Errorf("repetition %d: %d %s, operation %q, want 202 or 503 and %q", i, r.Status, r.Body, r.Operation(), operation)
		}
	}
	t.Logf("%d repetitions: %d got 503 with their operation, %d with one that never was", repeats, unavailable, others)
	list, err := p.tenant[1].Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, s := range list {
		if s.Name == key {
			named++
		}
	}
	if named != 1 {
		t.Errorf("%d servers of key %s, want 1", named, key)
	}
}
