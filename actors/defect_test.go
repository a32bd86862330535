package actors_test

import (
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// corrupt makes reads of a server's state answer something else while more() says so.
func (r *rig) corrupt(id int64, more func() bool, change func(*schemas.Server)) {
	r.t.Helper()
	r.garble(id, more, func(state []byte) []byte {
		var s schemas.Server
		if err := json.Unmarshal(state, &s); err != nil {
			r.t.Error(err)
		}
		change(&s)
		body, err := json.Marshal(&s)
		if err != nil {
			r.t.Error(err)
		}
		return body
	})
}

// garble does the same with the bytes.
func (r *rig) garble(id int64, more func() bool, change func([]byte) []byte) {
	r.t.Helper()
	twist := func(rows []storage.Snapshot) []storage.Snapshot {
		for i := range rows {
			if rows[i].Ref == schemas.ServerID(id).Ref() && more() {
				rows[i].State = change(rows[i].State)
			}
		}
		return rows
	}
	r.store.set(func(f *faultyStore) {
		f.onLoad = func(_ []schemas.Ref, next func() ([]storage.Snapshot, error)) ([]storage.Snapshot, error) {
			rows, err := next()
			return twist(rows), err
		}
		f.onClaim = func(_ schemas.Shard, next func() (storage.Claim, error)) (storage.Claim, error) {
			c, err := next()
			c.Snapshots = twist(c.Snapshots)
			return c, err
		}
	})
}

// times says yes so often.
func times(n int64) func() bool {
	var asked atomic.Int64
	return func() bool { return asked.Add(1) <= n }
}

func always() bool { return true }

// withoutSource is a state in which a confirm panics: the source of the resize is missing.
func withoutSource(s *schemas.Server) { s.Status, s.Other = schemas.StatusVerifyResize, nil }

// unload has the actors of a server forgotten, as the next engine does.
func (r *rig) unload() {
	r.t.Helper()
	r.stop()
	r.start()
}

func TestADecisionThatPanicsOnceIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	r.unload()
	r.corrupt(server, times(1), withoutSource)
	op := r.command(schemas.ServerResizeConfirm, server, schemas.Params{}, "")
	last := r.command(schemas.ServerReboot, server, schemas.Params{}, "")
	r.refused(op, schemas.KindForbidden) // the true state has nothing to confirm
	r.accepted(last)
	if n := r.engine.Stats().Panics; n != 1 {
		t.Errorf("%d panics, want 1", n)
	}
	r.run(last, schemas.StepRestartSoft)
	r.audit()
}

func TestADecisionThatPanicsTwiceEndsInAFault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	r.unload()
	r.corrupt(server, always, withoutSource)
	create := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	op := r.command(schemas.ServerResizeConfirm, server, schemas.Params{}, "")
	after := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	r.accepted(create)
	if a := r.answer(op); a.Fault == nil || a.Fault.Kind != schemas.KindInternal || a.Fault.Fault != schemas.FaultCloudServers {
		t.Errorf("answer = %+v %v", a, a.Fault)
	}
	r.accepted(after)
	r.until(op, schemas.OperationRejected)
	if n := r.engine.Stats().Panics; n != 2 {
		t.Errorf("%d panics, want 2", n)
	}
	r.store.set(func(f *faultyStore) { f.onLoad, f.onClaim = nil, nil })
	r.audit()
}

func TestAStateThatCannotBeReadIsItsOwnActorsTroubleAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	broken, sound := r.active(), r.active()
	resize := r.command(schemas.ServerResize, broken, schemas.Params{Flavor: 2}, "")
	r.accepted(resize)
	r.stepOf(schemas.StepSnapshot) // so it has a timer, and is loaded with its shard
	r.garble(broken, always, func(state []byte) []byte { return state[:len(state)/2] })
	r.unload()
	r.run(r.accepted(r.command(schemas.ServerReboot, sound, schemas.Params{}, "")).Operation, schemas.StepRestartSoft)
	r.until(resize, schemas.OperationFailed)
	r.refused(r.command(schemas.ServerReboot, broken, schemas.Params{}, ""), schemas.KindInternal)
}

// crashing is an outcome on which a server panics that prepares a resize without a second half.
func (r *rig) crashing(s schemas.Step) {
	r.t.Helper()
	r.publish(bus.ShardQueue(s.Shard), schemas.TypeOutcome, "crash", &schemas.Outcome{
		V: 1, Operation: s.Operation, Name: schemas.StepCopy, Attempt: 1, Actor: s.Actor, Account: s.Account,
	})
}

