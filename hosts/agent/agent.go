// Package agent does the steps that the bus brings to one host, each of them once.
//
// A step passes agent.go (it arrives), queue.go (it waits for the server's earlier steps), run.go (it
// is judged, done and answered); ledger.go remembers it. What the machine does is the driver's business.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/schemas"
)

// Delivery is a step as it arrives.
type Delivery struct {
	Step schemas.Step
	// Done says that the step's message may be forgotten. It is called at most once, on any goroutine; what was
	// delivered to a stopped agent without it must be delivered again.
	Done func()
}

// Config is what an agent works with. Host, Driver, Receive, Reply and Ledger are needed.
type Config struct {
	Host    schemas.HostID
	Cluster schemas.ClusterID
	Name    string
	RAMMiB  int64 // for servers
	DiskGB  int64 // for servers
	Driver  hosts.Driver

	// Receive waits for the next step. Who gives the steps bounds how many are out and not yet done:
	// the agent takes all that it is given. An error is logged and Receive called again, until the agent stops.
	Receive func(ctx context.Context) (Delivery, error)
	// Reply returns nil once the bus vouches for the outcome; until then it is called again.
	Reply func(ctx context.Context, o schemas.Outcome) error
	// Beat sends a heartbeat; nil: none is sent. A lost one is not repeated, the next one follows.
	Beat func(ctx context.Context, h schemas.Heartbeat) error
	// BeatEvery is the time between heartbeats; default 5 s. The first is sent at once.
	BeatEvery time.Duration

	// Now is the clock, for the durations in the log; without it they are 0.
	Now func() time.Time
	// Open unseals a step's payload; without it a step that has one fails.
	Open func(op schemas.OperationID, sealed []byte) (schemas.Payload, error)
	// Ledger is shared by the agents of a process and closed by who opened it, after they stopped.
	Ledger *Ledger
	// Parallel is how many steps run at a time, of different servers; default 16. More when a driver waits much.
	Parallel int
	Log      *slog.Logger
}

// Agent stands between the bus and the driver of one host.
type Agent struct {
	cfg   Config
	log   *slog.Logger
	slots chan struct{} // one token for each driver call under way
	spare chan *lane    // holds one: for the goroutine that waits for the next lane

	mu     sync.Mutex
	jobs   map[string]*job       // guarded by mu; by step id: waiting or under way
	lanes  map[schemas.Ref]*lane // guarded by mu; the busy ones
	idle   bool                  // guarded by mu; a goroutine waits for the next lane
	cancel context.CancelFunc    // guarded by mu; set by Start
	closed bool                  // guarded by mu; set by Stop

	running sync.WaitGroup // the goroutines: two loops and the lanes
}

// New makes an agent; it does nothing before Start.
func New(cfg Config) (*Agent, error) {
	if cfg.Host == 0 || cfg.Driver == nil || cfg.Receive == nil || cfg.Reply == nil || cfg.Ledger == nil {
		return nil, errors.New("agent: Host, Driver, Receive, Reply and Ledger are needed")
	}
	if cfg.BeatEvery <= 0 {
		cfg.BeatEvery = 5 * time.Second
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = 16
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return time.Time{} }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Agent{
		cfg: cfg, log: cfg.Log.With("host", int64(cfg.Host)), slots: make(chan struct{}, cfg.Parallel),
		spare: make(chan *lane, 1), jobs: map[string]*job{}, lanes: map[schemas.Ref]*lane{},
	}, nil
}

// Start begins to receive. The agent works until Stop, or until ctx ends. It may be called once.
func (a *Agent) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.cancel != nil {
		return errors.New("agent: started or stopped before")
	}
	ctx, a.cancel = context.WithCancel(ctx)
	a.running.Go(func() { a.receive(ctx) })
	if a.cfg.Beat != nil {
		a.running.Go(func() { a.beat(ctx) })
	}
	return nil
}

// Stop ends every driver call and returns when all is quiet. Steps under way are neither answered nor
// done: they come again to the next agent. It may be called twice, and before Start.
func (a *Agent) Stop() {
	a.mu.Lock()
	a.closed = true
	cancel := a.cancel
	a.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	a.running.Wait()
}

func (a *Agent) receive(ctx context.Context) {
	wait := newBackoff()
	for ctx.Err() == nil {
		d, err := a.cfg.Receive(ctx)
		if err == nil {
			wait = newBackoff()
			a.accept(ctx, d)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		a.log.Warn("no steps can be received", "error", err)
		wait.until(ctx.Done())
	}
}

func (a *Agent) beat(ctx context.Context) {
	h := schemas.Heartbeat{
		V: schemas.MessageV, Host: a.cfg.Host, Cluster: a.cfg.Cluster, Name: a.cfg.Name,
		RAMMiB: a.cfg.RAMMiB, DiskGB: a.cfg.DiskGB,
	}
	tick := time.NewTicker(a.cfg.BeatEvery)
	defer tick.Stop()
	for {
		if err := a.cfg.Beat(ctx, h); err != nil && ctx.Err() == nil {
			a.log.Warn("heartbeat not sent", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
