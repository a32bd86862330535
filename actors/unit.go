package actors

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// How long an idempotency key is kept. Source: docs/numbers.md.
const (
	keepKey       = 24 * time.Hour
	keepCreateKey = 30 * 24 * time.Hour
)

// unit is what one turn decided: the rows to be committed, and what is told to whom once they are.
type unit struct {
	shard      schemas.Shard
	generation int
	item       item // what its turn began with; a delivery is acknowledged with the commit, a sender must be committed too
	rows       storage.Unit
	refs       []schemas.Ref // of the snapshots
	answers    []answer
	answered   bool // somebody was told a decision in this turn
	steps      []schemas.Step
	letters    []core.Letter
	asks       []core.Request
	near       []posted // letters and asks to shards of this node: told at once
	away       []posted // those to shards elsewhere: told once the unit is committed
	accepted   int64
	refused    int64
	ended      int64

	state  unitState // guarded by the committer's mutex
	awaits int       // turns of other shards that it began and that are not submitted; guarded by the committer's mutex
}

// posted is a message to another shard.
type posted struct {
	id      string // of a request, which may be repeated
	to      schemas.Shard
	kind    schemas.MessageType
	message schemas.Message
}

type unitState int

const (
	unitWaiting unitState = iota
	unitCommitted
	unitDropped
)

// answer is an admission's decision on its way to an edge.
type answer struct {
	waiter
	answer schemas.Answer
}

func newUnit(s *shard, i item) *unit {
	return &unit{
		shard: s.id, generation: s.generation, item: i, rows: storage.Unit{Shard: s.id, Epoch: s.epoch},
	}
}

// empty tells whether there is nothing to commit and nothing to tell.
func (u *unit) empty() bool {
	r := &u.rows
	return len(r.Snapshots)+len(r.Operations)+len(r.Keys)+len(r.Events)+len(r.Outbox)+len(r.Answered)+len(r.Reservations)+
		len(r.Addresses)+len(r.Cleared)+len(u.answers)+len(u.steps)+len(u.letters)+len(u.asks) == 0
}

// address finds out which of the shards that the unit has something to say to are here.
func (u *unit) address(e *Engine) {
	post := func(p posted) {
		if e.here[p.to].Load() {
			u.near = append(u.near, p)
		} else {
			u.away = append(u.away, p)
		}
	}
	for _, l := range u.letters {
		post(posted{"", l.To, l.Type, l.Message})
	}
	for _, r := range u.asks {
		post(posted{r.ID, r.To, r.Type, r.Message})
	}
}

// merge adds one actor's decision to the unit of the turn.
func (s *shard) merge(d *decided) {
	t := s.turn
	u, e := t.unit, &d.effects
	if d.snapshot != nil {
		u.addSnapshot(d)
		c := s.children[d.ref]
		c.stored = true
	}
	u.rows.Reservations = append(u.rows.Reservations, e.Reservations...)
	u.rows.Addresses = append(u.rows.Addresses, e.Addresses...)
	u.letters = append(u.letters, e.Letters...)
	u.asks = append(u.asks, e.Ask...)
	u.rows.Answered = append(u.rows.Answered, e.Answered...)
	for _, op := range e.Open {
		s.openOperation(t, op)
	}
	s.addSteps(u, e.Steps)
	for _, p := range e.Progress {
		s.progress(t, p)
	}
	s.addEvents(t, d)
	for _, k := range e.Keys {
		s.key(t, k)
	}
	for _, a := range e.Answers {
		s.decision(t, a, d.rendered)
	}
	for _, f := range e.Forecasts {
		u.addDry(f.Of, f.Answer)
	}
	for _, kind := range e.Used {
		s.use(u, kind)
	}
	if d.ref != (schemas.Ref{}) {
		s.pendingWake(d)
	}
}

// addSnapshot keeps the last snapshot of an actor in the unit.
func (u *unit) addSnapshot(d *decided) {
	if i := slices.Index(u.refs, d.ref); i >= 0 {
		u.rows.Snapshots[i] = *d.snapshot
		return
	}
	u.refs = append(u.refs, d.ref)
	u.rows.Snapshots = append(u.rows.Snapshots, *d.snapshot)
}

// addSteps gives steps the sealed payload that is at hand, once; the teller reads it for the others.
func (s *shard) addSteps(u *unit, steps []schemas.Step) {
	for _, step := range steps {
		if o := s.ops[step.Operation]; o != nil && step.Params.WantsPayload {
			step.Params.Payload, o.payload = o.payload, nil
		}
		u.steps = append(u.steps, step)
	}
}

// use takes the offered id of a kind.
func (s *shard) use(u *unit, kind schemas.ActorKind) {
	block := s.ids[kind]
	block.Next++
	s.ids[kind] = block
	if u.rows.NextIDs == nil {
		u.rows.NextIDs = make(map[schemas.ActorKind]int64, 1)
	}
	u.rows.NextIDs[kind] = block.Next
}

