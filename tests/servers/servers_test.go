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

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
	"github.com/ozonecloud/ozone/tests/rig"
)

// shared is the broker of all tests, since one takes long to start. Who kills it starts it again; tests beside which another one
// runs do not kill it.
var shared struct {
	once   sync.Once
	broker *rig.RabbitMQ
	err    error // why there is none
}

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	defer func() {
		if shared.broker != nil {
			shared.broker.Close()
		}
	}()
	return nodetest.Main(m)
}

// servers are the broker with a virtual host for one test, and a database.
type servers struct {
	broker   *rig.RabbitMQ
	database *rig.Postgres
	bus      string
	store    string
}

func newServers(t *testing.T) *servers {
	t.Helper()
	shared.once.Do(func() { shared.broker, shared.err = rig.NewRabbitMQ(context.Background()) }) // it outlives the test that comes first
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	s := &servers{broker: shared.broker, database: rig.StartPostgres(t)}
	s.bus, s.store = s.broker.Vhost(t, t.Name()), s.database.Database(t)
	s.drop(t, t.Name())
	return s
}

// drop ends a virtual host with the test: queues that nobody uses cost the broker's time.
func (s *servers) drop(t *testing.T, vhost string) {
	t.Helper()
	t.Cleanup(func() {
		if err := s.broker.DropVhost(context.Background(), vhost); err != nil {
			t.Error(err)
		}
	})
}

// config is a node on the servers; commands that it runs find the store too.
func (s *servers) config(t *testing.T, args ...string) node.Config {
	t.Helper()
	return node.Config{
		Dir: t.TempDir(), Args: append([]string{"--hosts", "sim:4"}, args...),
		Env: []string{"OZONE_BUS=" + s.bus, "OZONE_STORE=" + s.store},
	}
}

// TestServers does one after the other what needs its own servers only in part: they take seconds to start.
func TestServers(t *testing.T) {
	s := newServers(t)
	n := nodetest.StartWith(t, s.config(t, "--sim-delay", "100ms"))
	c := nodetest.Client(t, n, "tenant")
	t.Run("a server's life", func(t *testing.T) { life(t, c) })
	t.Run("the operator needs the data directory only", func(t *testing.T) { operator(t, n) })
	t.Run("a node that cannot meet the others is refused", func(t *testing.T) { second(t, s, n) })
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

func second(t *testing.T, s *servers, n *node.Node) {
	t.Helper()
	other := *s
	other.bus = s.broker.Vhost(t, "second")
	s.drop(t, "second")
	nodetest.Refuses(t, other.config(t), "another secret key") // each made its own
	nodetest.Refuses(t, other.config(t, "--secret-key-file", filepath.Join(n.Dir(), "secret.key"), "--bus", "inproc"),
		"another node runs on this database")
	own := nodetest.StartWith(t, other.config(t, "--store", s.database.Database(t)))
	if err := own.Stop(); err != nil {
		t.Error(err)
	}
}

func wrong(t *testing.T, s *servers) {
	t.Helper()
	for name, c := range map[string]struct {
		change func(*servers)
		words  []string
	}{
		"the broker's password": {func(o *servers) {
			o.bus = rig.ChangeURL(t, o.bus, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "sesame-1") })
		}, []string{"broker"}},
		"the virtual host": {func(o *servers) { o.bus = rig.ChangeURL(t, o.bus, func(u *url.URL) { u.Path = "/nowhere" }) }, []string{"nowhere"}},
		"the database": {func(o *servers) {
			o.store = rig.ChangeURL(t, o.store, func(u *url.URL) { u.Path = "/nowhere" })
		}, []string{"nowhere"}},
		"the database's password": {func(o *servers) {
			o.store = rig.ChangeURL(t, o.store, func(u *url.URL) { u.User = url.UserPassword("nobody", "sesame-2") })
		}, []string{"nobody"}},
	} {
		t.Run(name, func(t *testing.T) {
			other := *s
			other.store = s.database.Database(t)
			c.change(&other)
			nodetest.Refuses(t, other.config(t), c.words...)
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

// back has writes going on while the broker and the database die and come back; each is asked for with its key until it is
// answered. Only 503 and a connection that ends are answers to ask again after.
func back(t *testing.T, s *servers, n *node.Node, c *client.Client) {
	t.Helper()
	load := nodetest.NewCreators(t, c, 4)
	load.More(t, 10)
	s.broker.Kill9()
	if err := s.broker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	load.More(t, 10)
	s.database.Kill9()
	if err := s.database.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	load.More(t, 10)
	load.Succeeded(t)
	for _, x := range load.Trouble() {
		if x.Reply != nil && x.Reply.Status != http.StatusServiceUnavailable {
			t.Errorf("a create: %d %s, %v", x.Reply.Status, x.Reply.Body, x.Err)
		}
	}
	select {
	case <-n.Ended():
		t.Error("the node ended")
	default:
	}
}
