package agent_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/hosts/agent"
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

func TestWhatIsAnsweredIsOnDisk(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.onReply = func(o schemas.Outcome) {
			now, err := os.ReadFile(filepath.Join(r.dir, "ledger"))
			if err != nil {
				r.Error(err)
			}
			then := filepath.Join(r.dir, "then")
			if err := os.WriteFile(then, now, 0o600); err != nil {
				r.Error(err)
			}
			l, err := agent.OpenLedger(then, nil)
			if err != nil {
				r.Error(err)
				return
			}
			asked := step(o.Operation, o.Name, schemas.ServerID(o.Actor.ID), 2, 1)
			if e, err := l.Begin(&asked); err != nil || !e.Known {
				r.Errorf("%s of server %d was answered and is not in the ledger: %+v, %v", o.Name, o.Actor.ID, e, err)
			}
			if err := l.Close(); err != nil {
				r.Error(err)
			}
		}
		for server := range schemas.ServerID(50) {
			s := creation(1, 1)
			s.Actor, s.Params.Server = (server + 1).Ref(), server+1
			r.send(s)
			r.wantOutcome(schemas.StepStart, "")
		}
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
