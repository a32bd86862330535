package actors

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The messages of a shard's mailbox beside ask's answers.
type (
	tick  struct{}                        // once a second
	alarm struct{}                        // the earliest timer is due
	drain struct{ quiet chan<- struct{} } // take nothing more, say when all is decided
	// letter is a message from another shard of this node, in memory and perhaps before its commit.
	letter struct {
		message schemas.Message
		from    *unit
	}
	committed struct{ units []*unit } // of this shard, in order
)

// shard is the actor that owns one partition: it takes one message at a time through its actors (turn.go),
// spawns and unloads them, and knows what is under way. All its fields belong to its mailbox.
type shard struct {
	engine *Engine
	id     schemas.Shard
	epoch  schemas.Epoch
	ready  chan<- error // told once, when the shard has what its rank gives it
	rank   int          // of this node for the shard; 0: not known yet

	generation int             // goes up with every reset: what was sent for an older one is dropped
	claiming   bool            // becomes the owner
	running    bool            // is the owner
	leaving    bool            // another node shall be the owner: takes nothing more, and is released once everything taken is committed
	fenced     bool            // another node is the owner
	draining   chan<- struct{} // told once everything taken is committed
	drained    bool
	children   map[schemas.Ref]*child
	props      *actor.Props // of its actors
	cell       actor.Actor  // the one that is being spawned
	queue      []item
	turn       *turn
	turns      uint64
	trial      *trial // nil: no suspect is being handled
	burials    int    // dead letters on their way
	consumer   bus.Consumer
	asking     bool // a Consume is under way
	window     window

	ops     map[schemas.OperationID]*openOperation
	keys    map[keyID]storage.Key // not committed yet
	outbox  map[string]*request   // unanswered
	ids     map[schemas.ActorKind]storage.IDBlock
	timers  timers
	flights int   // units that are not committed
	overdue int64 // timers that were overdue at the last tick

	claimedAt time.Time
	seen      map[schemas.OperationID]time.Time // commands without a key since the claim, until they expire

	restarting bool                 // begins anew once its units are committed
	letters    []item               // to be dispatched again then
	defects    map[string]int       // of messages that did not come over the bus, by their key; see defectsRefused
	blamedAt   time.Time            // when the first of defects was counted
	sick       map[schemas.Ref]bool // actors that cannot decide anything; true: their operations are ended
	gone       bool                 // it cannot run any more
}

// child is a loaded actor.
type child struct {
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
	payload []byte // sealed; nil once a step took it and after a claim: it is then read when a step needs it
	waiters []waiter
	// answered says that a unit has the answer in the row: it is not written again.
	answered bool
	flights  int // units with its row that are not committed
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
	stored  bool // before, only the letter that was sent at once knows what it depends on
}

// item is what a turn begins with.
type item struct {
	message any // a schemas.Message, or a core message for one actor
	to      schemas.Ref
	arrived *arrived // nil when it did not come over the bus
	from    *unit    // the unit that sent it, when that may not be committed yet
}

func newShard(e *Engine, id schemas.Shard, ready chan<- error) *shard {
	s := &shard{engine: e, id: id, ready: ready, defects: make(map[string]int), sick: make(map[schemas.Ref]bool)}
	s.props = actor.PropsFromProducer(func() actor.Actor { return s.cell }, actor.WithMailbox(actor.UnboundedLockfree()),
		actor.WithDispatcher(actor.NewSynchronizedDispatcher(throughput)))
	s.forget()
	return s
}

// forget drops everything that is known from the rows.
func (s *shard) forget() {
	s.children = make(map[schemas.Ref]*child)
	s.ops = make(map[schemas.OperationID]*openOperation)
	s.keys = make(map[keyID]storage.Key)
	s.outbox = make(map[string]*request)
	s.ids = make(map[schemas.ActorKind]storage.IDBlock)
	s.seen = make(map[schemas.OperationID]time.Time)
	s.timers = timers{at: make(map[schemas.Ref]time.Time), pid: s.timers.pid, engine: s.engine}
}

