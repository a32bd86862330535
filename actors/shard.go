package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The messages of a shard's mailbox beside ask's answers.
type (
	begin   struct{}                        // claim and run
	tick    struct{}                        // once a second
	alarm   struct{}                        // the earliest timer is due
	drain   struct{ quiet chan<- struct{} } // take nothing more, say when all is decided
	arrived struct {
		consumer bus.Consumer
		delivery bus.Delivery
		message  schemas.Message
		err      error // the body cannot be read
		defects  int   // decisions about it that failed by a defect
		again    bool  // it was dispatched before
	}
	// letter is a message from another shard of this node, in memory and perhaps before its commit.
	letter struct {
		message schemas.Message
		from    *unit
	}
	committed struct{ units []*unit } // of this shard, in order
	// reset says that units of this shard were given up; culprit is nil when another shard's was the cause.
	reset struct {
		culprit *unit
		dropped int // how many of them were counted as on their way
	}
)

// shard is the actor that owns one partition: it takes one message at a time through its actors (turn.go),
// spawns and unloads them, and knows what is under way. All its fields belong to its mailbox.
type shard struct {
	engine *Engine
	id     schemas.Shard
	epoch  schemas.Epoch
	ready  chan<- error // told once, when the first claim is done

	generation int // goes up with every reset: what was sent for an older one is dropped
	running    bool
	draining   chan<- struct{} // told once everything taken is committed
	drained    bool
	children   map[schemas.Ref]*child
	queue      []item
	turn       *turn
	turns      uint64
	consumer   bus.Consumer
	window     window

	ops     map[schemas.OperationID]*openOperation
	keys    map[string]storage.Key // not committed yet, by hash
	outbox  map[string]*request    // unanswered
	ids     map[schemas.ActorKind]storage.IDBlock
	timers  timers
	defects map[schemas.Ref]int // decisions of actors that failed by a defect
	flights int                 // units that are not committed
	overdue int64               // timers that were overdue at the last tick

	restarting bool // begins anew once its units are committed
}

// child is a loaded actor.
type child struct {
	ref     schemas.Ref
	pid     *actor.PID
	stored  bool // it has a row, committed or on its way
	removed bool // its row goes away; kept until that is committed, or a stale row would be loaded
	flights int  // units with its row that are not committed
	wakeAt  time.Time
	used    time.Time
}

// openOperation is an operation under way, and who waits for its admission.
type openOperation struct {
	row     storage.OperationRow
	payload []byte // sealed; nil after a claim: it is then read when a step needs it
	waiters []waiter
	flights int // units with its row that are not committed
}

// waiter is where an admission's answer goes.
type waiter struct {
	to          bus.Address
	correlation string
	expires     time.Time
}

// request is a message to another shard that has no answer yet.
type request struct {
	row     storage.OutboxRow
	message schemas.Message
	sentAt  time.Time
}

// item is what a turn begins with.
type item struct {
	message any // a schemas.Message, or a core message for one actor
	to      schemas.Ref
	arrived *arrived // nil when it did not come over the bus
	from    *unit    // the unit that sent it, when that may not be committed yet
}

func newShard(e *Engine, id schemas.Shard, ready chan<- error) *shard {
	s := &shard{engine: e, id: id, ready: ready, defects: make(map[schemas.Ref]int)}
	s.forget()
	return s
}

// forget drops everything that is known from the rows.
func (s *shard) forget() {
	s.children = make(map[schemas.Ref]*child)
	s.ops = make(map[schemas.OperationID]*openOperation)
	s.keys = make(map[string]storage.Key)
	s.outbox = make(map[string]*request)
	s.ids = make(map[schemas.ActorKind]storage.IDBlock)
	s.timers = timers{at: make(map[schemas.Ref]time.Time), pid: s.timers.pid, engine: s.engine}
	s.turn, s.flights = nil, 0
}

// Receive takes one message of the shard's mailbox.
func (s *shard) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case begin:
		s.timers.pid = ctx.Self()
		s.claim(ctx)
	case *arrived:
		s.arrived(ctx, m)
	case *letter:
		s.push(ctx, item{message: m.message, to: m.message.To(), from: m.from})
	case *decided:
		s.decided(ctx, m)
	case loaded:
		s.loaded(ctx, m)
	case committed:
		s.committed(ctx, m.units)
	case reset:
		s.reset(ctx, m)
	case reread:
		s.reread(ctx, m.failed)
	case alarm:
		s.wakeDue(ctx)
	case tick:
		s.tick(ctx)
	case drain:
		s.draining = m.quiet
		s.quietNow()
	case *actor.Stopping:
		s.timers.stop()
	}
}

