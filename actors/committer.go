package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// maxBatch is how many units one transaction takes at most. Measured on the embedded store: 708, 514 and 346 us of CPU
// for a create at 16, 64 and 256 creates (of five units each) per transaction.
const maxBatch = 1024

// answerWait is how long a batch waits for the answers to what its units ask of shards of this node. Measured at 500
// creates a second: with them in the same transaction instead of the next, half the admissions take one commit less.
const answerWait = 300 * time.Microsecond

// maxPause is the longest time between two tries of a commit: a database that is back is used soon.
const maxPause = 100 * time.Millisecond

// triesSaid is which of the tries that fail are logged: with the longest pause one a second.
const triesSaid = 10

// committer writes the units of all shards of this node, in the order of submission, one batch at a time. Batches
// form while the last one commits. What a unit tells leaves only after its commit.
type committer struct {
	engine *Engine
	run    string // names this committer in the store: one per process run

	mu       sync.Mutex
	queue    []*unit               // guarded by mu; bounded by the prefetch of 64 shards
	dropped  map[schemas.Shard]int // guarded by mu; units of this or an older generation are not written
	since    time.Time             // guarded by mu; when the oldest work began to wait for this process, zero when there is none
	watched  time.Time             // guarded by mu; when watch was called last
	idle     *sync.Cond            // of mu; there is no work
	busy     bool                  // guarded by mu
	wake     chan struct{}         // holds one word
	finished chan struct{}         // closed when the goroutine has ended
	number   int64                 // of the last batch; only the goroutine uses it
}

func newCommitter(ctx context.Context, e *Engine) *committer {
	c := &committer{
		engine: e, run: e.cfg.Node, dropped: make(map[schemas.Shard]int), wake: make(chan struct{}, 1), finished: make(chan struct{}),
	}
	c.idle = sync.NewCond(&c.mu)
	go c.loop(ctx) // ends with ctx; wait waits for it
	return c
}

// submit queues a unit. Its place in the queue is its place in the order of commits. It is false when the unit
// cannot be stored because one that it follows was given up: the shard is told to begin anew.
func (c *committer) submit(u *unit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen, ok := c.dropped[u.shard]; ok && u.generation <= gen {
		u.state = unitDropped
		return false
	}
	if from := u.item.from; from != nil && from.state == unitDropped {
		u.state = unitDropped
		c.dropped[u.shard] = u.generation
		c.engine.send(u.shard, reset{})
		return false
	}
	if c.since.IsZero() {
		c.since = c.engine.cfg.Now()
	}
	u.awaits = len(u.near)
	if from := u.item.from; from != nil {
		from.awaits--
	}
	c.queue = append(c.queue, u)
	c.tellEarly(u)
	select {
	case c.wake <- struct{}{}:
	default: // it is awake already
	}
	return true
}

// gaveUp tells whether a unit will never be committed.
func (c *committer) gaveUp(u *unit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return u.state == unitDropped
}

func (c *committer) loop(ctx context.Context) {
	defer c.finish()
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
		for {
			c.awaitAnswers()
			batch := c.take()
			if len(batch) == 0 {
				break
			}
			if !c.commit(ctx, batch) {
				return
			}
		}
	}
}

// awaitAnswers gives shards a moment to answer what the waiting units ask of them.
func (c *committer) awaitAnswers() {
	if c.answered() {
		return
	}
	end := time.NewTimer(answerWait)
	defer end.Stop()
	for !c.answered() {
		select {
		case <-c.wake:
		case <-end.C:
			return
		}
	}
}

func (c *committer) answered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !slices.ContainsFunc(c.queue, func(u *unit) bool { return u.awaits > 0 })
}

// finish lets go of who waits for work to be done that will not be done.
func (c *committer) finish() {
	close(c.finished)
	broadcast(c.idle)
}

// take is the next batch; an empty one means that there is no work.
func (c *committer) take() []*unit {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.queue), maxBatch)
	batch := make([]*unit, n)
	copy(batch, c.queue)
	clear(c.queue[:n])
	c.queue = c.queue[n:]
	c.busy = n > 0
	if n == 0 {
		c.queue = nil
		c.since = time.Time{}
		c.idle.Broadcast()
	}
	return batch
}

