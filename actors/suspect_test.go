package actors_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/actors"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// deadly is a store in which the commit of some rows ends the process; the word comes when it does.
func (r *rig) deadly(kills func(storage.OperationRow) bool) <-chan struct{} {
	r.t.Helper()
	died := make(chan struct{}, 1)
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(b storage.Batch, next func() error) error {
			for _, u := range b.Units {
				if slices.ContainsFunc(u.Operations, kills) {
					select {
					case died <- struct{}{}:
					default: // it is dead already
					}
					return storage.ErrClosed
				}
			}
			return next()
		}
	})
	return died
}

// die ends the engine as the end of its process would: it acknowledges, commits and says nothing more. The broker and
// the database live on, and the next process begins.
func (r *rig) die() {
	r.t.Helper()
	r.bus.mu.Lock()
	r.bus.onConsume = func(context.Context, bus.Address) error { return bus.ErrClosed }
	r.bus.onPublish = func(bus.Address, bus.Message) error { return bus.ErrClosed }
	consumers := r.bus.consumers
	r.bus.mu.Unlock()
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(storage.Batch, func() error) error { return storage.ErrClosed }
	})
	for queue, c := range consumers {
		if queue != bus.ReplyQueue("edge") && queue != bus.HostQueue(1) { // those are the test's
			c.Close()
		}
	}
	r.hopeless()
	r.bus, r.store = &faultyBus{Bus: r.queues}, &faultyStore{Store: r.store.Store}
	r.engine = r.engineOn(r.bus, r.store)
}

func (r *rig) engineOn(b bus.Bus, store actors.Store) *actors.Engine {
	r.t.Helper()
	e, err := actors.New(actors.Config{Bus: b, Store: store, Node: uuid.NewString(), Now: r.now, Log: r.log(), Rules: r.rules})
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

// survive has processes end until there is a dead letter, and counts them.
func (r *rig) survive(kills func(storage.OperationRow) bool) int {
	r.t.Helper()
	died := r.deadly(kills)
	r.begin()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * patience)
	for deaths := 0; ; {
		select {
		case <-died:
			deaths++
			r.die()
			died = r.deadly(kills)
			r.begin()
		case <-tick.C:
			if len(r.queues.Dead()) > 0 {
				return deaths
			}
		case <-deadline:
			r.t.Fatalf("a message kills for ever: %d processes", deaths)
		}
	}
}

// lasting is a create that does not expire while processes end.
func (r *rig) lasting() schemas.OperationID {
	r.t.Helper()
	c := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	c.Expires = r.now().Add(time.Hour)
	return r.send(c)
}

func (r *rig) begin() {
	r.t.Helper()
	if err := r.engine.Start(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
}

// pause ends the engine in order, and has another one ready on the same bus: what is sent meanwhile waits.
func (r *rig) pause() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), patience)
	defer cancel()
	if err := r.engine.Stop(ctx); err != nil {
		r.t.Fatal(err)
	}
	r.engine = r.engineOn(r.bus, r.store)
}

// deadLetter is the only one.
func (r *rig) deadLetter() bus.DeadLetter {
	r.t.Helper()
	dead := r.queues.Dead()
	if len(dead) != 1 || r.engine.Stats().Dead != 1 {
		r.t.Fatalf("dead letters %+v, counted %d, want one", dead, r.engine.Stats().Dead)
	}
	return dead[0]
}

func TestACommandThatEndsEveryProcessIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pause()
	before, poison, after := r.lasting(), r.lasting(), []schemas.OperationID{r.lasting(), r.lasting(), r.lasting()}
	deaths := r.survive(func(o storage.OperationRow) bool { return o.ID == poison && o.State != schemas.OperationRejected })
	if deaths != 8 {
		t.Errorf("%d processes ended, want 5 until it is a suspect and 3 tries", deaths)
	}
	a := r.answer(poison)
	if a.Fault == nil || a.Fault.Kind != schemas.KindInternal || !strings.Contains(a.Fault.Message, "given up after 3 tries") {
		t.Errorf("answer = %+v, %v, want a fault that says why", a, a.Fault)
	}
	if row := r.until(poison, schemas.OperationRejected); row.Error == nil || row.Error.Message != a.Fault.Message {
		t.Errorf("error of the operation = %+v, want %v", row.Error, a.Fault)
	}
	for _, id := range append(after, before) {
		r.accepted(id)
	}
	if n := r.servers(); n != 4 {
		t.Errorf("%d servers, want 4: every other command is done once", n)
	}
	d := r.deadLetter()
	if d.ID != string(poison) || d.Type != schemas.TypeCommand || d.From != bus.ShardQueue(schemas.ShardOf(testAccount)) ||
		d.Redeliveries < 8 || !strings.Contains(d.Reason, "given up") || !strings.Contains(string(d.Body), string(poison)) {
		t.Errorf("dead letter = %+v", d)
	}
	r.audit()
}

func TestACommandWhoseRefusalEndsEveryProcessIsGivenUpUnread(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts ten engines")
	}
	r := newRig(t)
	r.pause()
	poison := r.lasting()
	if deaths := r.survive(func(o storage.OperationRow) bool { return o.ID == poison }); deaths != 9 {
		t.Errorf("%d processes ended, want 5 until it is a suspect, 3 tries and a refusal", deaths)
	}
	r.refused(poison, schemas.KindInternal)
	if d := r.deadLetter(); d.ID != string(poison) {
		t.Errorf("dead letter = %+v, want the command", d)
	}
	if n := r.servers(); n != 0 {
		t.Errorf("%d servers, want none", n)
	}
}

func TestAnOutcomeThatEndsEveryProcessFailsItsOperation(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts ten engines")
	}
	r := newRig(t)
	server := r.active()
	op := r.command(schemas.ServerReboot, server, schemas.Params{Hard: true}, "")
	r.accepted(op)
	step := r.stepOf(schemas.StepRestartHard)
	r.pause()
	r.done(step, nil)
	if deaths := r.survive(func(o storage.OperationRow) bool { return o.State == schemas.OperationSucceeded }); deaths != 8 {
		t.Errorf("%d processes ended, want 8", deaths)
	}
	r.until(op, schemas.OperationFailed)
	if d := r.deadLetter(); d.Type != schemas.TypeOutcome {
		t.Errorf("dead letter = %+v, want the outcome", d)
	}
	r.audit()
}

// redeliver has everything in the queue of a shard redelivered so often.
func (r *rig) redeliver(a bus.Address, times int) {
	r.t.Helper()
	for range times {
		c, err := r.queues.Consume(r.t.Context(), a, 256)
		if err != nil {
			r.t.Fatal(err)
		}
		c.Close()
	}
}

func TestAnInnocentSuspectIsDone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pause()
	var ids []schemas.OperationID
	for range 3 {
		ids = append(ids, r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, ""))
	}
	r.redeliver(bus.ShardQueue(schemas.ShardOf(testAccount)), 5)
	r.begin()
	for _, id := range ids {
		r.accepted(id)
	}
	if st := r.engine.Stats(); st.Suspects != 3 || st.Dead != 0 || len(r.queues.Dead()) != 0 || r.servers() != 3 {
		t.Errorf("%d tries, %d dead letters, %d servers, want 3, 0, 3", st.Suspects, st.Dead, r.servers())
	}
	r.audit()
}

func TestOneSuspectIsHandledAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	accounts := r.accounts(2)
	r.pause()
	tries := make(chan struct{}, 10)
	r.store.set(func(f *faultyStore) { f.onTry = func() { tries <- struct{}{} } })
	entered, leave := r.held()
	suspects := r.createsIn(accounts)
	for _, id := range accounts {
		r.redeliver(bus.ShardQueue(schemas.ShardOf(id)), 5)
	}
	r.begin()
	await(t, "a suspect is handled", entered)
	late := r.createIn(accounts[0])
	if n := len(tries); n != 1 {
		t.Errorf("%d tries while one is handled, want 1", n)
	}
	leave()
	for _, id := range append(suspects, late) {
		r.accepted(id)
	}
	if n := len(tries); n != 2 {
		t.Errorf("%d tries, want 2", n)
	}
}