// openOperation records a new operation.
func (s *shard) openOperation(t *turn, opened core.Opened) {
	op := opened.Operation
	op.Updated = t.now
	if op.State.Terminal() {
		op.Ended = new(t.now)
	}
	o := &openOperation{row: storage.OperationRow{Operation: op, Shard: s.id, Payload: opened.Payload}, payload: opened.Payload}
	s.ops[op.ID] = o
	s.engine.stats.open.Add(1)
	s.saveOperation(t, o)
}

// progress changes an open operation. One that is not open has ended: the change is late.
func (s *shard) progress(t *turn, p core.Progress) {
	o := s.ops[p.Operation]
	if o == nil || o.row.State.Terminal() {
		return
	}
	op := &o.row.Operation
	op.State, op.Step, op.StepIndex, op.StepCount, op.Attempt = p.State, p.Step, p.Index, p.Count, p.Attempt
	op.Percent, op.Error, op.Updated, op.Deadline = p.Percent, p.Error, t.now, nil
	if !p.Deadline.IsZero() {
		op.Deadline = &p.Deadline
	}
	if p.State.Terminal() {
		op.Ended = new(t.now)
		if p.State.Accepted() {
			t.unit.ended++
		}
	}
	s.saveOperation(t, o)
}

// saveOperation puts the operation's row into the unit, once. What an earlier unit has of it that never changes is left out.
func (s *shard) saveOperation(t *turn, o *openOperation) {
	rows := t.unit.rows.Operations
	i := slices.IndexFunc(rows, func(r storage.OperationRow) bool { return r.ID == o.row.ID })
	if i >= 0 {
		payload := rows[i].Payload
		rows[i] = o.row
		rows[i].Payload = payload
	} else {
		row := o.row
		if o.answered {
			row.Answer = nil
		}
		t.unit.rows.Operations = append(rows, row)
		o.flights++
	}
	o.answered, o.row.Payload = o.row.Answer != nil, nil
}

// key makes an idempotency key stand for an operation.
func (s *shard) key(t *turn, k core.Key) {
	keep := keepKey
	if k.Create {
		keep = keepCreateKey
	}
	row := storage.Key{
		Account: t.admit.Command.Account, Hash: k.Hash, Operation: k.Operation, Digest: k.Digest, Expires: t.now.Add(keep),
	}
	s.keys[keyOf(&row)] = row
	t.unit.rows.Keys = append(t.unit.rows.Keys, row)
}

// decision answers everybody who waits for an operation's admission, and keeps the answer with it.
func (s *shard) decision(t *turn, d core.Decision, rendered []byte) {
	a := d.Answer
	if d.Show {
		a.Representation = rendered
	}
	u := t.unit
	if o := s.ops[a.Operation]; o != nil && o.row.Answer == nil {
		o.row.Answer, o.row.ReplyTo = &a, ""
		s.saveOperation(t, o)
		for _, w := range o.waiters {
			told := a
			told.Repeated = w.correlation != string(a.Operation) // a command that came with the key of this one
			u.answers = append(u.answers, answer{waiter: w, answer: told})
		}
		o.waiters = nil
		if a.Fault == nil {
			u.accepted++
		} else {
			u.refused++
		}
	}
	if own := t.item.address(); own != "" && s.answersItem(t, a) {
		w := waiter{to: own, correlation: t.item.arrived.delivery.ID}
		u.answers = append(u.answers, answer{waiter: w, answer: a})
		u.answered = true
	}
}

// answersItem tells whether a decision is about the message that began the turn.
func (s *shard) answersItem(t *turn, a schemas.Answer) bool {
	if t.admit == nil {
		return a.Operation == "" // an operator's message
	}
	return a.Operation == t.admit.Command.ID || a.Repeated
}

// pendingWake remembers when the actor wants to be woken; it is set when the turn ends.
func (s *shard) pendingWake(d *decided) {
	if c := s.children[d.ref]; c != nil {
		c.wakeAt = d.wakeAt
	}
}

// keep settles what a finished turn leaves in memory: requests, timers, actors without a row.
func (s *shard) keep(ctx actor.Context, t *turn) {
	u := t.unit
	for _, r := range u.asks {
		s.ask(t, r)
	}
	for _, id := range u.rows.Answered {
		if _, ok := s.outbox[id]; ok {
			delete(s.outbox, id)
			s.engine.stats.outbox.Add(-1)
		}
	}
	for _, ref := range t.took {
		s.settleChild(ctx, t, ref)
	}
	for _, ref := range u.refs {
		if c := s.children[ref]; c != nil {
			c.flights++
		}
	}
}

// ask keeps a request until it is answered.
func (s *shard) ask(t *turn, r core.Request) {
	body, err := json.Marshal(r.Message)
	if err != nil {
		s.engine.cfg.Log.Error("request cannot be stored", "shard", int(s.id), "request", r.ID, "error", err)
		return
	}
	row := storage.OutboxRow{ID: r.ID, Shard: s.id, To: r.To, Type: r.Type, Body: body, Created: t.now}
	if s.outbox[r.ID] == nil {
		row.New = true
		s.engine.stats.outbox.Add(1)
	}
	s.outbox[r.ID] = &request{row: row, message: r.Message, sentAt: t.now}
	t.unit.rows.Outbox = append(t.unit.rows.Outbox, row)
}
