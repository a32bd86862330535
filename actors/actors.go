// Package actors runs the durable actors: every server, image, account, host and cluster is one, and a
// shard of them is the unit of ownership, order, commit and failure.
//
// A command's way: deliveries.go takes it from the bus, suspect.go when it may have ended a process before, known.go finds out whether it repeats another, turn.go passes
// it through its actors, cell.go asks the pure functions of package core, committer.go makes the result durable,
// teller.go tells everybody. shard.go is who owns all this, reset.go what becomes of what goes wrong.
package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Rules are the numbers and catalogues that decisions use.
type Rules = core.Rules

// Store is the part of a store that an engine needs.
type Store interface {
	storage.Committer
	storage.Claims
	storage.Suspects
	storage.Members
	// Operation finds what an idempotency key's first command was answered.
	Operation(ctx context.Context, account schemas.AccountID, id schemas.OperationID) (storage.OperationRow, error)
}

// Config is what an engine is made of. Every field but Publishing is required.
type Config struct {
	Bus   bus.Bus
	Store Store
	Node  string           // names this process run in claims
	Now   func() time.Time // the cloud's time
	Log   *slog.Logger
	Rules Rules
	// Publishing sends events, each by itself: what holds up one does not hold up the others. None: nobody gets events.
	Publishing []Publishing
}

// The bounds of an engine.
const (
	// prefetch is how many deliveries of a shard may be undecided or uncommitted. Source: docs/numbers.md.
	prefetch = 256
	// maxOutbox is how many requests of a shard may be unanswered before new commands are refused. Source: docs/numbers.md.
	maxOutbox = 10000
	// idleAfter is how long a quiet actor stays loaded.
	idleAfter = time.Minute
	// commitAlarm is how long a committer may have work and commit nothing before the process ends. Source: docs/numbers.md.
	commitAlarm = 10 * time.Second
)

// Engine owns shards and runs their actors.
type Engine struct {
	cfg        Config
	system     *actor.ActorSystem
	committer  *committer
	teller     *teller
	publishers []*publisher
	loader     *loader
	beside     func(job func(context.Context)) // runs a job on a goroutine of its own; its context ends with the engine
	stats      counters
	fatal      chan error    // holds one error
	trial      chan struct{} // holds one word while a suspect is handled

	shards [schemas.Shards]*actor.PID  // set before the first message is sent
	here   [schemas.Shards]atomic.Bool // the shard is owned by this node, as far as it knows
	queued [schemas.Shards]atomic.Bool // this node waits in line for the shard's queue, or has it
	first  [schemas.Shards]atomic.Bool // this node shall own the shard
	joined atomic.Bool                 // first is known

	mu      sync.Mutex
	stop    context.CancelFunc // guarded by mu; ends the background goroutines
	stopped bool               // guarded by mu
	ended   chan struct{}      // closed at the end of Stop
	wg      sync.WaitGroup     // background goroutines
}

// New makes an engine that owns nothing yet.
func New(cfg Config) (*Engine, error) {
	switch {
	case cfg.Bus == nil, cfg.Store == nil, cfg.Node == "", cfg.Now == nil, cfg.Log == nil:
		return nil, errors.New("new engine: a field of the config is missing")
	}
	cfg.Rules = withDefaults(cfg.Rules)
	return &Engine{cfg: cfg, fatal: make(chan error, 1), trial: make(chan struct{}, 1), ended: make(chan struct{})}, nil
}

func withDefaults(r Rules) Rules {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&r.ConfirmAfter, 24*time.Hour)
	set(&r.RetryEvery, 10*time.Second)
	set(&r.Quarantine, time.Minute)
	set(&r.LostAfter, 20*time.Second)
	return r
}

