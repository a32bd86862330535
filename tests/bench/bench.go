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

	"github.com/ozonecloud/ozone/tests/load"
	"github.com/ozonecloud/ozone/tests/node"
)

// Config says what is measured and how long.
type Config struct {
	Binary string   // the program whose nodes are measured
	Rounds int      // of each row; its median counts
	Only   []string // names of rows; none: all
	Floors bool     // measure the floors too
	Log    io.Writer
}

// conns is how many connections and accounts the load has. Source: docs/numbers.md.
const conns = 64

// row is one line of the table.
type row struct {
	name    string
	what    string
	measure func(ctx context.Context, b *bench) (line, error)
}

// rows is the table in its order. The idle actors come last: they are given the time of all others to be unloaded.
var rows = []row{
	{"get", "GET one server, token checked", measureGet},
	{"post", "POST /servers answered 202, 500/s offered", measurePost},
	{"create", "create -> ACTIVE", measureCreate},
	{"reboot", "reboot accepted -> ACTIVE", measureReboot},
	{"start", "start to ready", measureStart},
	{"idle", "idle loaded server actor over its state", measureIdle},
}

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
	return len(b.cfg.Only) == 0 || slices.Contains(b.cfg.Only, name)
}

func (b *bench) say(format string, args ...any) { _, _ = fmt.Fprintf(b.cfg.Log, format+"\n", args...) }

// prepare makes a data directory with all accounts, of which each row gets a copy.
func (b *bench) prepare(ctx context.Context) error {
	n, err := node.Start(ctx, node.Config{Binary: b.cfg.Binary, Dir: b.template(), Args: b.args()})
	if err != nil {
		return err
	}
	for i := range conns {
		a, err := n.Account(ctx, fmt.Sprintf("bench%d", i), node.Unlimited)
		if err != nil {
			return errors.Join(err, n.Kill9())
		}
		b.accounts = append(b.accounts, a)
	}
	return n.Stop()
}

func (b *bench) template() string { return filepath.Join(b.dir, "template") }

// args are hosts without a delay that are large enough for every row.
func (b *bench) args() []string {
	return []string{"--hosts", "sim:16", "--sim-ram", "65536", "--sim-disk", "4000000", "--log-level", "warn"}
}

// rig is a node under a load.
type rig struct {
	node    *node.Node
	gen     *load.Generator
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
	n, err := node.Start(ctx, node.Config{Binary: b.cfg.Binary, Dir: dir, Args: b.args()})
	if err != nil {
		return nil, err
	}
	r := &rig{node: n, gen: load.New(n.URL(), conns)}
	if err := r.login(ctx, b.accounts); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// stop ends the node and forgets its data.
func (r *rig) stop() error {
	r.gen.Close()
	return errors.Join(r.node.Stop(), os.RemoveAll(r.node.Dir()))
}