// commit writes a batch, repeating the same data until the store has said yes; false when ctx has ended. It is
// written also when no unit is left of it: an attempt with its number may have come through.
func (c *committer) commit(ctx context.Context, batch []*unit) bool {
	c.number++
	pause := 10 * time.Millisecond
	for try := 0; ; try++ {
		began := time.Now() //nolint:forbidigo // a duration for the statistics, not the cloud's time
		err := c.engine.cfg.Store.Commit(ctx, c.batch(batch))
		if err == nil {
			c.engine.stats.commitNanos.Add(int64(time.Since(began)))
			c.done(batch)
			return true
		}
		var bad *storage.BadUnitError
		var fenced *storage.FencedError
		switch {
		case errors.As(err, &bad):
			batch = c.without(batch, batch[bad.Unit], nil, err)
		case errors.As(err, &fenced):
			batch = c.without(batch, nil, fenced.Shards, err)
		case ctx.Err() != nil:
			return false
		case errors.Is(err, storage.ErrWentBack), errors.Is(err, storage.ErrClosed):
			c.engine.fail(fmt.Errorf("commit: %w", err))
			return false
		default:
			if errors.Is(err, storage.ErrAway) {
				c.excuse()
			}
			if try%triesSaid == 0 {
				c.engine.cfg.Log.Warn("commit failed; the same batch is repeated", "error", err)
			}
			if !sleep(ctx, pause) {
				return false
			}
			pause = min(2*pause, maxPause)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *committer) batch(units []*unit) storage.Batch {
	b := storage.Batch{Committer: c.run, Number: c.number, Units: make([]storage.Unit, len(units))}
	for i, u := range units {
		b.Units[i] = u.rows
	}
	return b
}

// done marks units as committed, has them told and tells their shards.
func (c *committer) done(batch []*unit) {
	c.mu.Lock()
	for _, u := range batch {
		u.state = unitCommitted
		u.item.from = nil // or every unit would keep all before it in memory
	}
	c.since = time.Time{}
	if len(c.queue) > 0 {
		c.since = c.engine.cfg.Now()
	}
	c.mu.Unlock()
	st := &c.engine.stats
	st.commits.Add(1)
	st.units.Add(int64(len(batch)))
	c.engine.teller.tell(batch)
	var byShard [schemas.Shards][]*unit
	for _, u := range batch {
		byShard[u.shard] = append(byShard[u.shard], u)
		st.accepted.Add(u.accepted)
		st.refused.Add(u.refused)
		st.ended.Add(u.ended)
	}
	for n, units := range byShard {
		if len(units) > 0 {
			c.engine.send(schemas.Shard(n), committed{units})
		}
	}
}

// without takes units out that cannot be stored: the culprit or those of fenced shards, everything later of their
// shards, and everything that depends on what was taken out. Each of these shards begins anew from its rows.
func (c *committer) without(batch []*unit, culprit *unit, fenced []schemas.Shard, why error) []*unit {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.engine.cfg.Log.Error("units taken out of a commit", "error", why)
	lost := make(map[schemas.Shard]*reset)
	for _, s := range fenced {
		lost[s] = &reset{fenced: true}
	}
	batch = c.keep(batch, culprit, lost)
	c.queue = c.keep(c.queue, culprit, lost)
	for s, r := range lost {
		c.engine.send(s, *r)
	}
	return batch
}

// keep drops the units that are lost with their shard, with the culprit or with what they depend on.
func (c *committer) keep(units []*unit, culprit *unit, lost map[schemas.Shard]*reset) []*unit {
	kept := make([]*unit, 0, len(units))
	for _, u := range units {
		r := lost[u.shard]
		from := u.item.from
		if r == nil && u != culprit && (from == nil || from.state != unitDropped) {
			kept = append(kept, u)
			continue
		}
		if r == nil {
			r = &reset{}
			lost[u.shard] = r
		}
		if u == culprit {
			r.culprit = u
		}
		r.dropped = append(r.dropped, u)
		u.state = unitDropped
		c.dropped[u.shard] = u.generation
	}
	return kept
}

// excuse begins the wait for a commit anew: until now the database was away, and no other process could commit, either.
func (c *committer) excuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = c.engine.cfg.Now()
}

// watch ends the process when there has been work and no commit for too long, and the store has not said that it is
// away: its supervisor starts it anew. It is called every second; a time when it was not, since the process was stopped or
// the machine slept, does not count.
func (c *committer) watch(now time.Time) {
	c.mu.Lock()
	if now.Sub(c.watched) > commitAlarm/2 && !c.since.IsZero() {
		c.since = now
	}
	c.watched = now
	since := c.since
	c.mu.Unlock()
	if !since.IsZero() && now.Sub(since) > commitAlarm {
		c.engine.fail(fmt.Errorf("no commit for %s although there is work", now.Sub(since).Round(time.Second)))
	}
}

// flush returns when everything submitted is committed.
func (c *committer) flush(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { broadcast(c.idle) })
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 || c.busy {
		select {
		case <-ctx.Done():
			return fmt.Errorf("stop: %d units are not committed: %w", len(c.queue), ctx.Err())
		case <-c.finished:
			return fmt.Errorf("stop: %d units are not committed", len(c.queue))
		default:
			c.idle.Wait()
		}
	}
	return nil
}

// broadcast wakes all who wait. The lock keeps it from coming between a waiter's look and its wait.
func broadcast(c *sync.Cond) {
	c.L.Lock()
	defer c.L.Unlock()
	c.Broadcast()
}

func (c *committer) wait() { <-c.finished }
