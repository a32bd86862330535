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
	admit *core.Admit // for a command
	work  []core.Told // still to be decided
	unit  *unit
	asked schemas.Ref
	took  []*child // actors that took part
}

// start begins a turn, after a read when the store must be asked what it knows.
func (s *shard) start(ctx actor.Context, i item) {
	s.turns++
	now := s.engine.cfg.Now()
	t := &turn{id: s.turns, item: i, now: now, unit: newUnit(s, i)}
	s.turn = t
	c, ok := i.message.(*schemas.Command)
	if !ok {
		t.work = append(t.work, core.Told{To: i.to, Message: i.message})
		s.proceed(ctx)
		return
	}
	plantOn(c)
	t.admit = &core.Admit{Command: c}
	s.engine.stats.commands.Add(1)
	if refused := s.refusal(i); refused != nil {
		s.refuse(ctx, refused)
		return
	}
	if kind := newKind(c.Action); kind != "" && s.ids[kind].Next >= s.ids[kind].End {
		s.lease(ctx, kind)
		return
	}
	s.recall(ctx, c, i.arrived != nil && (i.arrived.again || i.arrived.delivery.Redelivered))
}

// newKind is the kind of object that an action makes, "" for none.
func newKind(a schemas.Action) schemas.ActorKind {
	switch a {
	case schemas.ServerCreate:
		return schemas.ActorServer
	case schemas.ServerImage:
		return schemas.ActorImage
	default:
		return ""
	}
}

// refusal is why a command is not even shown to its actors.
func (s *shard) refusal(i item) *schemas.Error {
	switch {
	case i.arrived != nil && i.arrived.defects > 1:
		return schemas.Errorf(schemas.KindInternal, "internal error")
	case len(s.outbox) >= maxOutbox:
		return schemas.Errorf(schemas.KindUnavailable, "too much is waiting for the cluster").After(time.Second)
	default:
		return nil
	}
}

// refuse answers a command without its actors: nothing but the refusal is recorded.
func (s *shard) refuse(ctx actor.Context, err *schemas.Error) {
	e := core.Refuse(s.turn.admit, err)
	s.merge(&decided{effects: e})
	s.end(ctx)
}

// lease takes a new block of ids; the turn begins again when it is there.
func (s *shard) lease(ctx actor.Context, kind schemas.ActorKind) {
	e, self, gen, id, epoch := s.engine, ctx.Self(), s.generation, s.turn.id, s.epoch
	e.loader.do(func(c context.Context) {
		block, err := e.cfg.Store.LeaseIDs(c, s.id, epoch, kind)
		e.system.Root.Send(self, loaded{generation: gen, turn: id, kind: kind, block: block, err: err})
	})
}

// recall finds out whether a command repeats an earlier one: in memory what is not committed, else in the store.
func (s *shard) recall(ctx actor.Context, c *schemas.Command, redelivered bool) {
	if o := s.ops[c.ID]; o != nil {
		s.turn.admit.Known.Same, s.turn.admit.Known.Open = o.row.Answer, o.row.Answer == nil
		s.route(ctx)
		return
	}
	if key, ok := s.keys[string(c.Key)]; ok && len(c.Key) > 0 && s.ops[key.Operation] != nil {
		s.knowKey(key, s.ops[key.Operation].row)
		s.route(ctx)
		return
	}
	if !redelivered && len(c.Key) == 0 {
		s.route(ctx)
		return
	}
	e, self, gen, id := s.engine, ctx.Self(), s.generation, s.turn.id
	e.loader.do(func(background context.Context) {
		known, err := readKnown(background, e.cfg.Store, c)
		e.system.Root.Send(self, loaded{generation: gen, turn: id, known: known, err: err})
	})
}

// readKnown reads what the store knows of a command.
func readKnown(ctx context.Context, store Store, c *schemas.Command) (*knownRows, error) {
	same, key, err := store.Known(ctx, c.Account, c.ID, c.Key)
	if err != nil {
		return nil, err
	}
	k := &knownRows{same: same, key: key}
	if key.Operation != "" {
		k.prior, err = store.Operation(ctx, c.Account, key.Operation)
		if errors.Is(err, storage.ErrNotFound) { // the operation was forgotten before its key
			k.key, err = storage.Key{}, nil
		}
	}
	return k, err
}

func (s *shard) knowKey(key storage.Key, prior storage.OperationRow) {
	k := &s.turn.admit.Known
	k.KeyOperation, k.KeyDigest, k.KeyAnswer = key.Operation, key.Digest, prior.Answer
}

// route sends the command to its account, with the ids that it may take.
func (s *shard) route(ctx actor.Context) {
	t := s.turn
	t.admit.NewServer = schemas.ServerID(s.ids[schemas.ActorServer].Next)
	t.admit.NewImage = schemas.ImageID(s.ids[schemas.ActorImage].Next)
	t.work = append(t.work, core.Told{To: t.admit.Command.To(), Message: t.admit})
	s.proceed(ctx)
}

// proceed asks the next actor, loads it first when it is not here, or ends the turn.
func (s *shard) proceed(ctx actor.Context) {
	t := s.turn
	if len(t.work) == 0 {
		s.end(ctx)
		return
	}
	told := t.work[0]
	c := s.children[told.To]
	if c == nil {
		s.load(ctx, told.To)
		return
	}
	t.work = t.work[1:]
	t.asked = told.To
	t.took = append(t.took, c)
	c.used = t.now
	in := core.Input{Now: t.now, Rules: &s.engine.cfg.Rules}
	if _, ok := told.Message.(core.Wake); ok {
		in.NewOperation = schemas.OperationID(uuid.Must(uuid.NewV7()).String())
	}
	ctx.Send(c.pid, &ask{turn: t.id, message: told.Message, input: in})
}

