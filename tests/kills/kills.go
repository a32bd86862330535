// Package kills ends a node with signal 9 at random instants of a mixed load, starts it again and judges
// whether every accepted command still reaches exactly one end, once.
package kills

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
)

// Config says how hard a run is.
type Config struct {
	Binary   string
	Dir      string        // of the run: the node's data and the copies that are read
	Kills    int           // how often the node is killed
	Clients  int           // how many send commands, each one after another
	Accounts int           // among which the clients are spread
	Hosts    int           // simulated ones
	Delay    time.Duration // of each step on a host
	Gap      time.Duration // the longest time between being ready and the next kill
	Repeats  float64       // the share of commands that are sent again with the same key
	Hurry    float64       // the share of accepted commands whose end their client does not wait for
	Quiet    time.Duration // how long the end may take to become quiet
	Seed     uint64        // of the clients' choices and of the kills
	Env      []string      // of the node
	// Once ends the kills at the first thing that is wrong.
	Once bool
	// Patience ends a run that cannot go on; a run that is expected to go wrong does not wait for long.
	Patience time.Duration
	Log      func(format string, args ...any)
}

// Defaults is a run that fits into a test.
func Defaults() Config {
	return Config{
		Kills: 15, Clients: 48, Accounts: 16, Hosts: 8, Delay: 60 * time.Millisecond, Gap: 4 * time.Second,
		Repeats: 0.05, Hurry: 0.15, Quiet: time.Minute, Seed: 1, Patience: time.Hour, Log: func(string, ...any) {},
	}
}

// run is one run.
type run struct {
	cfg     Config
	node    *node.Node
	clients []*client.Client // one for each account
	gate    *gate
	journal journal
	report  Report
	checked int                          // of the journal's commands, how many were looked for in the store after a kill
	known   map[schemas.OperationID]bool // operations that hosts worked for and that were looked for in the store
	random  *rand.Rand
}

// Run runs a node under load, kills it cfg.Kills times and reports what was seen. An error means that the run itself
// could not go on; what the node did wrong is in the report.
func Run(ctx context.Context, cfg Config) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Patience)
	defer cancel()
	r := &run{cfg: cfg, gate: newGate(), report: Report{Steps: map[string]int{}}, known: map[schemas.OperationID]bool{}, random: rand.New(rand.NewPCG(cfg.Seed, 0))} //nolint:gosec // repeatable on purpose
	if err := r.start(ctx); err != nil {
		return r.report, err
	}
	defer func() { _ = r.node.Kill9() }() // after an error; else it has ended
	if err := r.loadAndKill(ctx); err != nil {
		return r.report, err
	}
	err := r.settle(ctx)
	if err == nil {
		err = r.judge(ctx)
	}
	return r.report, errors.Join(err, r.node.Stop())
}

func (r *run) start(ctx context.Context) error {
	began := time.Now()
	n, err := node.Start(ctx, node.Config{
		Binary: r.cfg.Binary, Dir: filepath.Join(r.cfg.Dir, "data"), Env: r.cfg.Env,
		Args: []string{"--hosts", fmt.Sprintf("sim:%d", r.cfg.Hosts), "--sim-delay", r.cfg.Delay.String(), "--log-level", "warn"},
	})
	if err != nil {
		return err
	}
	r.node = n
	for i := range r.cfg.Accounts {
		a, err := n.Account(ctx, fmt.Sprintf("tenant%d", i), node.Unlimited)
		if err != nil {
			return err
		}
		c := client.New(n.URL(), a.User, a.Key)
		if err := c.Login(ctx); err != nil {
			return err
		}
		r.clients = append(r.clients, c)
	}
	r.gate.open()
	r.cfg.Log("%d accounts on %s after %s", len(r.clients), n.URL(), time.Since(began).Round(time.Millisecond))
	return nil
}

// loadAndKill runs the clients and kills the node under them; when it returns the clients have ended and the node runs.
func (r *run) loadAndKill(ctx context.Context) error {
	load, end := context.WithCancel(ctx)
	defer end()
	var workers sync.WaitGroup
	for i := range r.cfg.Clients {
		w := newWorker(r, i)
		workers.Go(func() { w.work(load) })
	}
	err := r.killMany(load)
	end()
	workers.Wait()
	return err
}

func (r *run) killMany(ctx context.Context) error {
	warm := time.NewTimer(2 * time.Second) // the first servers come up
	defer warm.Stop()
	select {
	case <-warm.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	for i := range r.cfg.Kills {
		if r.cfg.Once && len(r.report.Broken) > 0 {
			break
		}
		if err := r.killOnce(ctx, i); err != nil {
			return fmt.Errorf("kill %d: %w", i+1, err)
		}
	}
	return nil
}

// killOnce lets the load run for a random time, kills the node, looks at what it left and starts it again.
func (r *run) killOnce(ctx context.Context, i int) error {
	wait := time.NewTimer(r.cfg.Gap/8 + time.Duration(r.random.Int64N(int64(r.cfg.Gap*7/8))))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.node.Ended():
		return fmt.Errorf("the node ended by itself\n%s", tail(r.node.Log()))
	case <-ctx.Done():
		return ctx.Err()
	}
	r.gate.close()
	if err := r.node.Kill9(); err != nil {
		return err
	}
	left, err := r.census(ctx, i)
	if err != nil {
		return err
	}
	if err := r.killEarly(ctx, i); err != nil {
		return err
	}
	took, err := r.node.Restart(ctx)
	if err != nil {
		return err
	}
	r.gate.open()
	r.report.kill(left, took)
	r.cfg.Log("kill %3d: %3d unfinished, %5d accepted so far, ready after %s", i+1, left.unfinished, r.journal.accepted(), took.Round(time.Millisecond))
	return nil
}

// killEarly kills some of the nodes once more while they start.
func (r *run) killEarly(ctx context.Context, i int) error {
	if i%5 != 4 {
		return nil
	}
	if err := r.node.Launch(); err != nil {
		return err
	}
	pause(ctx, time.Duration(r.random.Int64N(int64(median(r.report.Ready)))))
	r.report.Early++
	return r.node.Kill9()
}

func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "..." + s[len(s)-most:]
	}
	return s
}

// gate tells the clients whether the node runs.
type gate struct {
	mu    sync.Mutex
	up    chan struct{} // guarded by mu; closed while the node runs
	lives int           // guarded by mu; how often it was opened
}

func newGate() *gate { return &gate{up: make(chan struct{})} }

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.up)
	g.lives++
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.up = make(chan struct{})
}

// pass waits until the node runs and says in which of its lives; false: ctx has ended.
func (g *gate) pass(ctx context.Context) (life int, ok bool) {
	g.mu.Lock()
	up := g.up
	g.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
		return 0, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lives, ctx.Err() == nil
}