// claim makes this node the owner; the answer comes as loaded.
func (s *shard) claim(ctx actor.Context) {
	s.running = false
	e, self, gen := s.engine, ctx.Self(), s.generation
	e.loader.do(func(c context.Context) {
		claim, err := e.cfg.Store.Claim(c, s.id, e.cfg.Node)
		e.system.Root.Send(self, loaded{generation: gen, claim: &claim, err: err})
	})
}

// claimed begins to run with what the shard owes: every actor with a timer asks again for what it waits for.
func (s *shard) claimed(ctx actor.Context, c *storage.Claim) error {
	s.epoch, s.ids = c.Epoch, c.IDs
	if s.ids == nil {
		s.ids = make(map[schemas.ActorKind]storage.IDBlock)
	}
	for _, op := range c.Operations {
		s.ops[op.ID] = &openOperation{row: op, waiters: storedWaiters(op)}
	}
	for _, row := range c.Outbox {
		m, err := schemas.DecodeMessage(row.Type, row.Body)
		if err != nil {
			return fmt.Errorf("claim shard %d: %w", s.id, err)
		}
		s.outbox[row.ID] = &request{row: row, message: m}
	}
	var resumes []item
	for i := range c.Snapshots {
		ref := c.Snapshots[i].Ref
		if err := s.spawn(ctx, ref, &c.Snapshots[i], nil); err != nil {
			return fmt.Errorf("claim shard %d: %w", s.id, err)
		}
		s.setTimer(ref, c.Snapshots[i].WakeAt)
		resumes = append(resumes, item{message: resumeMessage, to: ref})
	}
	s.queue = append(resumes, s.queue...)
	if s.consumer == nil {
		if err := s.consume(ctx); err != nil {
			return err
		}
	}
	s.running = true
	s.engine.stats.open.Add(int64(len(s.ops)))
	s.engine.stats.outbox.Add(int64(len(s.outbox)))
	s.resend(s.engine.cfg.Now(), 0)
	return nil
}

// storedWaiters is who still waits for an operation that was not decided when its shard was lost.
func storedWaiters(op storage.OperationRow) []waiter {
	if op.Answer != nil || op.ReplyTo == "" {
		return nil
	}
	return []waiter{{to: bus.Address(op.ReplyTo), correlation: string(op.ID)}}
}

// consume starts the goroutine that reads the shard's queue; it ends with the consumer.
func (s *shard) consume(ctx actor.Context) error {
	consumer, err := s.engine.cfg.Bus.Consume(context.Background(), bus.ShardQueue(s.id), prefetch)
	if err != nil {
		return fmt.Errorf("consume the queue of shard %d: %w", s.id, err)
	}
	s.consumer = consumer
	e, self := s.engine, ctx.Self()
	e.wg.Go(func() {
		for d := range consumer.Deliveries() {
			m, err := schemas.DecodeMessage(d.Type, d.Body)
			e.system.Root.Send(self, &arrived{consumer: consumer, delivery: d, message: m, err: err})
		}
	})
	return nil
}

// arrived queues a delivery. One that cannot be read is logged and acknowledged: it would poison every owner.
func (s *shard) arrived(ctx actor.Context, a *arrived) {
	if s.drained || s.draining != nil {
		return // not acknowledged: the next owner gets it
	}
	s.window.add(a)
	if a.err != nil {
		s.engine.cfg.Log.Error("message dropped: it cannot be read", "shard", int(s.id), "type", string(a.delivery.Type), "error", a.err)
		s.ack(a.delivery.Tag)
		return
	}
	s.push(ctx, item{message: a.message, to: a.message.To(), arrived: a})
}

func (s *shard) push(ctx actor.Context, i item) {
	s.queue = append(s.queue, i)
	s.next(ctx)
}

// ack marks a delivery as done and acknowledges the contiguous prefix.
func (s *shard) ack(tag uint64) {
	if upTo, ok := s.window.done(tag); ok && s.consumer != nil {
		s.consumer.Ack(upTo)
	}
}

// next begins the next turn when none is under way.
func (s *shard) next(ctx actor.Context) {
	for s.turn == nil && s.running && len(s.queue) > 0 {
		i := s.queue[0]
		s.queue[0] = item{}
		s.queue = s.queue[1:]
		s.start(ctx, i)
	}
	s.quietNow()
}