func halfAResize(s *schemas.Server) {
	s.Status, s.Other = schemas.StatusPrepResize, nil
	if c := s.Cursor; c != nil {
		c.Plan, c.Step, c.Attempt, c.Deadline = "resize", schemas.StepCopy, 1, time.Now().Add(time.Hour)
	}
}

func TestAnActorGivesUpWhatItCannotDecide(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	op := r.command(schemas.ServerReboot, server, schemas.Params{}, "")
	r.accepted(op)
	step := r.stepOf(schemas.StepRestartSoft)
	r.unload()
	r.corrupt(server, always, halfAResize)
	r.stop()
	r.start()
	r.crashing(step)
	row := r.until(op, schemas.OperationFailed)
	if row.Error == nil || row.Error.Message != "internal error" {
		t.Errorf("error = %+v", row.Error)
	}
	r.accepted(r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, ""))
}

func TestAnActorThatCannotEvenGiveUpStopsNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	op := r.command(schemas.ServerReboot, server, schemas.Params{}, "")
	r.accepted(op)
	r.corrupt(server, always, func(s *schemas.Server) { // its deadline is due, and no way leads out of its status
		s.Status = schemas.StatusSuspended
		if c := s.Cursor; c != nil {
			c.Expires = time.Now().Add(-time.Hour)
		}
	})
	r.stop()
	r.start()
	r.until(op, schemas.OperationFailed)
	create := r.accepted(r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, ""))
	r.refused(r.command(schemas.ServerReboot, server, schemas.Params{}, ""), schemas.KindInternal)
	panics := r.engine.Stats().Panics
	if create.Target.ID == server || panics > 5 {
		t.Errorf("%d panics, want few", panics)
	}
	r.store.set(func(f *faultyStore) { f.onLoad, f.onClaim = nil, nil })
}

func TestAPanicOfTheShardItselfIsNotSilent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.quiet()
	c := r.bus.consumer(bus.ShardQueue(schemas.ShardOf(testAccount)))
	c.mu.Lock()
	c.onAck = func() { panic("no such channel") }
	c.mu.Unlock()
	r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	if err := r.fatal(); err == nil {
		t.Error("Fatal() = nil")
	}
	c.mu.Lock()
	c.onAck = nil
	c.mu.Unlock()
}

func TestWhatNoActorCanBeToldIsADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	queue := bus.ShardQueue(schemas.ShardOf(testAccount))
	for _, kind := range []schemas.ActorKind{"", "planet", schemas.ActorCluster, schemas.ActorAccount} {
		r.publish(queue, schemas.TypeOutcome, "outcome", &schemas.Outcome{V: 1, Actor: schemas.Ref{Kind: kind, ID: 1}})
	}
	r.publish(queue, schemas.TypeStep, "step", &schemas.Step{V: 1, Host: 1})
	if err := bus.Send(t.Context(), r.bus, queue, bus.Message{ID: "torn", Type: schemas.TypeCommand, Body: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	r.publish(queue, "rumour", "rumour", &schemas.Step{V: 1})
	r.publish(queue, schemas.TypeCommand, "of tomorrow", &schemas.Command{V: schemas.MessageV + 1})
	r.quiet()
	r.create("")
	reasons := make(map[string]bus.DeadLetter)
	for _, d := range r.queues.Dead() {
		reasons[d.Reason] = d
	}
	if n := len(r.queues.Dead()); n != 8 || len(reasons) != 8 || r.engine.Stats().Dead != 8 {
		t.Errorf("dead letters %+v, counted %d, want 8 with their reasons", reasons, r.engine.Stats().Dead)
	}
	for reason, times := range map[string]int{
		`unknown format: message type "rumour"`: 3, "unknown format: version 2 of command, 1 is known": 3,
	} {
		if d := reasons[reason]; d.From != queue || d.Redeliveries < times {
			t.Errorf("dead letter %q = %+v, want it after others had a chance to read it", reason, d)
		}
	}
	if st := r.engine.Stats(); st.Panics != 0 || st.Suspects != 0 {
		t.Errorf("%d panics, %d suspects, want none", st.Panics, st.Suspects)
	}
}
