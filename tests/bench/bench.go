// Package bench measures the rows of the speed table on nodes of its own, each beside its floor.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ozonecloud/ozone"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/load"
	"github.com/ozonecloud/ozone/tests/node"
)

// Config says what is measured and how long.
type Config struct {
	Binary string   // the program whose nodes are measured
	Rounds int      // of each row; its median counts
	Only   []string // names of rows; none: all
	Floors bool     // measure the floors too
	// Servers are what the nodes run on; nil: everything is embedded.
	Servers Servers
	// Apart has the edge in a process of its own, so that every command passes the broker. It needs Servers.
	Apart bool
	Log   io.Writer
}

// conns is how many connections and accounts the load has. Source: docs/numbers.md.
const conns = 64

// row is one line of the table.
type row struct {
	name    string
	what    string
	measure func(ctx context.Context, b *bench) (line, error)
}

// Servers are a broker and a database with nothing else to do.
type Servers interface {
	// Fresh is a virtual host that nobody knows and a database: with all that is in the one at like, or empty when
	// that is "". Nobody may be connected to like.
	Fresh(ctx context.Context, like string) (bus, store string, err error)
	// CPU is the processor time that each server has used, by its name.
	CPU() (map[string]time.Duration, error)
	// AdminURL is where the broker's management API is.
	AdminURL() string
}

// rows is the table in its order. The idle actors come last: they are given the time of all others to be unloaded.
var rows = []row{
	{"get", "GET one server, token checked", measureGet},
	{"post", "POST /servers answered 202, 500/s offered", measurePost},
	{"create", "create -> ACTIVE", measureCreate},
	{"reboot", "reboot accepted -> ACTIVE", measureReboot},
	{"start", "start to ready", measureStart},
	{"events", "an event decided -> with its subscriber, 500 commands/s offered", measureEvents},
	{"flood", "a command over the bus answered, while another program floods", measureFlood},
	{"idle", "idle loaded server actor over its state", measureIdle},
}

// onServers tells whether a row is measured on servers: the others are of one process.
func onServers(name string) bool { return name != "start" && name != "idle" }

// embedded tells whether a row is measured on an embedded node: the others need a broker.
func embedded(name string) bool { return name != "events" && name != "flood" }

// Names lists the rows.
func Names() []string {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.name
	}
	return names
}

// bench is a run of the table.
type bench struct {
	cfg      Config
	dir      string
	accounts []node.Account
	store    string // URL of the database that each row gets a copy of; "": SQLite
	idle     *idle
}

// Run measures and prints the table to out. A row that misses its must by more than a fifth is an error, after all are printed.
func Run(ctx context.Context, cfg Config, out io.Writer) (err error) {
	for _, name := range cfg.Only {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("bench: no row %q: want some of %s", name, strings.Join(Names(), ", "))
		}
	}
	dir, err := os.MkdirTemp("", "ozone-bench-")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{cfg: cfg, dir: dir}
	if err := b.prepare(ctx); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if b.wants("idle") {
		if b.idle, err = startIdle(ctx, b); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		defer b.idle.stop()
	}
	var lines []line
	for _, r := range rows {
		if !b.wants(r.name) {
			continue
		}
		b.say("%s ...", r.what)
		l, err := r.measure(ctx, b)
		if err != nil {
			return fmt.Errorf("bench %s: %w", r.name, err)
		}
		l.what = r.what
		lines = append(lines, l)
	}
	return printTable(out, lines)
}

func (b *bench) wants(name string) bool {
	if b.cfg.Servers != nil && !onServers(name) || b.cfg.Servers == nil && !embedded(name) {
		return false
	}
	return len(b.cfg.Only) == 0 || slices.Contains(b.cfg.Only, name)
}

func (b *bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.cfg.Log, format+"\n", args...) }

