// Package kills ends a cloud's processes with signal 9 at random instants of a mixed load, starts them again and judges
// whether every accepted command still reaches exactly one end, once.
package kills

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/node"
)

// Config says how hard a run is.
type Config struct {
	Binary   string
	Dir      string        // of the run: the processes' data and the copies that are read
	On       *Servers      // of a cloud of several processes; nil: one process is the cloud
	Victims  []string      // of a cloud of several processes, what is killed; nil: everything
	Kills    int           // how often something is killed
	Clients  int           // how many send commands, each one after another
	Accounts int           // among which the clients are spread
	Hosts    int           // simulated ones
	Delay    time.Duration // of each step on a host
	Gap      time.Duration // the longest time between being ready and the next kill
	Repeats  float64       // the share of commands that are sent again with the same key
	Hurry    float64       // the share of accepted commands whose end their client does not wait for
	Quiet    time.Duration // how long the end may take to become quiet
	Seed     uint64        // of the clients' choices and of the kills
	Env      []string      // of the processes
	// Once ends the run when something is wrong, in the answers so far or in the census of a kill.
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
	cloud   cloud
	tenants []*tenant // one for each account
	gate    *gate
	journal journal
	report  Report
	outages []outage
	checked int                          // of the journal's commands, how many were looked for in the store after a kill
	known   map[schemas.OperationID]bool // operations that hosts worked for and that were looked for in the store
	random  *rand.Rand

	subscribers []*subscriber
}

// Run runs a cloud under load, kills cfg.Kills times and reports what was seen. An error means that the run itself
// could not go on; what the cloud did wrong is in the report.
func Run(ctx context.Context, cfg Config) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Patience)
	defer cancel()
	r := newRun(cfg)
	defer r.cloud.end()
	if err := r.start(ctx); err != nil {
		return r.report, err
	}
	unsubscribe := r.follow(ctx)
	defer unsubscribe()
	defer func() {
		for _, t := range r.tenants {
			t.program.end()
		}
	}()
	if err := r.loadAndKill(ctx); err != nil || r.over() {
		return r.report, err
	}
	err := r.settle(ctx)
	if err == nil {
		err = r.judge(ctx)
	}
	if err == nil {
		err = r.judgeSubscribers(ctx, unsubscribe)
	}
	return r.report, errors.Join(err, r.cloud.stop())
}

func newRun(cfg Config) *run {
	r := &run{
		cfg: cfg, gate: newGate(), report: newReport(), known: map[schemas.OperationID]bool{},
		random: rand.New(rand.NewPCG(cfg.Seed, 0)), //nolint:gosec // repeatable on purpose
	}
	if cfg.On == nil {
		r.cloud = &embedded{run: r}
	} else {
		r.cloud = &several{run: r, on: cfg.On}
	}
	return r
}

func (r *run) start(ctx context.Context) error {
	began := time.Now()
	urls, err := r.cloud.start(ctx)
	if err != nil {
		return err
	}
	for i := range r.cfg.Accounts {
		a, err := r.cloud.account(ctx, fmt.Sprintf("tenant%d", i))
		if err != nil {
			return err
		}
		t, err := newTenant(ctx, urls, a)
		if err != nil {
			return err
		}
		r.tenants = append(r.tenants, t)
	}
	if err := r.cloud.programs(ctx, r.tenants); err != nil {
		return err
	}
	if err := r.subscribe(ctx); err != nil {
		return err
	}
	r.gate.open()
	r.cfg.Log("%d accounts on %v after %s", len(r.tenants), urls, time.Since(began).Round(time.Millisecond))
	return nil
}

// follow runs the subscribers until end is called, which may be twice.
func (r *run) follow(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, s := range r.subscribers {
		all.Go(func() { s.run(ctx) })
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// loadAndKill runs the clients and kills under them; when it returns the clients have ended and the cloud runs.
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

// killMany lets the load run for a random time before each kill.
func (r *run) killMany(ctx context.Context) error {
	pause(ctx, 2*time.Second) // the first servers come up
	for i := range r.cfg.Kills {
		if r.over() {
			break
		}
		pause(ctx, r.cfg.Gap/8+time.Duration(r.random.Int64N(int64(r.cfg.Gap*7/8))))
		err := ctx.Err()
		if err == nil {
			err = r.cloud.mend(ctx)
		}
		if err == nil {
			err = r.cloud.kill(ctx, i)
		}
		if err != nil {
			return fmt.Errorf("kill %d: %w", i+1, err)
		}
	}
	return nil
}

// over tells whether the run has seen enough.
func (r *run) over() bool {
	if !r.cfg.Once {
		return false
	}
	for _, c := range r.journal.all() {
		if len(r.report.Broken) > 0 {
			break
		}
		r.judgeAnswers(c)
	}
	return len(r.report.Broken) > 0
}

// killEarly kills a process that was killed once more while it starts.
func (r *run) killEarly(ctx context.Context, n *node.Node) error {
	if err := n.Launch(); err != nil {
		return err
	}
	pause(ctx, time.Duration(r.random.Int64N(1+int64(median(r.report.Ready)))))
	r.report.Early++
	return n.Kill9()
}

func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "..." + s[len(s)-most:]
	}
	return s
}
