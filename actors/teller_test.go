package actors_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

func TestAStepThatTheBusDoesNotTakeIsSentAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	refusals := []error{bus.ErrFull, bus.ErrUnroutable}
	r.bus.mu.Lock()
	r.bus.onPublish = func(to bus.Address, _ bus.Message) error { // called with mu held
		if to != bus.HostQueue(1) || len(refusals) == 0 {
			return nil
		}
		err := refusals[0]
		refusals = refusals[1:]
		return err
	}
	r.bus.mu.Unlock()
	op, _ := r.create("")
	r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
}

func TestASealedPayloadReachesItsStepEachTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	sealed := []byte("sealed")
	c := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	c.Payload = sealed
	r.send(c)
	r.accepted(c.ID)
	r.done(r.stepOf(schemas.StepFetchImage), nil)
	wants := func(attempt int) {
		t.Helper()
		s := r.stepOf(schemas.StepCreateDisk)
		if !bytes.Equal(s.Params.Payload, sealed) || s.Attempt != attempt {
			t.Fatalf("attempt %d has payload %q, want attempt %d with %q", s.Attempt, s.Params.Payload, attempt, sealed)
		}
		if attempt == 1 {
			r.done(s, &schemas.StepFailure{Reason: schemas.FailureFault})
		}
	}
	wants(1)
	wants(2)
	r.crash()
	r.start()
	s := r.stepOf(schemas.StepCreateDisk)
	if !bytes.Equal(s.Params.Payload, sealed) {
		t.Fatalf("payload after the restart = %q, want %q", s.Params.Payload, sealed)
	}
	r.done(s, nil)
	r.run(c.ID, schemas.StepStart)
	if _, err := r.store.Payload(context.WithoutCancel(t.Context()), testAccount, c.ID); err == nil {
		t.Error("the payload outlives its operation")
	}
}

func TestOperationsLeaveNothingInMemory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.quiet()
	before := r.engine.Stats()
	for range 20 {
		server := r.active()
		del := r.command(schemas.ServerDelete, server, schemas.Params{}, "")
		r.accepted(del)
		r.run(del, schemas.StepStop, schemas.StepWipe)
		r.refused(r.command(schemas.ServerReboot, 1<<30, schemas.Params{}, ""), schemas.KindNotFound)
	}
	r.eventually("operations and requests are forgotten", func() bool {
		s := r.engine.Stats()
		return s.Open == before.Open && s.Outbox == before.Outbox
	})
	if s := r.engine.Stats(); s.Loaded > before.Loaded+22 { // the servers and their account, until they are idle
		t.Errorf("%d actors are loaded, %d were before", s.Loaded, before.Loaded)
	}
	r.audit()
}