// Start takes part in the membership and returns when this node has what its ranks give it: the shards that it shall own
// run, and it waits in line for those that it stands by for.
func (e *Engine) Start(ctx context.Context) error {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.mu.Lock()
	e.stop = cancel
	e.mu.Unlock()
	quiet := slog.New(slog.DiscardHandler)
	e.system = actor.NewActorSystem(
		actor.WithDeadLetterRequestLogging(false),
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }),
	)
	for _, p := range e.cfg.Publishing {
		publisher := newPublisher(e, p)
		e.publishers = append(e.publishers, publisher)
		e.wg.Go(func() { publisher.run(background) })
	}
	e.teller = newTeller(background, e)
	e.committer = newCommitter(background, e)
	e.loader = newLoader(background, &e.wg)
	e.beside = func(job func(context.Context)) { e.wg.Go(func() { job(background) }) }
	workers := newWorkers(background.Done())
	ready := make(chan error, schemas.Shards) // one answer per shard
	for n := range schemas.Shards {
		s := newShard(e, schemas.Shard(n), ready)
		if err := e.cfg.Bus.Declare(ctx, bus.ShardQueue(s.id)); err != nil {
			return fmt.Errorf("declare the queue of shard %d: %w", n, err)
		}
		e.shards[n] = e.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return s },
			actor.WithMailbox(actor.UnboundedLockfree()), actor.WithDispatcher(workers)))
	}
	m := &members{engine: e}
	if err := m.beat(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	e.joined.Store(true)
	e.wg.Go(func() { m.run(background) })
	for range schemas.Shards {
		select {
		case err := <-ready:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-background.Done():
			return errors.New("start: the engine was stopped")
		}
	}
	e.wg.Go(func() { e.tick(background) })
	return nil
}

// tick wakes every shard once a second for what has no alarm of its own: sweeping, repeating.
func (e *Engine) tick(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			e.toAll(tick{})
			e.committer.watch(e.cfg.Now())
		case <-ctx.Done():
			return
		}
	}
}

// send puts m into the mailbox of a shard's actor.
func (e *Engine) send(s schemas.Shard, m any) {
	e.system.Root.Send(e.shards[s], m)
}

func (e *Engine) toAll(m any) {
	for n := range schemas.Shards {
		e.send(schemas.Shard(n), m)
	}
}

// post sends a message to a shard, through memory when it is here.
func (e *Engine) post(p posted) {
	if e.here[p.to].Load() {
		e.send(p.to, &letter{message: p.message})
		return
	}
	e.teller.tell([]*unit{{away: []posted{p}}})
}

// Ready is nil when this node owns the shards that it shall own.
func (e *Engine) Ready() error {
	missing := 0
	for n := range schemas.Shards {
		if e.first[n].Load() && !e.here[n].Load() {
			missing++
		}
	}
	if missing > 0 || !e.joined.Load() {
		return schemas.Errorf(schemas.KindUnavailable, "%d shards are not owned yet", missing)
	}
	return nil
}

// Owned is how many shards this node owns.
func (e *Engine) Owned() int {
	owned := 0
	for n := range schemas.Shards {
		if e.here[n].Load() {
			owned++
		}
	}
	return owned
}

// Fatal gets the error after which this process must end: its committer has work and cannot commit.
func (e *Engine) Fatal() <-chan error { return e.fatal }

func (e *Engine) fail(err error) {
	select {
	case e.fatal <- err:
	default: // one is enough
	}
}

// Stop lets every shard finish what it has taken, commits it, tells it and ends all actors. It may be called twice and
// before Start. When ctx ends before all is told, the rest is left to the next owner.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	stop, again := e.stop, e.stopped
	e.stopped = stop != nil
	e.mu.Unlock()
	switch {
	case stop == nil:
		return nil
	case again:
		return e.awaitEnd(ctx)
	}
	defer close(e.ended)
	err := e.drain(ctx)
	stop()
	err = errors.Join(err, e.stopShards()) // first: they close what the goroutines below read from
	e.committer.wait()
	e.teller.wait()
	e.wg.Wait()
	e.leave(ctx)
	e.system.Shutdown()
	return err
}

// awaitEnd is a second Stop's wait for the first.
func (e *Engine) awaitEnd(ctx context.Context) error {
	select {
	case <-e.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain returns when everything that was taken is committed and told.
func (e *Engine) drain(ctx context.Context) error {
	quiet := make(chan struct{}, schemas.Shards) // one word per shard
	asked := 0
	for _, pid := range e.shards {
		if pid != nil { // a start that failed has not made them all
			e.system.Root.Send(pid, drain{quiet})
			asked++
		}
	}
	for range asked {
		select {
		case <-quiet:
		case <-e.committer.finished:
			return errors.New("stop: nothing can be committed any more")
		case <-ctx.Done():
			return fmt.Errorf("stop: shards are still busy: %w", ctx.Err())
		}
	}
	if err := e.committer.flush(ctx); err != nil {
		return err
	}
	return e.teller.flush(ctx)
}

// stopShards ends every shard with its actors.
func (e *Engine) stopShards() error {
	var ends []*actor.Future
	for _, pid := range e.shards {
		if pid != nil {
			ends = append(ends, e.system.Root.StopFuture(pid))
		}
	}
	var errs []error
	for _, end := range ends {
		if err := end.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("stop a shard: %w", err))
		}
	}
	return errors.Join(errs...)
}
