package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// readRetry is how long a read that failed waits before it is repeated.
const readRetry = 100 * time.Millisecond

// The messages without content that begin turns.
var (
	resumeMessage = core.Resume{}
	poisonMessage = core.Poison{Reason: "a message could not be dealt with"}
)

// turn is one message on its way through the shard's actors, all of it before the next one. What they
// decide is one unit: committed whole or not at all.
type turn struct {
	id    uint64
	item  item
	now   time.Time
	admit *core.Admit // for a command, which an actor may have made itself
	work  []core.Told // still to be decided
	unit  *unit
	asked schemas.Ref
	took  []schemas.Ref // actors that took part
	dry   *dryRun       // nil: what is decided counts
}

// start begins a turn; for a command after a read when the store must be asked what it knows.
func (s *shard) start(ctx actor.Context, i item) {
	s.turns++
	t := &turn{id: s.turns, item: i, now: s.engine.cfg.Now(), unit: newUnit(s, i)}
	s.turn = t
	if s.givenUp(ctx, i) {
		return
	}
	if dry, ok := i.message.(*schemas.DryRun); ok && dry.Place == nil {
		s.startDry(ctx, dry)
		return
	}
	c, ok := i.message.(*schemas.Command)
	if !ok {
		t.work = append(t.work, core.Told{To: i.to, Message: i.message})
		s.proceed(ctx)
		return
	}
	plantOn(c)
	t.admit = &core.Admit{Command: c}
	s.recall(ctx, i, c)
}

// route sends the command to its account, with the ids that it may take.
func (s *shard) route(ctx actor.Context) {
	t := s.turn
	a := t.admit
	s.aim(a)
	if a.Known.Same == nil && !a.Known.Open {
		if refused := s.refusal(t.item, a.Command); refused != nil {
			s.merge(&decided{effects: core.Refuse(a, refused)})
			s.end(ctx)
			return
		}
		if kind := newKind(a.Command.Action); kind != "" && s.ids[kind].Next >= s.ids[kind].End {
			s.lease(ctx, kind)
			return
		}
	}
	a.NewServer = schemas.ServerID(s.ids[schemas.ActorServer].Next)
	a.NewImage = schemas.ImageID(s.ids[schemas.ActorImage].Next)
	a.NewGroup = schemas.GroupID(s.ids[schemas.ActorGroup].Next)
	t.work = append(t.work, core.Told{To: a.Command.To(), Message: a})
	s.proceed(ctx)
}

// aim finds whose operation a command cancels. One that is under way is in memory.
func (s *shard) aim(a *core.Admit) {
	c := a.Command
	if o := s.ops[c.Params.Operation]; o != nil && o.row.Account == c.Account && !o.row.State.Terminal() {
		a.Subject = o.row.Target
	}
}

// refusal is why a command is not even shown to its actors.
func (s *shard) refusal(i item, c *schemas.Command) *schemas.Error {
	_, sick := s.sick[subject(c)]
	switch {
	case i.arrived == nil:
		return nil // an actor's own
	case i.arrived.condemned():
		return poisonError()
	case sick, i.arrived.defects >= defectsRefused:
		return internalError()
	case len(s.outbox) >= maxOutbox:
		return schemas.Errorf(schemas.KindUnavailable, "too much is waiting for the cluster").After(time.Second)
	default:
		return nil
	}
}

// subject is the actor that a command is about in the end.
func subject(c *schemas.Command) schemas.Ref {
	switch c.Action {
	case schemas.ServerImage:
		return c.Params.Server.Ref()
	case schemas.ImageDelete:
		return schemas.ImageID(c.Target).Ref()
	case schemas.SharedIPGroupDelete:
		return schemas.GroupID(c.Target).Ref()
	default:
		return schemas.ServerID(c.Target).Ref()
	}
}

// newKind is the kind of object that an action makes, "" for none.
func newKind(a schemas.Action) schemas.ActorKind {
	switch a {
	case schemas.ServerCreate:
		return schemas.ActorServer
	case schemas.ServerImage:
		return schemas.ActorImage
	case schemas.SharedIPGroupCreate:
		return schemas.ActorGroup
	default:
		return ""
	}
}

