// Package servers_test runs nodes on a real RabbitMQ and a real PostgreSQL.
package servers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
	"github.com/ozonecloud/ozone/tests/rig"
)

func TestMain(m *testing.M) { os.Exit(nodetest.Main(m)) }

// servers are a broker and a database for one test.
type servers struct {
	broker   *rig.RabbitMQ
	database *rig.Postgres
	bus      string
	store    string
}

func newServers(t *testing.T) *servers {
	t.Helper()
	s := &servers{broker: rig.StartRabbitMQ(t), database: rig.StartPostgres(t)}
	s.bus, s.store = s.broker.Vhost(t, "ozone"), s.database.Database(t)
	return s
}

// config is a node on the servers; commands that it runs find the store too.
func (s *servers) config(t *testing.T, args ...string) node.Config {
	t.Helper()
	return node.Config{
		Binary: nodetest.Binary(t), Dir: t.TempDir(), Args: append([]string{"--hosts", "sim:4"}, args...),
		Env: []string{"OZONE_BUS=" + s.bus, "OZONE_STORE=" + s.store},
	}
}

func (s *servers) start(t *testing.T, args ...string) *node.Node {
	t.Helper()
	cfg := s.config(t, args...)
	if err := os.Chmod(cfg.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the node's log:\n%s", n.Log())
		}
	})
	return n
}

// TestServers does one after the other what needs its own servers only in part: they take seconds to start.
func TestServers(t *testing.T) {
	s := newServers(t)
	n := s.start(t, "--sim-delay", "100ms")
	c := nodetest.Client(t, n, "tenant")
	t.Run("a server's life", func(t *testing.T) { life(t, c) })
	t.Run("the operator needs the data directory only", func(t *testing.T) { operator(t, n) })
	t.Run("a second node is refused", func(t *testing.T) { second(t, s, n) })
	t.Run("wrong settings are named", func(t *testing.T) { wrong(t, s) })
	t.Run("a killed node goes on", func(t *testing.T) { killed(t, n, c) })
	t.Run("a killed broker and a killed database come back", func(t *testing.T) { back(t, s, n, c) })
	t.Run("the database is away", func(t *testing.T) { databaseAway(t, s, n, c) })
	t.Run("the broker is away", func(t *testing.T) { brokerAway(t, s, n, c) })
	nodetest.Audit(t, n)
}

func await(t *testing.T, c *client.Client, r *client.Reply, err error) {
	t.Helper()
	if r == nil || r.Status/100 != 2 {
		t.Fatalf("answer %+v, %v, want 2xx", r, err)
	}
	o, err := c.Await(t.Context(), r.Operation())
	if err != nil || o.State != "succeeded" {
		t.Fatalf("operation %s ended %s (%+v), %v", o.ID, o.State, o.Error, err)
	}
}

