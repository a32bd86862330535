package actors

import (
	"context"
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The messages of a shard's mailbox about who owns it.
type (
	// assigned is what the membership says, once a second.
	assigned struct {
		rank  int           // of this node: the first shall own the shard, the second waits in line, others have no part
		heir  bool          // the first is another node, and it waits in line
		epoch schemas.Epoch // of the last claim
	}
	// cutOff says that this node could not say that it lives: others may have its shards any time.
	cutOff struct{}
	// reclaimed are shards that were claimed since the last beat: what their last owners had to answer may be lost.
	reclaimed map[schemas.Shard]bool
)

// assigned follows the membership.
func (s *shard) assigned(ctx actor.Context, a assigned) {
	s.rank = a.rank
	switch {
	case s.stopping():
	case s.running && a.epoch > s.epoch:
		s.fencedOut(ctx) // sooner than by its next commit, which may be far off
	case s.rank == 1:
		s.consume(ctx)
		s.wake()
	case s.running || s.claiming:
		if a.heir {
			s.handOver(ctx)
		}
	case s.rank <= standby:
		s.consume(ctx)
	default:
		s.letGo()
	}
	s.tellReady()
}

// wake sends a message to the shard's own queue: whoever gets it claims the shard, if nobody has. Commands do the
// same; without them timers would wait for one.
func (s *shard) wake() {
	if s.running || s.claiming || s.consumer == nil {
		return
	}
	e, id := s.engine, s.id
	e.beside(func(ctx context.Context) {
		m := bus.Message{ID: fmt.Sprintf("wake/%d/%s", int(id), e.cfg.Node), Type: schemas.TypeWake, Expires: e.cfg.Now().Add(2 * beatEvery), Body: []byte("{}")}
		ctx, cancel := context.WithTimeout(ctx, beatEvery)
		defer cancel()
		if err := bus.Send(ctx, e.cfg.Bus, bus.ShardQueue(id), m); err != nil && ctx.Err() == nil && !errors.Is(err, bus.ErrClosed) {
			e.cfg.Log.Warn("shard not woken; it is tried again", "shard", int(id), "error", err)
		}
	})
}

// own claims the shard when a delivery shows that the broker has given this node its queue.
func (s *shard) own(ctx actor.Context) {
	if !s.running && !s.claiming && !s.restarting {
		s.claim(ctx)
	}
}

// claim makes this node the owner; the answer comes as loaded.
func (s *shard) claim(ctx actor.Context) {
	s.running, s.claiming = false, true
	e, self, gen := s.engine, ctx.Self(), s.generation
	e.loader.do(func(c context.Context) {
		claim, err := e.cfg.Store.Claim(c, s.id, e.cfg.Node)
		e.system.Root.Send(self, loaded{generation: gen, claim: &claim, err: err})
	})
}

// claimLoaded begins to run. A claim that failed is repeated, but the first: whoever starts the node must know.
func (s *shard) claimLoaded(ctx actor.Context, l loaded) {
	if s.drained {
		return
	}
	if l.err != nil && s.ready == nil && !errors.Is(l.err, storage.ErrClosed) {
		s.readAgain(ctx, l)
		return
	}
	err := l.err
	if err == nil {
		err = s.claimed(ctx, l.claim)
	}
	if err != nil {
		s.lost(err)
		return
	}
	s.tellReady()
	s.next(ctx)
}

// claimed takes over what the shard owes: every actor with a timer asks again for what it waits for.
func (s *shard) claimed(ctx actor.Context, c *storage.Claim) error {
	s.epoch, s.claimedAt = c.Epoch, s.engine.cfg.Now()
	if c.IDs != nil {
		s.ids = c.IDs
	}
	for _, op := range c.Operations {
		s.ops[op.ID] = &openOperation{row: op, waiters: storedWaiters(op), answered: op.Answer != nil}
	}
	for _, row := range c.Outbox {
		m, err := schemas.DecodeMessage(row.Type, row.Body)
		if err != nil {
			return fmt.Errorf("claim shard %d: %w", s.id, err)
		}
		s.outbox[row.ID] = &request{row: row, message: m, stored: true}
	}
	s.engine.stats.open.Add(int64(len(s.ops)))
	s.engine.stats.outbox.Add(int64(len(s.outbox)))
	for i := range c.Snapshots {
		if err := s.spawn(ctx, c.Snapshots[i].Ref, &c.Snapshots[i], nil); err != nil {
			return fmt.Errorf("claim shard %d: %w", s.id, err)
		}
		s.timers.set(c.Snapshots[i].Ref, c.Snapshots[i].WakeAt)
	}
	s.queue = append(s.resumes(c.Snapshots), s.queue...)
	s.running, s.claiming = true, false
	s.engine.here[s.id].Store(true)
	s.resend(s.claimedAt, func(*request) bool { return true })
	return nil
}

// storedWaiters is who still waits for an operation that was not decided when its shard was lost.
func storedWaiters(op storage.OperationRow) []waiter {
	if op.Answer != nil || op.ReplyTo == "" {
		return nil
	}
	return []waiter{{to: bus.Address(op.ReplyTo), correlation: string(op.ID)}}
}

// tellReady lets Start go on, once: the shard has what its rank gives it.
func (s *shard) tellReady() {
	switch {
	case s.ready == nil, s.rank == 0:
	case s.rank > standby, s.consumer != nil && (s.running || s.rank > 1):
		s.ready <- nil
		s.ready = nil
	}
}

// handOver ends the ownership: the rest is decided and committed, then the queue is given back.
func (s *shard) handOver(ctx actor.Context) {
	s.leaving = true
	s.quietNow(ctx)
}

// fencedOut ends the ownership because another node has claimed the shard. What is on its way to the store comes back.
func (s *shard) fencedOut(ctx actor.Context) {
	s.fenced = true
	s.beginAnew(ctx)
}

// release forgets the shard. Its node stays in line for the queue when its rank says so.
func (s *shard) release(ctx actor.Context) {
	s.letGo() // first: what came from it must not be dispatched again
	s.leaving, s.fenced = false, false
	s.running, s.claiming = false, false
	s.queue, s.letters = nil, nil
	s.engine.here[s.id].Store(false)
	s.forgetAll(ctx)
	clear(s.defects)
	clear(s.sick)
	s.engine.stats.overdue.Add(-s.overdue)
	s.overdue = 0
	s.consume(ctx)
}