// lease takes a new block of ids; the command goes on when it is there.
func (s *shard) lease(ctx actor.Context, kind schemas.ActorKind) {
	e, self, gen, id, epoch := s.engine, ctx.Self(), s.generation, s.turn.id, s.epoch
	e.loader.do(func(c context.Context) {
		block, err := e.cfg.Store.LeaseIDs(c, s.id, epoch, kind)
		e.system.Root.Send(self, loaded{generation: gen, turn: id, kind: kind, block: block, err: err})
	})
}

// proceed asks the next actor, loads it first when it is not here, or ends the turn.
func (s *shard) proceed(ctx actor.Context) {
	t := s.turn
	if len(t.work) == 0 {
		s.end(ctx)
		return
	}
	told := t.work[0]
	if a, ok := told.Message.(*core.Admit); ok && t.admit == nil { // a command of the actor's own
		t.admit, t.work = a, t.work[1:]
		s.route(ctx)
		return
	}
	c := s.children[told.To]
	if c == nil {
		s.load(ctx, told.To)
		return
	}
	t.work = t.work[1:]
	t.asked = told.To
	t.took = append(t.took, told.To)
	c.used = t.now
	in := core.Input{Now: t.now, Rules: &s.engine.cfg.Rules}
	if core.MayOpen(told.Message) {
		in.NewOperation = schemas.OperationID(uuid.Must(uuid.NewV7()).String())
	}
	plantDeath(told.Message)
	m := &ask{turn: t.id, message: told.Message, input: in}
	if t.dry != nil {
		m.dry, m.state = true, t.dry.states[told.To]
	}
	ctx.Send(c.pid, m)
}

// load brings an actor into memory. The ids that this turn offered belong to nobody yet: no read is needed.
func (s *shard) load(ctx actor.Context, ref schemas.Ref) {
	t := s.turn
	if a := t.admit; a != nil && ref == newRef(a) {
		if err := s.spawn(ctx, ref, nil, nil); err != nil {
			s.lost(err)
			return
		}
		s.proceed(ctx)
		return
	}
	e, self, gen, id := s.engine, ctx.Self(), s.generation, t.id
	e.loader.do(func(c context.Context) {
		rows, err := e.cfg.Store.Load(c, s.id, []schemas.Ref{ref})
		l := loaded{generation: gen, turn: id, ref: ref, err: err}
		if len(rows) > 0 {
			l.row = &rows[0]
		}
		if ref.Kind == schemas.ActorCluster && err == nil {
			var cluster storage.ClusterRows
			cluster, l.err = e.cfg.Store.LoadCluster(c, schemas.ClusterID(ref.ID))
			l.cluster = &cluster
		}
		e.system.Root.Send(self, l)
	})
}

// newRef is the object that a command makes, zero for none.
func newRef(a *core.Admit) schemas.Ref {
	switch newKind(a.Command.Action) {
	case schemas.ActorServer:
		return a.NewServer.Ref()
	case schemas.ActorImage:
		return a.NewImage.Ref()
	case schemas.ActorGroup:
		return a.NewGroup.Ref()
	default:
		return schemas.Ref{}
	}
}

// loaded goes on with what a read found.
func (s *shard) loaded(ctx actor.Context, l loaded) {
	switch {
	case l.generation != s.generation:
		return
	case l.claim != nil:
		s.claimLoaded(ctx, l)
		return
	case s.turn == nil || l.turn != s.turn.id:
		return
	case l.err != nil:
		s.readFailed(ctx, l)
		return
	case !s.inTime(ctx):
		return
	case l.known != nil:
		s.knew(l.known)
		s.route(ctx)
		return
	case l.kind != "":
		s.ids[l.kind] = l.block
		s.route(ctx)
		return
	}
	if err := s.spawn(ctx, l.ref, l.row, l.cluster); err != nil {
		s.lost(err)
		return
	}
	s.proceed(ctx)
}

// inTime sets the turn's clock after a read, which may have taken long. When the command has expired meanwhile and
// somebody has decided about it already, it is taken once more from the start, to be refused.
func (s *shard) inTime(ctx actor.Context) bool {
	t, now := s.turn, s.engine.cfg.Now()
	if len(t.took) == 0 {
		t.now = now
		return true
	}
	if t.admit == nil || t.admit.Command.Expires.IsZero() || !now.After(t.admit.Command.Expires) || t.now.After(t.admit.Command.Expires) {
		return true
	}
	s.beginAnew(ctx)
	return false
}

