package servers_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// processes are a cloud of several: two edges and two engines with hosts.
type processes struct {
	*servers
	key    string     // the file that all share
	ops    string     // the broker, for an operator who may read one queue
	engine *node.Node // the first one: its directory has the machines of both
	second *node.Node
	edges  [2]*node.Node
	tenant [2]*client.Client // of one account, each at its edge
}

// process is the configuration of one with these roles; a host alone gets no store.
func (p *processes) process(t *testing.T, roles string, args ...string) node.Config {
	t.Helper()
	cfg := node.Config{Dir: t.TempDir(), Args: append([]string{"--roles", roles}, args...), Env: []string{"OZONE_BUS=" + p.bus}}
	if roles != "host" {
		cfg.Env = append(cfg.Env, "OZONE_STORE="+p.store)
	}
	if p.key != "" {
		cfg.Args = append(cfg.Args, "--secret-key-file", p.key)
	}
	return cfg
}

// beside gives a process the place of the first engine's machines: images and copies go from host to host.
func (p *processes) beside(t *testing.T, cfg node.Config) node.Config {
	t.Helper()
	if err := os.Symlink(filepath.Join(p.engine.Dir(), "hosts"), filepath.Join(cfg.Dir, "hosts")); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// command runs one that knows the servers and no data directory.
func (p *processes) command(t *testing.T, args ...string) string {
	t.Helper()
	out, err := node.Run(t.Context(), nodetest.Binary(t), []string{"OZONE_BUS=" + p.bus, "OZONE_STORE=" + p.store}, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRoles(t *testing.T) {
	p := &processes{servers: newServers(t)}
	p.watch(t) // before the first host is there
	p.engine = nodetest.StartWith(t, p.process(t, "engine,host", "--hosts", "sim:4"))
	p.key = filepath.Join(p.engine.Dir(), "secret.key")
	p.second = nodetest.StartWith(t, p.beside(t, p.process(t, "engine,host", "--hosts", "sim:4")))
	p.startEdges(t)
	t.Run("each process shows what it does", p.shows)
	t.Run("settings that cannot be right are refused", p.refuses)
	t.Run("what one edge has answered the other shows at once", p.fresh)
	t.Run("two edges count the requests of an account together", p.rates)
	t.Run("a killed edge loses nothing", p.killEdge)
	t.Run("a command that nobody waits for outlives broker and engines", p.queued)
	t.Run("hosts in a process of their own", p.hosts)
	t.Run("the operator needs the servers only", p.operator)
	t.Run("an operator has every event of every host", p.watches)
}

// startEdges starts both, with an account.
func (p *processes) startEdges(t *testing.T) {
	t.Helper()
	for i := range p.edges {
		p.edges[i] = nodetest.StartWith(t, p.process(t, "edge"))
	}
	p.tenant[0] = nodetest.Client(t, p.edges[0], "tenant")
	p.tenant[1] = client.New(p.edges[1].URL(), "tenant", p.tenant[0].Key())
	if err := p.tenant[1].Login(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (p *processes) shows(t *testing.T) {
	for _, c := range []struct {
		n      *node.Node
		path   string
		status int
		want   string
	}{
		{p.engine, "/healthz", http.StatusOK, "ok"},
		{p.engine, "/readyz", http.StatusOK, "ready"},
		{p.second, "/readyz", http.StatusOK, "ready"},
		{p.engine, "/metrics", http.StatusOK, "ozone_operations_stuck 0"},
		{p.engine, "/v1.0", http.StatusNotFound, ""},
		{p.engine, "/extensions", http.StatusNotFound, ""},
		{p.edges[0], "/readyz", http.StatusOK, "ready"},
		{p.edges[0], "/metrics", http.StatusOK, "go_goroutines"},
	} {
		r, err := client.New(c.n.URL(), "", "").Raw(t.Context(), http.MethodGet, c.path, nil)
		if err != nil || r.Status != c.status || !strings.Contains(string(r.Body), c.want) {
			t.Errorf("GET %s%s: %+v, %v, want %d with %q", c.n.URL(), c.path, r, err, c.status, c.want)
		}
		if c.n == p.edges[0] && strings.Contains(string(r.Body), "ozone_operations_stuck") {
			t.Error("an edge has the metrics of an engine")
		}
	}
	if !strings.Contains(p.engine.Log(), "roles engine,host, ") || !strings.Contains(p.edges[0].Log(), "roles edge, ") {
		t.Errorf("the ready lines do not name the roles: %s, %s", p.engine.Log(), p.edges[0].Log())
	}
}

func (p *processes) refuses(t *testing.T) {
	other := *p
	other.key = ""
	nodetest.Refuses(t, other.process(t, "edge"), "another secret key", "--secret-key-file")
	nodetest.Refuses(t, other.process(t, "host", "--hosts", "sim:7-8"), "--secret-key-file")
	nodetest.Refuses(t, p.process(t, "host", "--hosts", "sim:2"), "--hosts sim:2", "no store")
}

func (p *processes) killEdge(t *testing.T) {
	load := nodetest.NewCreators(t, p.tenant[0], 4)
	for range 3 {
		load.More(t, 10)
		if err := p.edges[0].Kill9(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.edges[0].Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	load.More(t, 10)
	load.Succeeded(t)
}

// hosts starts a process with numbers of its own choice and one whose numbers the store gives out.
func (p *processes) hosts(t *testing.T) {
	c := p.tenant[0]
	old, err := c.ActiveServer(t.Context(), "old")
	if err != nil {
		t.Fatal(err)
	}
	named := nodetest.StartWith(t, p.beside(t, p.process(t, "host", "--hosts", "sim:101-102")))
	p.awaitHost(t, "sim-102")
	if out, err := node.Run(t.Context(), nodetest.Binary(t), nil, "host", "list", "--data", named.Dir()); err == nil || !strings.Contains(err.Error(), "--store") {
		t.Errorf("host list through a host's socket: %v, %s, want an error that says what to give", err, out)
	}
	image, r, err := c.CreateImage(t.Context(), old.ID, "golden")
	await(t, c, r, err)
	_, r, err = c.CreateServer(t.Context(), "from-golden", image.ID, 1)
	await(t, c, r, err)
	r, err = c.Action(t.Context(), old.ID, `{"resize":{"flavorId":2}}`)
	await(t, c, r, err)
	leased := nodetest.StartWith(t, p.process(t, "edge,host", "--hosts", "sim:2"))
	p.awaitHost(t, "sim-104")
	var made []client.Server
	for i := range 8 { // they go to the new hosts, which have nothing of the account
		s, err := c.ActiveServer(t.Context(), fmt.Sprint("elsewhere", i))
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, s)
	}
	if err := named.Kill9(); err != nil {
		t.Fatal(err)
	}
	var replies []*client.Reply
	for _, s := range made {
		r, err := c.Action(t.Context(), s.ID, `{"reboot":{"type":"HARD"}}`)
		if err != nil || r.Status != http.StatusAccepted {
			t.Fatalf("reboot of server %d: %+v, %v", s.ID, r, err)
		}
		replies = append(replies, r)
	}
	if _, err := named.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range replies {
		await(t, c, r, nil)
	}
	out := p.command(t, "audit", "--data", p.engine.Dir(), "--data", named.Dir(), "--data", leased.Dir())
	if !strings.Contains(out, "operations unfinished: 0") {
		t.Errorf("audit: %s", out)
	}
	for _, s := range made {
		r, err := c.Do(t.Context(), http.MethodDelete, fmt.Sprintf("/servers/%d", s.ID), nil, "Prefer", "wait=30")
		await(t, c, r, err)
	}
	for hosts, first := range map[string]string{"sim:4-5": "host 4", "sim:102-103": "host 102"} { // of the engine, and of the process that was killed
		t.Run("another process as "+first, func(t *testing.T) {
			t.Parallel() // it waits for the end of the one that is there
			nodetest.Refuses(t, p.process(t, "host", "--hosts", hosts), "another process is "+first)
		})
	}
}

func (p *processes) awaitHost(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !strings.Contains(p.command(t, "host", "list"), name) {
		if ctx.Err() != nil {
			t.Fatalf("no host %s after a minute", name)
		}
	}
}

func (p *processes) operator(t *testing.T) {
	if out := p.command(t, "account", "create", "--user", "second"); !strings.Contains(out, "key") {
		t.Errorf("account create: %s", out)
	}
	if out := p.command(t, "account", "list"); !strings.Contains(out, "tenant") || !strings.Contains(out, "second") {
		t.Errorf("account list: %s", out)
	}
	if out := p.command(t, "host", "fence", "102"); !strings.Contains(out, "host 102 is fenced") {
		t.Errorf("host fence: %s", out)
	}
}