// quietNow tells a drain when everything taken is decided and committed.
func (s *shard) quietNow() {
	if s.draining != nil && s.turn == nil && len(s.queue) == 0 && s.flights == 0 && !s.restarting {
		if s.consumer != nil {
			s.consumer.Close()
		}
		s.drained = true
		s.draining <- struct{}{}
		s.draining = nil
	}
}

// spawn loads an actor. The row is nil when there is none: the actor then begins with nothing.
func (s *shard) spawn(ctx actor.Context, ref schemas.Ref, row *storage.Snapshot, rows *storage.ClusterRows) error {
	cell, err := newCell(ref, s, row, rows)
	if err != nil {
		return err
	}
	pid := ctx.Spawn(actor.PropsFromProducer(func() actor.Actor { return cell }, actor.WithMailbox(actor.UnboundedLockfree())))
	s.children[ref] = &child{ref: ref, pid: pid, stored: row != nil, used: s.engine.cfg.Now()}
	s.engine.stats.loaded.Add(1)
	return nil
}

func (s *shard) unload(ctx actor.Context, ref schemas.Ref, c *child) {
	ctx.Stop(c.pid)
	delete(s.children, ref)
	s.engine.stats.loaded.Add(-1)
}

// committed finishes what waited for these units: acknowledgements, and memory that the rows now have.
func (s *shard) committed(ctx actor.Context, units []*unit) {
	for _, u := range units {
		if u.generation != s.generation {
			continue
		}
		s.flights--
		for _, ref := range u.refs {
			c := s.children[ref]
			if c == nil {
				continue
			}
			if c.flights--; c.flights == 0 && c.removed {
				s.unload(ctx, ref, c)
			}
		}
		for i := range u.rows.Operations {
			s.operationStored(u.rows.Operations[i].ID)
		}
		for i := range u.rows.Keys {
			delete(s.keys, string(u.rows.Keys[i].Hash))
		}
		if u.arrived != nil {
			s.ack(u.arrived.delivery.Tag)
		}
	}
	s.restart(ctx)
	s.quietNow()
}

// operationStored forgets an operation that has ended once its end is a row.
func (s *shard) operationStored(id schemas.OperationID) {
	o := s.ops[id]
	if o == nil {
		return
	}
	if o.flights--; o.flights == 0 && o.row.State.Terminal() {
		delete(s.ops, id)
		s.engine.stats.open.Add(-1)
	}
}

// reset begins the shard anew, because units of it could not be stored. The culprit ends in a fault this time.
func (s *shard) reset(ctx actor.Context, m reset) {
	if m.culprit != nil {
		if m.culprit.arrived != nil {
			m.culprit.arrived.defects = 2
		} else {
			s.defects[m.culprit.to] = 2
		}
	}
	s.flights -= m.dropped
	s.turn = nil
	s.running = false
	s.restarting = true
	s.restart(ctx)
}

// restart drops what is in memory and claims again, once everything that can be stored is stored.
func (s *shard) restart(ctx actor.Context) {
	if s.restarting && s.flights == 0 {
		s.restarting = false
		s.forgetAll(ctx)
		s.claim(ctx)
	}
}

// forgetAll drops memory; deliveries that are not committed are dispatched again, in order.
func (s *shard) forgetAll(ctx actor.Context) {
	s.generation++
	for ref, c := range s.children {
		s.unload(ctx, ref, c)
	}
	s.engine.stats.open.Add(-int64(len(s.ops)))
	s.engine.stats.outbox.Add(-int64(len(s.outbox)))
	s.timers.stop()
	s.forget()
	s.queue = s.queue[:0]
	for _, a := range s.window.pending() {
		s.queue = append(s.queue, s.redispatch(a))
	}
	for ref, n := range s.defects {
		if n > 1 {
			s.queue = append(s.queue, item{message: poisonMessage, to: ref})
			delete(s.defects, ref)
		}
	}
}

// redispatch is a delivery once more. A command that met a defect twice is refused by its turn; any other message
// is replaced by the word that its actor must give up.
func (s *shard) redispatch(a *arrived) item {
	a.again = true
	i := item{message: a.message, to: a.message.To(), arrived: a}
	if _, command := a.message.(*schemas.Command); !command && a.defects > 1 {
		i.message = poisonMessage
	}
	return i
}

// lost is the end of a shard that cannot run: the process says why and ends, so that its supervisor starts it anew.
func (s *shard) lost(err error) {
	s.running = false
	if s.ready != nil {
		s.ready <- err
		s.ready = nil
		return
	}
	if !errors.Is(err, storage.ErrClosed) {
		s.engine.fail(fmt.Errorf("shard %d: %w", s.id, err))
	}
}
