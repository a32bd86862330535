package servers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// patience is how long a part may take to be noticed or to come back on a loaded machine.
const patience = time.Minute

// tenant is an account with two servers, whose every kind of request a test can make.
type tenant struct {
	*client.Client

	node         *node.Node
	kept, doomed int64
}

func newTenant(t *testing.T, n *node.Node, c *client.Client, name string) *tenant {
	t.Helper()
	one := &tenant{Client: c, node: n}
	for suffix, id := range map[string]*int64{"-kept": &one.kept, "-doomed": &one.doomed} {
		s, err := c.ActiveServer(t.Context(), name+suffix)
		if err != nil {
			t.Fatal(err)
		}
		*id = s.ID
	}
	return one
}

// request is one route and a request for it that succeeds when everything is there.
type request struct{ method, path, body string }

func (r request) String() string { return r.method + " " + r.path }

func (c *tenant) reads() []request {
	kept := fmt.Sprint("/servers/", c.kept)
	return []request{
		{"GET", "/servers", ""},
		{"GET", "/servers/detail", ""},
		{"GET", kept, ""},
		{"GET", kept + "/ips", ""},
		{"GET", "/images/detail", ""},
		{"GET", "/images/1", ""},
		{"GET", "/flavors", ""},
		{"GET", "/operations", ""}, // of the other namespace
	}
}

func (c *tenant) writes(name string) []request {
	kept := fmt.Sprint("/servers/", c.kept)
	return []request{
		{"POST", "/servers", `{"server":{"name":"` + name + `","imageId":1,"flavorId":1}}`},
		{"PUT", kept, `{"server":{"name":"` + name + `-renamed"}}`},
		{"POST", kept + "/action", `{"reboot":{"type":"HARD"}}`},
		{"DELETE", fmt.Sprint("/servers/", c.doomed), ""},
	}
}

func (c *tenant) ask(ctx context.Context, r request, header ...string) (*client.Reply, error) {
	do := c.Do
	if r.path == "/operations" {
		do = c.Ozone
	}
	if r.body == "" {
		return do(ctx, r.method, r.path, nil, header...)
	}
	return do(ctx, r.method, r.path, r.body, header...)
}

// refused503 asks once and wants a 503 that says when to come again.
func (c *tenant) refused503(t *testing.T, r request, header ...string) *client.Reply {
	t.Helper()
	reply, err := c.ask(t.Context(), r, header...)
	if err != nil {
		t.Errorf("%s: %v", r, err)
		return nil
	}
	if reply.Status != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") == "" {
		t.Errorf("%s = %d %s, Retry-After %q, want 503", r, reply.Status, reply.Body, reply.Header.Get("Retry-After"))
	}
	return reply
}

// answered asks until the answer is 2xx, as often as it is 503.
func (c *tenant) answered(t *testing.T, r request, header ...string) *client.Reply {
	t.Helper()
	var last *client.Reply
	eventually(t, r.String()+" is answered", func() bool {
		reply, err := c.ask(t.Context(), r, header...)
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		if reply.Status/100 != 2 && reply.Status != http.StatusServiceUnavailable {
			t.Fatalf("%s = %d %s", r, reply.Status, reply.Body)
		}
		last = reply
		return reply.Status/100 == 2
	})
	return last
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// says waits until a probe is answered with a status and a body that has word in it.
func (c *tenant) says(t *testing.T, path string, status int, word string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s says %d %q", path, status, word), func() bool {
		r, err := c.Raw(t.Context(), http.MethodGet, path, nil)
		return err == nil && r.Status == status && strings.Contains(string(r.Body), word)
	})
}

// lives fails the test when the node's process is another one than before.
func (c *tenant) lives(t *testing.T, pid int) {
	t.Helper()
	select {
	case <-c.node.Ended():
		t.Fatal("the node has ended")
	default:
	}
	if now := c.node.PID(); now != pid {
		t.Errorf("the node is process %d, was %d", now, pid)
	}
}