// prepare makes a data directory with all accounts, of which each row gets a copy.
func (b *bench) prepare(ctx context.Context) error {
	cfg := node.Config{Binary: b.cfg.Binary, Dir: b.template(), Args: b.args()}
	if b.cfg.Servers != nil {
		bus, store, err := b.cfg.Servers.Fresh(ctx, "")
		if err != nil {
			return err
		}
		b.store, cfg.Env = store, onURLs(bus, store)
	}
	n, err := node.Start(ctx, cfg)
	if err != nil {
		return err
	}
	if err := b.openAccounts(ctx); err != nil {
		return errors.Join(err, n.Kill9())
	}
	return n.Stop()
}

// openAccounts asks the node directly: a process for each of 64 accounts would take longer than a round.
func (b *bench) openAccounts(ctx context.Context) error {
	o, err := ozone.OpenOperator(ctx, ozone.Config{Data: b.template(), Store: b.store})
	if err != nil {
		return err
	}
	for i := range conns {
		c, err := o.CreateAccount(ctx, ozone.NewAccount{User: fmt.Sprintf("bench%d", i), RAMMiB: node.Unlimited, RateLimits: schemas.NoRateLimits()})
		if err != nil {
			return errors.Join(err, o.Close())
		}
		b.accounts = append(b.accounts, node.Account{ID: int64(c.Account), User: c.User, Key: c.Key})
	}
	return o.Close()
}

func (b *bench) template() string { return filepath.Join(b.dir, "template") }

// args are hosts without a delay that are large enough for every row.
func (b *bench) args() []string {
	return []string{"--hosts", "sim:16", "--sim-ram", "65536", "--sim-disk", "4000000", "--log-level", "warn"}
}

// rig is a node under a load.
type rig struct {
	node    *node.Node
	edge    *node.Node // the same one, unless it is apart
	gen     *load.Generator
	servers Servers
	bus     string // URLs on servers
	store   string
	tenants []tenant
}

type tenant struct {
	base  string // path of its management URL
	token string
}

// start runs a node on a fresh copy of the template and logs everybody in.
func (b *bench) start(ctx context.Context, name string) (*rig, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", b.template(), dir).CombinedOutput(); err != nil { //nolint:gosec // own directories
		return nil, fmt.Errorf("copy template: %w %s", err, out)
	}
	cfg := node.Config{Binary: b.cfg.Binary, Dir: dir, Args: b.args()}
	r := &rig{servers: b.cfg.Servers}
	if b.cfg.Servers != nil {
		bus, store, err := b.cfg.Servers.Fresh(ctx, b.store)
		if err != nil {
			return nil, err
		}
		cfg.Env = onURLs(bus, store)
		r.bus, r.store = bus, store
	}
	if b.cfg.Apart {
		cfg.Args = append(cfg.Args, "--roles", "engine,host")
	}
	n, err := node.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	r.node, r.edge = n, n
	if b.cfg.Apart {
		cfg.Args = []string{"--roles", "edge", "--log-level", "warn", "--secret-key-file", filepath.Join(dir, "secret.key")}
		cfg.Dir += ".edge"
		if r.edge, err = node.Start(ctx, cfg); err != nil {
			return nil, errors.Join(err, n.Stop())
		}
	}
	r.gen = load.New(r.edge.URL(), conns)
	if err := r.login(ctx, b.accounts); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// onURLs is the environment of a node on servers; in its arguments everybody could read the passwords.
func onURLs(bus, store string) []string {
	return []string{"OZONE_BUS=" + bus, "OZONE_STORE=" + store, "OZONE_TENANTS_VHOST=" + tenantsOf(bus)}
}

// stop ends the node and forgets its data.
func (r *rig) stop() error {
	r.gen.Close()
	var err error
	if r.edge != r.node {
		err = errors.Join(r.edge.Stop(), os.RemoveAll(r.edge.Dir()))
	}
	return errors.Join(err, r.node.Stop(), os.RemoveAll(r.node.Dir()))
}