// Receive takes one message of the shard's mailbox. A panic outside a decision is blamed on the turn under way; without
// one the process must end, since nobody knows what is left undone.
func (s *shard) Receive(ctx actor.Context) {
	defer func() {
		r := recover()
		switch {
		case r == nil:
		case s.turn != nil:
			s.defect(ctx, fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		default:
			s.lost(fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	s.receive(ctx)
}

func (s *shard) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.timers.pid = ctx.Self()
	case assigned:
		s.assigned(ctx, m)
	case cutOff:
		s.letGo()
	case reclaimed:
		s.resend(s.engine.cfg.Now(), func(r *request) bool { return m[r.row.To] })
	case *arrived:
		s.arrived(ctx, m)
	case *letter:
		s.taken(ctx, m)
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
	case hungUp:
		s.hungUp(ctx, m.consumer)
	case consuming:
		s.consuming(ctx, m)
	case tried:
		s.tried(ctx, m)
	case buried:
		s.buried(ctx, m)
	case reopen:
		s.consume(ctx)
	case alarm:
		s.wakeDue(ctx)
	case tick:
		s.tick(ctx)
	case drain:
		s.draining = m.quiet
		s.quietNow(ctx)
	case *actor.Stopping:
		s.timers.stop()
		s.hangUp()
	}
}

func (s *shard) push(ctx actor.Context, i item) {
	s.queue = append(s.queue, i)
	s.next(ctx)
}

// next begins the next turn when none is under way. A suspect waits until nothing else of the shard is.
func (s *shard) next(ctx actor.Context) {
	for s.turn == nil && s.trial == nil && s.running && len(s.queue) > 0 {
		i := s.queue[0]
		if i.arrived.suspect() && s.flights > 0 {
			break
		}
		s.queue[0] = item{}
		s.queue = s.queue[1:]
		if i.arrived.suspect() {
			s.try(ctx, i.arrived)
			break
		}
		s.start(ctx, i)
	}
	s.quietNow(ctx)
}

// taken queues a message that came through memory. A shard that is not owned any more drops it: whoever wants an
// answer asks again.
func (s *shard) taken(ctx actor.Context, l *letter) {
	if s.running || s.claiming || s.restarting {
		s.push(ctx, item{message: l.message, to: l.message.To(), from: l.from})
	}
}

// quietNow ends a drain or a hand-over when everything taken is decided and committed, or can never be.
func (s *shard) quietNow(ctx actor.Context) {
	switch {
	case s.draining != nil && (s.gone || s.quiet()):
		s.endDrain()
	case s.leaving && !s.claiming && s.quiet():
		s.release(ctx)
	}
}

func (s *shard) quiet() bool {
	return s.turn == nil && s.trial == nil && len(s.queue) == 0 && s.flights+s.burials == 0 && !s.restarting && !s.owesAnswers()
}

func (s *shard) endDrain() {
	s.hangUp()
	s.drained = true
	s.draining <- struct{}{}
	s.draining = nil
}

// owesAnswers tells whether somebody waits for an admission that this node alone can decide: what a shard elsewhere
// answers comes over the bus, to the next owner, who asks again and knows from the row who waits.
func (s *shard) owesAnswers() bool {
	waits := func(o *openOperation) bool { return len(o.waiters) > 0 }
	here := func(r *request) bool { return s.engine.here[r.row.To].Load() }
	return anyOf(s.ops, waits) && anyOf(s.outbox, here)
}

func anyOf[K comparable, V any](m map[K]V, so func(V) bool) bool {
	for _, v := range m {
		if so(v) {
			return true
		}
	}
	return false
}

// spawn loads an actor. The row is nil when there is none: the actor then begins with nothing.
func (s *shard) spawn(ctx actor.Context, ref schemas.Ref, row *storage.Snapshot, rows *storage.ClusterRows) error {
	cell, err := newCell(ref, s, row, rows)
	if err != nil {
		return err
	}
	s.cell = cell
	s.children[ref] = &child{pid: ctx.Spawn(s.props), stored: row != nil, used: s.engine.cfg.Now()}
	s.cell = nil
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
		s.snapshotsStored(ctx, u.refs)
		for i := range u.rows.Operations {
			s.operationStored(u.rows.Operations[i].ID)
		}
		for i := range u.rows.Keys {
			s.keyStored(&u.rows.Keys[i])
		}
		for i := range u.rows.Outbox {
			if r := s.outbox[u.rows.Outbox[i].ID]; r != nil {
				r.stored = true
			}
		}
		s.concluded(u.item.arrived)
	}
	s.restart(ctx)
	s.next(ctx)
}

// snapshotsStored lets go of actors whose row is gone for good.
func (s *shard) snapshotsStored(ctx actor.Context, refs []schemas.Ref) {
	for _, ref := range refs {
		c := s.children[ref]
		if c == nil {
			continue
		}
		if c.flights--; c.flights == 0 && c.removed {
			s.unload(ctx, ref, c)
		}
	}
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

// keyStored forgets a key that is a row, unless it stands for a later operation by now.
func (s *shard) keyStored(k *storage.Key) {
	if s.keys[keyOf(k)].Operation == k.Operation {
		delete(s.keys, keyOf(k))
	}
}