// reread repeats a read that failed.
type reread struct{ failed loaded }

// readFailed repeats a read after a little while: the turn waits, nothing overtakes it and nothing is lost.
func (s *shard) readFailed(ctx actor.Context, l loaded) {
	if _, fenced := errors.AsType[*storage.FencedError](l.err); fenced {
		s.fencedOut(ctx)
		return
	}
	s.readAgain(ctx, l)
}

func (s *shard) readAgain(ctx actor.Context, l loaded) {
	if !errors.Is(l.err, storage.ErrAway) { // that the node says itself, once
		s.engine.cfg.Log.Warn("read for an actor failed; it is repeated", "shard", int(s.id), "error", l.err)
	}
	e, self := s.engine, ctx.Self()
	time.AfterFunc(readRetry, func() { e.system.Root.Send(self, reread{l}) })
}

func (s *shard) reread(ctx actor.Context, l loaded) {
	switch {
	case l.generation != s.generation:
		return
	case l.claim != nil:
		s.claim(ctx)
	case s.turn == nil || l.turn != s.turn.id:
		return
	case l.kind != "":
		s.lease(ctx, l.kind)
	case !l.ref.IsZero():
		s.load(ctx, l.ref)
	default:
		s.readKnown(ctx, s.turn.admit.Command)
	}
}

// decided adds an actor's decision to the unit and goes on.
func (s *shard) decided(ctx actor.Context, d *decided) {
	if s.turn == nil || d.turn != s.turn.id || d.ref != s.turn.asked {
		return // of a turn that was given up
	}
	if d.err != nil {
		s.defect(ctx, fmt.Errorf("%s: %w", d.ref, d.err))
		return
	}
	if s.turn.dry != nil {
		s.turn.dry.would(d)
	} else {
		s.merge(d)
	}
	s.turn.work = append(s.turn.work, d.effects.Tell...)
	s.proceed(ctx)
}

// end hands the turn's unit to the committer and tells shards of this node at once what it asks and answers.
func (s *shard) end(ctx actor.Context) {
	t := s.turn
	u := t.unit
	if t.dry != nil {
		s.endDry(ctx)
	}
	s.answerLater(t)
	s.keep(ctx, t)
	s.turn = nil
	if a := u.item.arrived; a.suspect() && !a.condemned() {
		u.rows.Cleared = append(u.rows.Cleared, a.key())
	}
	if u.empty() {
		s.concluded(u.item.arrived)
		s.next(ctx)
		return
	}
	u.address(s.engine)
	if !s.engine.committer.submit(u) {
		s.running = false // earlier units were given up: the word to begin anew is on its way
		s.keepLetter(u.item)
		return
	}
	s.ackEarly(u)
	s.flights++
	for _, m := range u.near {
		s.engine.send(m.to, &letter{message: m.message, from: u})
	}
	s.next(ctx)
}

// answerLater notes who waits for an operation that this turn did not decide.
func (s *shard) answerLater(t *turn) {
	if t.admit == nil || t.unit.answered || t.item.address() == "" {
		return
	}
	id := t.admit.Command.ID
	if s.ops[id] == nil {
		id = t.admit.Known.KeyOperation
	}
	o := s.ops[id]
	if o == nil {
		return
	}
	o.waiters = append(o.waiters, replyTo(t.item.arrived, t.admit.Command))
	if o.row.ReplyTo == "" {
		o.row.ReplyTo = string(t.item.arrived.delivery.ReplyTo)
		s.saveOperation(t, o) // whoever claims the shard next can answer
	}
}

// answerKept is for how long after its command's expiry somebody may wait for an answer.
const answerKept = time.Minute

// replyTo is where the answer to a command goes.
func replyTo(a *arrived, c *schemas.Command) waiter {
	w := waiter{to: a.delivery.ReplyTo, correlation: a.delivery.ID}
	if !c.Expires.IsZero() {
		w.expires = c.Expires.Add(answerKept)
	}
	return w
}

// address is where a message wants its answer, "" nowhere.
func (i item) address() bus.Address {
	if i.arrived == nil {
		return ""
	}
	return i.arrived.delivery.ReplyTo
}
