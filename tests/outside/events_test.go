package outside_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
	"github.com/ozonecloud/ozone/tests/wire"
)

// event is what tests look at of an event.
type event struct {
	ID            string
	Source        string
	Type          string
	Sequence      string
	CorrelationID string
	Data          struct {
		Server map[string]any
		Before map[string]any
	}
	raw string
}

// UnmarshalJSON keeps the text, too, and holds it to its schema.
func (e *event) UnmarshalJSON(text []byte) error {
	if err := wire.Event(text); err != nil {
		return err
	}
	type plain event
	e.raw = string(text)
	return json.Unmarshal(text, (*plain)(e))
}

// list reads a member of an answer below /ozone that is a list of events.
func list(t *testing.T, c *client.Client, path, member string) []event {
	t.Helper()
	r, err := c.Ozone(t.Context(), http.MethodGet, path, nil)
	expect(t, path, r, err, http.StatusOK, "")
	var all []event
	if err := r.Decode(member, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// shadow is what the API has shown of a server.
type shadow struct {
	mu     sync.Mutex
	bodies []string             // each one that was another than the one before; guarded by mu
	quiet  map[time.Time]string // between operations; guarded by mu
}

// watch asks for the server until ctx ends.
func (s *shadow) watch(ctx context.Context, c *client.Client, id int64) {
	for ctx.Err() == nil {
		r, err := c.Do(ctx, http.MethodGet, path(id), nil)
		if err != nil || r.Status != http.StatusOK {
			continue // the end of ctx, or of the server
		}
		s.mu.Lock()
		if n := len(s.bodies); n == 0 || s.bodies[n-1] != string(r.Body) {
			s.bodies = append(s.bodies, string(r.Body))
		}
		s.mu.Unlock()
	}
}

// TestHistoryIsWhatTheAPIHasShown does things with a server in any order while somebody looks at it all the time. The history
// has everything that was seen, in that order, and at each time what was shown then.
func TestHistoryIsWhatTheAPIHasShown(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s := active(t, c, "shadowed")
		seen := &shadow{quiet: map[time.Time]string{}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var looking sync.WaitGroup
		looking.Go(func() { seen.watch(ctx, c, s.ID) })
		for _, i := range rand.Perm(len(deeds)) {
			deeds[i](t, c, s.ID)
			r, err := c.Do(t.Context(), http.MethodGet, path(s.ID), nil)
			expect(t, "get", r, err, http.StatusOK, "")
			seen.quiet[time.Now()] = string(r.Body)
		}
		cancel()
		looking.Wait()
		r, err := c.Do(t.Context(), http.MethodDelete, path(s.ID), nil)
		expect(t, "delete", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")

		history := "/servers/" + itoa(s.ID) + "/history"
		events := list(t, c, history, "history")
		checkHistory(t, events)
		for _, e := range events {
			if strings.Contains(e.raw, "sim-") || strings.Contains(e.raw, `"host"`) || strings.Contains(e.raw, `"cluster"`) {
				t.Errorf("an event for a tenant names a host: %s", e.raw)
			}
		}
		next := 0
		for _, body := range seen.bodies {
			for next < len(events) && !shows(t, body, events[next].Data.Server) {
				next++
			}
			if next == len(events) {
				t.Fatalf("the history does not have %s behind what was seen before", body)
			}
		}
		for at, body := range seen.quiet {
			r, err := c.Ozone(t.Context(), http.MethodGet, history+"?at="+at.UTC().Format(time.RFC3339Nano), nil)
			expect(t, "history at a time", r, err, http.StatusOK, "")
			if string(r.Body) != body {
				t.Errorf("at %v the history has\n%s, the API showed\n%s", at, r.Body, body)
			}
		}
		r, err = c.Ozone(t.Context(), http.MethodGet, history+"?at=1000000000", nil)
		expect(t, "history before the server", r, err, http.StatusNotFound, "itemNotFound")
		r, err = c.Ozone(t.Context(), http.MethodGet, history+"?at=4000000000", nil)
		expect(t, "history of what was deleted", r, err, http.StatusNotFound, "itemNotFound")
	})
}

// deeds are what a tenant does with a server that is ACTIVE, and that leaves it so.
var deeds = []func(t *testing.T, c *client.Client, id int64){
	func(t *testing.T, c *client.Client, id int64) {
		t.Helper()
		r, err := c.Do(t.Context(), http.MethodPut, path(id), `{"server":{"name":"other"}}`)
		expect(t, "rename", r, err, http.StatusNoContent, "")
	},
	func(t *testing.T, c *client.Client, id int64) {
		t.Helper()
		act(t, c, id, `{"reboot":{"type":"SOFT"}}`, 202)
	},
	func(t *testing.T, c *client.Client, id int64) {
		t.Helper()
		act(t, c, id, `{"reboot":{"type":"HARD"}}`, 202)
	},
	func(t *testing.T, c *client.Client, id int64) {
		t.Helper()
		act(t, c, id, `{"rebuild":{"imageId":2}}`, 202)
	},
	func(t *testing.T, c *client.Client, id int64) {
		t.Helper()
		act(t, c, id, `{"resize":{"flavorId":2}}`, 202)
		act(t, c, id, `{"revertResize":null}`, 202)
		act(t, c, id, `{"resize":{"flavorId":3}}`, 202)
		act(t, c, id, `{"confirmResize":null}`, 204)
	},
	func(t *testing.T, c *client.Client, id int64) {
		t.Helper()
		g := makeGroup(t, c, id)
		r, err := c.Do(t.Context(), http.MethodDelete, "/shared_ip_groups/"+itoa(g.ID), nil)
		expect(t, "delete group", r, err, http.StatusNoContent, "")
	},
}

func act(t *testing.T, c *client.Client, id int64, body string, want int) {
	t.Helper()
	r, err := c.Action(t.Context(), id, body)
	expect(t, body, r, err, want, "")
	await(t, c, r, "succeeded")
}

// shows tells whether a body shows a server as an event does.
func shows(t *testing.T, body string, image map[string]any) bool {
	t.Helper()
	var doc struct{ Server map[string]any }
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(doc.Server, image)
}

// checkHistory fails unless events are numbered from 1 and each one says what the one before has shown, and no more than differs.
func checkHistory(t *testing.T, events []event) {
	t.Helper()
	for i := range events {
		e := &events[i]
		if e.Sequence != fmt.Sprintf("%020d", i+1) {
			t.Fatalf("event %d has the number %s", i+1, e.Sequence)
		}
		if i == 0 || events[i-1].Data.Server == nil {
			continue
		}
		before, differs := map[string]any{}, map[string]any{}
		for name, value := range events[i-1].Data.Server {
			before[name] = value
			if now, ok := e.Data.Server[name]; !ok || !reflect.DeepEqual(value, now) {
				differs[name] = value
			}
		}
		for name := range e.Data.Server {
			if _, ok := before[name]; !ok {
				differs[name] = nil
			}
		}
		if len(differs)+len(e.Data.Before) > 0 && !reflect.DeepEqual(differs, e.Data.Before) {
			t.Errorf("%s %s says that it was %v, what differs is %v", e.ID, e.Type, e.Data.Before, differs)
		}
	}
}

// follower is an open stream of events.
type follower struct {
	t      *testing.T
	in     *bufio.Scanner
	last   string  // id of what came whole
	passed []event // on the way to another one
}

// follow opens a stream of a tenant, behind an id or with "" from now on.
func follow(t *testing.T, c *client.Client, url, last string) *follower {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/ozone/v1/"+c.Account()+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", c.Token())
	req.Header.Set("Accept", "text/event-stream")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("stream = %d", res.StatusCode)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	f := &follower{t: t, in: bufio.NewScanner(res.Body)}
	for f.last == "" && f.in.Scan() {
		f.last, _ = strings.CutPrefix(f.in.Text(), "id: ")
	}
	return f
}

// next is the next event that came whole; false: the stream has ended.
func (f *follower) next() (e event, ok bool) {
	f.t.Helper()
	var id, data string
	for f.in.Scan() {
		switch name, value, _ := strings.Cut(f.in.Text(), ": "); name {
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if id != "" {
				f.last = id
			}
			if data == "" {
				continue
			}
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				f.t.Fatalf("%s: %v", data, err)
			}
			return e, true
		}
	}
	return e, false
}

