package actors

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// ask is one message of a turn, as an actor gets it from its shard.
type ask struct {
	turn    uint64
	message any
	input   core.Input
	// dry: what is decided is kept by nobody; state is what an earlier such decision of the turn has left, nil for none.
	dry   bool
	state any
}

// decided is an actor's answer to ask.
type decided struct {
	turn     uint64
	ref      schemas.Ref
	effects  core.Effects
	snapshot *storage.Snapshot // nil when the state did not change
	account  schemas.AccountID // of the actor, with a snapshot or events
	rendered []byte            // what is shown of it now, nil for nothing
	before   []byte            // with events: what changed of that, as it was
	wakeAt   time.Time
	err      error // the decision failed by a defect: nothing of it counts
	// In a dry run, what the state would be, and the status that has.
	next   any
	status string
}

// cell is the protoactor shell around a pure decide function: a cache of one row. It keeps the next state at
// once and hands the effects to its shard; it does no I/O and never blocks.
type cell[S any] struct {
	ref     schemas.Ref
	shard   schemas.Shard
	epoch   schemas.Epoch
	version int64
	state   S
	unread  error // why the state is not that of the row
	kind    *kind[S]
	rules   *core.Rules
}

// kind is what differs between the kinds of actors.
type kind[S any] struct {
	decide  func(S, any, core.Input) (S, core.Effects, error)
	columns func(*S, *core.Rules) columns
	wakeAt  func(*S, *core.Rules) time.Time
	apply   func(*core.Effects, time.Time) // keeps an index beside the state, nil for none
}

// columns are what the row of an actor has beside its state.
type columns struct {
	account schemas.AccountID
	name    string
	status  string
	parent  int64
	view    any // what tenants see, of a host operators; nil when it is shown nowhere
	created time.Time
	updated time.Time
}

// Receive takes one message of a turn.
func (c *cell[S]) Receive(ctx actor.Context) {
	if m, ok := ctx.Message().(*ask); ok {
		ctx.Send(ctx.Parent(), c.answer(m))
	}
}

// answer decides; a panic is a defect in a decision: its shard begins anew from the rows.
func (c *cell[S]) answer(m *ask) (d *decided) {
	defer func() {
		if r := recover(); r != nil {
			d = &decided{turn: m.turn, ref: c.ref, err: fmt.Errorf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	if c.unread != nil {
		return &decided{turn: m.turn, ref: c.ref, err: c.unread}
	}
	if m.dry {
		return c.wouldAnswer(m)
	}
	next, effects, err := c.kind.decide(c.state, m.message, m.input)
	if err != nil {
		return &decided{turn: m.turn, ref: c.ref, err: err}
	}
	d = &decided{turn: m.turn, ref: c.ref, effects: effects}
	version := c.version
	if effects.Save {
		version++
	}
	if err := c.render(d, &next, version); err != nil {
		return &decided{turn: m.turn, ref: c.ref, err: err}
	}
	if c.kind.apply != nil {
		c.kind.apply(&d.effects, m.input.Now)
	}
	c.state, c.version = next, version
	d.wakeAt = c.kind.wakeAt(&next, c.rules)
	return d
}

// wouldAnswer decides, and keeps nothing of it.
func (c *cell[S]) wouldAnswer(m *ask) *decided {
	state := c.state
	if before, ok := m.state.(*S); ok {
		state = *before
	}
	next, effects, err := c.kind.decide(state, m.message, m.input)
	if err != nil {
		return &decided{turn: m.turn, ref: c.ref, err: err}
	}
	return &decided{turn: m.turn, ref: c.ref, effects: effects, next: &next, status: c.kind.columns(&next, c.rules).status}
}

// render makes the snapshot of a decision, what its events show, and the versions of its steps.
func (c *cell[S]) render(d *decided, next *S, version int64) error {
	e := &d.effects
	for i := range e.Steps {
		e.Steps[i].Shard, e.Steps[i].Epoch, e.Steps[i].Version = c.shard, c.epoch, version
	}
	if !e.Save && len(e.Events) == 0 {
		return nil
	}
	cols := c.kind.columns(next, c.rules)
	rendered, err := renderJSON(cols.view)
	if err != nil {
		return err
	}
	d.account, d.rendered = cols.account, rendered
	if e.Save {
		state, err := renderJSON(next)
		if err != nil {
			return err
		}
		d.snapshot = &storage.Snapshot{
			Ref: c.ref, Account: cols.account, Shard: c.shard, Epoch: c.epoch, Version: version, V: schemas.StateV, State: state,
			Name: cols.name, Parent: cols.parent, Status: cols.status, Rendered: rendered, Created: cols.created, Updated: cols.updated,
			WakeAt: c.kind.wakeAt(next, c.rules), Remove: e.Remove,
		}
	}
	if len(e.Events) > 0 && c.version > 0 {
		d.before, err = changed(c.kind.columns(&c.state, c.rules).view, cols.view)
	}
	return err
}