func life(t *testing.T, c *client.Client) {
	t.Helper()
	s, err := c.ActiveServer(t.Context(), "first")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"resize":{"flavorId":2}}`, `{"confirmResize":null}`, `{"reboot":{"type":"HARD"}}`, `{"rebuild":{"imageId":2}}`} {
		r, err := c.Action(t.Context(), s.ID, body)
		await(t, c, r, err)
	}
	_, r, err := c.CreateImage(t.Context(), s.ID, "kept")
	await(t, c, r, err)
	r, err = c.Do(t.Context(), http.MethodDelete, fmt.Sprintf("/servers/%d", s.ID), nil)
	await(t, c, r, err)
	if r, err = c.Do(t.Context(), http.MethodGet, fmt.Sprintf("/servers/%d", s.ID), nil); r == nil || r.Status != http.StatusNotFound {
		t.Errorf("a deleted server: %+v, %v", r, err)
	}
}

func operator(t *testing.T, n *node.Node) {
	t.Helper()
	out, err := node.Run(t.Context(), nodetest.Binary(t), nil, "host", "list", "--data", n.Dir())
	if err != nil || !strings.Contains(out, "sim-1") {
		t.Errorf("host list: %v, %s", err, out)
	}
}

// refused starts a node that must end at once with an error that has all of the words.
func refused(t *testing.T, cfg node.Config, words ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", cfg.Dir}, cfg.Args...)
	_, err := node.Run(ctx, cfg.Binary, cfg.Env, args...)
	if err == nil || ctx.Err() != nil {
		t.Errorf("it started, or hung: %v", err)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %v, want one with %q", err, w)
		}
	}
	for _, setting := range cfg.Env {
		if u, bad := url.Parse(setting[strings.Index(setting, "=")+1:]); bad == nil && u.User != nil {
			if p, _ := u.User.Password(); p != "" && strings.Contains(err.Error(), p) {
				t.Errorf("error %v shows a password", err)
			}
		}
	}
}

func second(t *testing.T, s *servers, n *node.Node) {
	t.Helper()
	other := *s
	other.bus = s.broker.Vhost(t, "second")
	refused(t, other.config(t), "another secret key") // each made its own
	refused(t, other.config(t, "--secret-key-file", filepath.Join(n.Dir(), "secret.key")), "another node runs on this database")
	cfg := other.config(t)
	cfg.Args = append(cfg.Args, "--store", s.database.Database(t))
	if n, err := node.Start(t.Context(), cfg); err != nil {
		t.Errorf("a node on a database of its own: %v", err)
	} else if err := n.Stop(); err != nil {
		t.Error(err)
	}
}

// change is a URL with one part changed.
func change(t *testing.T, where string, f func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	f(u)
	return u.String()
}

func wrong(t *testing.T, s *servers) {
	t.Helper()
	for name, c := range map[string]struct {
		change func(*servers)
		words  []string
	}{
		"the broker's password": {func(o *servers) {
			o.bus = change(t, o.bus, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "sesame-1") })
		}, []string{"broker"}},
		"the virtual host": {func(o *servers) { o.bus = change(t, o.bus, func(u *url.URL) { u.Path = "/nowhere" }) }, []string{"nowhere"}},
		"the database": {func(o *servers) {
			o.store = change(t, o.store, func(u *url.URL) { u.Path = "/nowhere" })
		}, []string{"nowhere"}},
		"the database's password": {func(o *servers) {
			o.store = change(t, o.store, func(u *url.URL) { u.User = url.UserPassword("nobody", "sesame-2") })
		}, []string{"nobody"}},
	} {
		t.Run(name, func(t *testing.T) {
			other := *s
			other.store = s.database.Database(t)
			c.change(&other)
			refused(t, other.config(t), c.words...)
		})
	}
}

func killed(t *testing.T, n *node.Node, c *client.Client) {
	t.Helper()
	var replies []*client.Reply
	for i := range 5 {
		_, r, err := c.CreateServer(t.Context(), fmt.Sprint("killed", i), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, r)
	}
	if err := n.Kill9(); err != nil {
		t.Fatal(err)
	}
	took, err := n.Restart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready again after %v", took)
	for _, r := range replies {
		await(t, c, r, nil)
	}
}

// back has writes going on while the broker and the database die and come back; each is asked for with its key until it is answered.
func back(t *testing.T, s *servers, n *node.Node, c *client.Client) {
	t.Helper()
	stop := make(chan struct{})
	var writers sync.WaitGroup
	accepted := make(chan *client.Reply, 10_000)
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if r := insist(t, c, fmt.Sprintf("back-%d-%d", w, i)); r != nil {
					accepted <- r
				}
			}
		})
	}
	more := func() { // some are accepted from now on
		for range 10 {
			<-accepted
		}
	}
	more()
	s.broker.Kill9()
	if err := s.broker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	more()
	s.database.Kill9()
	if err := s.database.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	more()
	close(stop)
	writers.Wait()
	close(accepted)
	for r := range accepted {
		await(t, c, r, nil)
	}
	select {
	case <-n.Ended():
		t.Error("the node ended")
	default:
	}
}

// insist asks for a server until it is accepted. Only 503 and a connection that ends are answers to ask again after.
func insist(t *testing.T, c *client.Client, key string) *client.Reply {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for time.Now().Before(end) {
		_, r, err := c.CreateServer(t.Context(), key, 1, 1, "Idempotency-Key", key)
		switch {
		case r == nil, r.Status == http.StatusServiceUnavailable:
			time.Sleep(20 * time.Millisecond) // the pace of a patient client
		case r.Status == http.StatusAccepted:
			return r
		default:
			t.Errorf("create %s: %d %s, %v", key, r.Status, r.Body, err)
			return nil
		}
	}
	t.Errorf("create %s: no answer within a minute", key)
	return nil
}