// load brings an actor into memory. The ids that this turn offered belong to nobody yet: no read is needed.
func (s *shard) load(ctx actor.Context, ref schemas.Ref) {
	t := s.turn
	if a := t.admit; a != nil && (ref == a.NewServer.Ref() && a.Command.Action == schemas.ServerCreate ||
		ref == a.NewImage.Ref() && a.Command.Action == schemas.ServerImage) {
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

// loaded goes on with what a read found. A read that failed is repeated: the turn waits, nothing is lost.
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
		s.readAgain(ctx, l)
		return
	case l.known != nil:
		s.known(l.known)
		s.route(ctx)
		return
	case l.kind != "":
		s.ids[l.kind] = l.block
		i := s.turn.item
		s.start(ctx, i)
		return
	}
	if err := s.spawn(ctx, l.ref, l.row, l.cluster); err != nil {
		s.lost(err)
		return
	}
	s.proceed(ctx)
}

func (s *shard) claimLoaded(ctx actor.Context, l loaded) {
	err := l.err
	if err == nil {
		err = s.claimed(ctx, l.claim)
	}
	if err != nil {
		s.lost(err)
		return
	}
	if s.ready != nil {
		s.ready <- nil
		s.ready = nil
		s.engine.claimed.Add(1)
	}
	s.next(ctx)
}

// readAgain repeats a read that failed after a little while; the turn waits, nothing overtakes it.
func (s *shard) readAgain(ctx actor.Context, l loaded) {
	s.engine.cfg.Log.Warn("read for an actor failed; it is repeated", "shard", int(s.id), "error", l.err)
	e, self := s.engine, ctx.Self()
	time.AfterFunc(100*time.Millisecond, func() { e.system.Root.Send(self, reread{l}) })
}

// reread repeats a read that failed.
type reread struct{ failed loaded }

func (s *shard) reread(ctx actor.Context, l loaded) {
	switch {
	case l.generation != s.generation || s.turn == nil || l.turn != s.turn.id:
		return
	case l.kind != "":
		s.lease(ctx, l.kind)
	case !l.ref.IsZero():
		s.load(ctx, l.ref)
	default:
		s.recall(ctx, s.turn.admit.Command, true)
	}
}

func (s *shard) known(k *knownRows) {
	known := &s.turn.admit.Known
	if k.same.ID != "" {
		known.Same, known.Open = k.same.Answer, k.same.Answer == nil
	}
	if k.key.Operation != "" {
		s.knowKey(k.key, k.prior)
	}
}

// decided adds an actor's decision to the unit and goes on.
func (s *shard) decided(ctx actor.Context, d *decided) {
	if s.turn == nil || d.turn != s.turn.id || d.ref != s.turn.asked {
		return // of a turn that was given up
	}
	if d.err != nil {
		s.defect(ctx, d)
		return
	}
	s.merge(d)
	s.turn.work = append(s.turn.work, d.effects.Tell...)
	s.proceed(ctx)
}

// defect deals with a decision that failed by a defect: what the shard has decided before is committed, then it
// begins anew from its rows and the message is tried once more. The second time a command is refused; for anything
// else the actor gives up what it waits for.
func (s *shard) defect(ctx actor.Context, d *decided) {
	s.engine.stats.panics.Add(1)
	i := s.turn.item
	s.engine.cfg.Log.Error("decision failed", "shard", int(s.id), "actor", d.ref.String(), "message", fmt.Sprintf("%T", i.message), "error", d.err)
	s.turn = nil
	s.running = false
	if i.arrived != nil {
		i.arrived.defects++
	} else {
		s.defects[d.ref]++
	}
	s.restarting = true
	s.restart(ctx)
}

// end hands the turn's unit to the committer and tells shards of this node at once what it asks and answers.
func (s *shard) end(ctx actor.Context) {
	t := s.turn
	s.turn = nil
	u := t.unit
	s.answerLater(t)
	s.keep(ctx, t)
	if u.empty() {
		if u.arrived != nil {
			s.ack(u.arrived.delivery.Tag)
		}
		s.next(ctx)
		return
	}
	if !s.engine.committer.submit(u) {
		s.running = false // earlier units were given up: the word to begin anew is on its way
		return
	}
	s.flights++
	for _, l := range u.letters {
		s.engine.send(l.To, &letter{message: l.Message, from: u})
	}
	for _, r := range u.asks {
		s.engine.send(r.To, &letter{message: r.Message, from: u})
	}
	s.next(ctx)
}

// answerLater notes who waits for an operation that this turn did not decide.
func (s *shard) answerLater(t *turn) {
	if t.admit == nil || t.unit.answered || t.item.arrived == nil || t.item.arrived.delivery.ReplyTo == "" {
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

func replyTo(a *arrived, c *schemas.Command) waiter {
	return waiter{to: a.delivery.ReplyTo, correlation: a.delivery.ID, expires: c.Expires.Add(time.Minute)}
}

// address is where a message without an operation wants its answer, "" nowhere.
func (i item) address() bus.Address {
	if i.arrived == nil {
		return ""
	}
	return i.arrived.delivery.ReplyTo
}
