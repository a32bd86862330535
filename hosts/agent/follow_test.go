package agent_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
)

// creation is a create's first step with those that follow it.
func creation(epoch schemas.Epoch, version int64) schemas.Step {
	s := step("op", schemas.StepFetchImage, 7, epoch, version)
	s.Then = []schemas.NextStep{{Name: schemas.StepCreateDisk, Timeout: time.Minute}, {Name: schemas.StepStart, Timeout: time.Minute}}
	return s
}

// wantOutcome takes the next outcome, which must be a success unless a reason is given.
func (r *rig) wantOutcome(name schemas.StepName, want schemas.FailureReason) {
	r.Helper()
	if o := r.answer(); o.Name != name || o.Attempt != 1 || reason(o) != want {
		r.Errorf("outcome %+v, want %s %q", o, name, want)
	}
}

func TestQuickStepsAreAnsweredByTheLast(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.send(creation(1, 1))
		r.wantOutcome(schemas.StepStart, "")
		time.Sleep(time.Hour)
		r.wantSilence()
		if n := r.done.Load(); n != 1 {
			r.Errorf("%d messages done, want 1", n)
		}
		r.send(creation(2, 5)) // a claim asks again: nothing runs twice
		r.wantOutcome(schemas.StepStart, "")
		r.wantCalls("7 start 1")
	})
}

func TestASlowStepIsToldBeforeTheNextHasEnded(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		hang := r.cloud.Inject(sim.Fault{Kind: sim.Hang, Step: schemas.StepCreateDisk})
		r.unsure.Store(2)
		r.send(creation(1, 1))
		<-hang.Reached()
		r.wantOutcome(schemas.StepFetchImage, "")
		hang.Release()
		r.wantOutcome(schemas.StepStart, "")
		r.wantSilence()
	})
}

func TestNothingFollowsAFailure(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.cloud.Inject(sim.Fault{Kind: sim.Fail, Step: schemas.StepCreateDisk, Times: 1})
		r.send(creation(1, 1))
		r.wantOutcome(schemas.StepCreateDisk, schemas.FailureFault)
		r.wantSilence()
		r.wantCalls()
		again := step("op", schemas.StepCreateDisk, 7, 1, 2)
		again.Attempt, again.Then = 2, []schemas.NextStep{{Name: schemas.StepStart, Timeout: time.Minute}}
		r.send(again)
		r.wantOutcome(schemas.StepStart, "")
		r.wantCalls("7 start 2")
	})
}

func TestNothingFollowsANewerWord(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		hang := r.cloud.Inject(sim.Fault{Kind: sim.Hang, Step: schemas.StepCreateDisk})
		r.send(creation(1, 1))
		<-hang.Reached()
		r.wantOutcome(schemas.StepFetchImage, "")
		r.send(step("delete", schemas.StepStop, 7, 1, 2))
		synctest.Wait()
		hang.Release()
		r.wantOutcome(schemas.StepCreateDisk, "")
		r.wantOutcome(schemas.StepStop, "")
		r.wantCalls("7 stop 2")
	})
}

func TestStepsThatFollowGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		hang := r.cloud.Inject(sim.Fault{Kind: sim.Hang, Step: schemas.StepStart})
		r.send(creation(1, 1))
		<-hang.Reached()
		r.wantOutcome(schemas.StepCreateDisk, "")
		r.stop()
		hang.Release()
		r.start(r.calls)
		r.send(creation(1, 1)) // was not done
		r.wantOutcome(schemas.StepStart, "")
		r.wantCalls("7 start 1", "7 start 1")
	})
}