// TestAStreamIsResumedWhereItEnded follows what happens while the node is killed and started again: each event comes once, in order.
func TestAStreamIsResumedWhereItEnded(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--sim-delay", "20ms")
		c := nodetest.Client(t, n, "user")
		f := follow(t, c, n.URL(), "")
		seen := map[string]int{}
		sent := map[string]string{}
		// count reads until some operations have ended, with 0 to the end of the stream, and returns how many have.
		count := func(want int) (ends int) {
			t.Helper()
			for want == 0 || ends < want {
				e, ok := f.next()
				if !ok && want == 0 {
					return ends
				}
				if seen[e.Source]++; !ok || e.Sequence != fmt.Sprintf("%020d", seen[e.Source]) {
					t.Fatalf("%s follows number %d of %s; the stream goes on: %v", e.ID, seen[e.Source]-1, e.Source, ok)
				}
				sent[e.ID] = e.raw
				if strings.HasSuffix(e.Type, ".end") {
					ends++
				}
			}
			return ends
		}
		for range 3 {
			for range 5 {
				_, r, err := c.CreateServer(t.Context(), "n", 1, 1)
				expect(t, "create", r, err, http.StatusAccepted, "")
			}
			count(2)
			if err := n.Kill9(); err != nil {
				t.Fatal(err)
			}
			if _, err := n.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			ended := count(0) // what had left the node before its end
			f = follow(t, c, n.URL(), f.last)
			if ended < 3 {
				count(3 - ended)
			}
		}
		all := list(t, c, "/events?limit=1000", "events")
		if len(all) != len(sent) {
			t.Errorf("the log has %d events, %d were sent", len(all), len(sent))
		}
		for _, e := range all {
			if e.raw != sent[e.ID] {
				t.Errorf("the log has\n%s, what was sent is\n%s", e.raw, sent[e.ID])
			}
		}
		nodetest.Audit(t, n)
	})
}
