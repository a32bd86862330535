package edge_test

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus/inproc"
	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
)

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	arrived, release := make(chan struct{}), make(chan struct{})
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		close(arrived)
		<-release
		return &schemas.Answer{Operation: cmd.ID}
	})
	answered := make(chan response, 1)
	go func() { answered <- r.do("DELETE", "/v1.0/1001/servers/12", "") }()
	<-arrived
	down := make(chan error, 1)
	go func() { down <- r.server.Shutdown(context.Background()) }()
	select {
	case err := <-down:
		t.Fatalf("Shutdown = %v before the request was answered", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if res := <-answered; res.status != 202 {
		t.Errorf("the request in flight = %d %s", res.status, res.body)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown = %v", err)
	}
}

func TestMistakesInWiringAreErrors(t *testing.T) {
	t.Parallel()
	sealer, _ := schemas.NewSealer(bytes.Repeat([]byte{7}, schemas.SealKeySize))
	good := func() edge.Config {
		r := newRows()
		return edge.Config{
			ID: "e", Bus: inproc.New(inproc.Config{}), Reader: r, Events: r, Tokens: r, Limits: r, Backups: r, Sealer: sealer, Now: time.Now, Log: newLog(), PublicURL: "http://x",
		}
	}
	handle := func(context.Context, *edge.Request) (edge.Response, error) { return edge.Response{}, nil }
	mounted := func(paths ...string) func(*edge.Config) {
		return func(c *edge.Config) {
			var m routes
			for _, p := range paths {
				m = append(m, edge.Route{Verb: "GET", Path: p, Handle: handle})
			}
			c.Modules = []edge.Module{m}
		}
	}
	for name, change := range map[string]func(*edge.Config){
		"no id":                    func(c *edge.Config) { c.ID = "" },
		"no bus":                   func(c *edge.Config) { c.Bus = nil },
		"no sealer":                func(c *edge.Config) { c.Sealer = nil },
		"public URL without http":  func(c *edge.Config) { c.PublicURL = "cloud.example" },
		"negative wait":            func(c *edge.Config) { c.Wait = -1 },
		"module twice":             func(c *edge.Config) { c.Modules = []edge.Module{routes{}, routes{}} },
		"route twice":              mounted("/lab/v1/{account}/x", "/lab/v1/{account}/x"),
		"foreign namespace":        mounted("/v1.0/{account}/x"),
		"outside the account":      mounted("/lab/v1/x"),
		"two names for one part":   mounted("/lab/v1/{account}/{id}/a", "/lab/v1/{account}/{name}/b"),
		"route of the edge itself": mounted("/healthz"),
	} {
		c := good()
		if change(&c); func() error { _, err := edge.New(c); return err }() == nil {
			t.Errorf("%s: New found nothing wrong", name)
		}
	}
	c := good()
	mounted("/lab/v1/{account}/x")(&c)
	s, err := edge.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown before Serve = %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("second Shutdown = %v", err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln); err != nil {
		t.Errorf("Serve after Shutdown = %v, want it to return at once", err)
	}
}

type routes []edge.Route

func (m routes) ID() string                               { return "lab.rats" }
func (m routes) Routes(_ edge.Deps, r *edge.Router) error { return r.HandleAll(m) }