// databaseAway has the database away for longer than a committer that is stuck would live.
func databaseAway(t *testing.T, s *servers, n *node.Node, c *client.Client) {
	t.Helper()
	one, pid := newTenant(t, n, c, "db"), n.PID()
	var accepted []*client.Reply
	for i := range 5 {
		accepted = append(accepted, one.answered(t, request{"POST", "/servers", fmt.Sprintf(`{"server":{"name":"before-%d","imageId":1,"flavorId":1}}`, i)}))
	}
	late, create := &tenant{Client: nodetest.Client(t, n, "late"), node: n}, one.writes("late")[0]
	s.database.Kill9()
	waited := make(chan *client.Reply, 1) // its token is known for some seconds more: the request reaches an actor and waits
	go func() { waited <- late.refused503(t, create, "Idempotency-Key", "late") }()
	one.says(t, "/readyz", http.StatusServiceUnavailable, "database")
	const failed = "commit failed; the same batch is repeated"
	before := strings.Count(n.Log(), failed)
	eventually(t, "more than 10 s of commits have failed", func() bool { return strings.Count(n.Log(), failed) >= before+12 }) // one line a second
	one.lives(t, pid)
	if r := <-waited; r != nil && r.Operation() == "" {
		t.Error("the write that waited names no operation")
	}
	var refused sync.WaitGroup // each waits for a while before it is
	for _, r := range append(one.reads(), one.writes("away")...) {
		refused.Go(func() { one.refused503(t, r) })
	}
	refused.Wait()
	if r, err := c.Raw(t.Context(), http.MethodGet, "/v1.0", nil, "X-Auth-User", c.User(), "X-Auth-Key", c.Key()); err != nil || r.Status != http.StatusServiceUnavailable {
		t.Errorf("login: %+v, %v, want 503", r, err)
	}
	one.says(t, "/healthz", http.StatusOK, "ok")
	if err := s.database.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	listens := time.Now()
	await(t, late.Client, late.answered(t, create, "Idempotency-Key", "late"), nil)
	t.Logf("a server is made %v after the database listens", time.Since(listens).Round(time.Millisecond))
	one.says(t, "/readyz", http.StatusOK, "ready")
	one.works(t, "db-after")
	one.lives(t, pid)
	for _, r := range accepted {
		await(t, c, r, nil)
	}
	late.owns(t, "late", 1)
}

// works makes every request once and waits for the end of what it begins.
func (c *tenant) works(t *testing.T, name string) {
	t.Helper()
	for _, r := range c.reads() {
		c.answered(t, r)
	}
	for i, r := range c.writes(name) {
		await(t, c.Client, c.answered(t, r, "Idempotency-Key", fmt.Sprint(name, i)), nil)
	}
	if err := c.Login(t.Context()); err != nil {
		t.Error(err)
	}
	c.owns(t, name, 1)
	c.owns(t, name+"-renamed", 1)
}

// owns wants a number of servers with a name.
func (c *tenant) owns(t *testing.T, name string, want int) {
	t.Helper()
	all, err := c.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for i := range all {
		if all[i].Name == name {
			got++
		}
	}
	if got != want {
		t.Errorf("%d servers are named %s, want %d", got, name, want)
	}
}

// brokerAway: what is committed is read on.
func brokerAway(t *testing.T, s *servers, n *node.Node, c *client.Client) {
	t.Helper()
	one, pid := newTenant(t, n, c, "mq"), n.PID()
	accepted := one.answered(t, request{"POST", "/servers", `{"server":{"name":"mq-before","imageId":1,"flavorId":1}}`})
	s.broker.Kill9()
	one.says(t, "/readyz", http.StatusServiceUnavailable, "broker")
	for _, r := range one.reads() {
		if reply, err := one.ask(t.Context(), r); err != nil || reply.Status != http.StatusOK {
			t.Errorf("%s without a broker: %+v, %v, want 200", r, reply, err)
		}
	}
	if err := c.Login(t.Context()); err != nil {
		t.Error(err)
	}
	var refused sync.WaitGroup
	for _, r := range one.writes("mq-away") {
		refused.Go(func() {
			if reply := one.refused503(t, r); reply != nil && reply.Operation() == "" {
				t.Errorf("%s names no operation", r)
			}
		})
	}
	refused.Wait()
	if err := s.broker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.says(t, "/readyz", http.StatusOK, "ready")
	one.works(t, "mq-after")
	one.lives(t, pid)
	await(t, c, accepted, nil)
	one.owns(t, "mq-away", 0)
}
