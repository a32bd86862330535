package agent_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/hosts/agent"
	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
)

func TestRepeatedStepIsDoneOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.ask(step("op", schemas.StepCreateDisk, 7, 1, 1))
		first := r.ask(step("op", schemas.StepStart, 7, 1, 2))
		again := r.ask(step("op", schemas.StepStart, 7, 1, 2))
		resumed := r.ask(step("op", schemas.StepStart, 7, 2, 5))
		if first.Failure != nil || first != again || first != resumed {
			r.Errorf("outcomes %+v, %+v, %+v, want the same success", first, again, resumed)
		}
		want := schemas.Outcome{V: 1, Operation: "op", Name: schemas.StepStart, Attempt: 1, Host: 1, Copy: 1, Actor: schemas.ServerID(7).Ref(), Account: 1001}
		if first != want {
			r.Errorf("outcome %+v, want %+v", first, want)
		}
		r.wantCalls("7 start 2")
		synctest.Wait()
		if n := r.done.Load(); n != 4 {
			r.Errorf("%d messages done, want 4", n)
		}
		// The resumed step fences its elders though it ran nothing.
		if o := r.ask(step("zombie", schemas.StepStop, 7, 1, 9)); reason(o) != schemas.FailureFenced {
			r.Errorf("step of epoch 1 after a resume at epoch 2: %+v, want fenced", o)
		}
	})
}

func TestStepUnderWayIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		hang := r.cloud.Inject(sim.Fault{Kind: sim.Hang, Step: schemas.StepStop})
		for epoch := range schemas.Epoch(3) {
			r.send(step("op", schemas.StepStop, 7, epoch+1, 1))
		}
		<-hang.Reached()
		r.wantSilence()
		hang.Release()
		r.answer()
		r.wantSilence()
		if n := r.done.Load(); n != 3 {
			r.Errorf("%d messages done, want 3", n)
		}
		// The repetition at epoch 3 fences its elders though it ran nothing.
		if o := r.ask(step("other", schemas.StepStop, 7, 2, 9)); reason(o) != schemas.FailureFenced {
			r.Errorf("step of epoch 2 after one of epoch 3: %+v, want fenced", o)
		}
	})
}

func TestOlderPairIsFenced(t *testing.T) {
	t.Parallel()
	cases := []struct {
		epoch   schemas.Epoch
		version int64
		fenced  bool
	}{
		{5, 10, false}, {5, 11, false}, {6, 1, false}, {5, 9, true}, {4, 99, true},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("epoch %d version %d", c.epoch, c.version), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(r *rig) {
				r.ask(step("a", schemas.StepStop, 7, 5, 10))
				r.stop()
				r.start(r.calls) // the fence is durable
				o := r.ask(step("b", schemas.StepStop, 7, c.epoch, c.version))
				if got := reason(o) == schemas.FailureFenced; got != c.fenced || !got && o.Failure != nil {
					r.Errorf("outcome %+v, want fenced %v", o, c.fenced)
				}
				if o := r.ask(step("c", schemas.StepStop, 8, 1, 1)); o.Failure != nil {
					r.Errorf("step of another server: %+v", o)
				}
			})
		})
	}
}

func TestStepsOfOneServerKeepTheirOrder(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		var want []string
		for version := range int64(50) {
			op := schemas.OperationID(fmt.Sprint(version))
			r.send(step(op, schemas.StepStop, 7, 1, version))
			want = append(want, fmt.Sprintf("7 stop %d", version))
		}
		for version := range 50 {
			if o := r.answer(); o.Operation != schemas.OperationID(fmt.Sprint(version)) {
				r.Fatalf("outcome %d is that of %s", version, o.Operation)
			}
		}
		r.wantCalls(want...)
	})
}

func TestServersWorkSideBySide(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		hang := r.cloud.Inject(sim.Fault{Kind: sim.Hang, Server: 7})
		r.send(step("a", schemas.StepStop, 7, 1, 1))
		<-hang.Reached()
		for server := range schemas.ServerID(15) {
			if o := r.ask(step("b", schemas.StepStop, 100+server, 1, 1)); o.Operation != "b" {
				r.Errorf("outcome %+v, want b", o)
			}
		}
	})
}

func TestParallelStepsAreBounded(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		hang := r.cloud.Inject(sim.Fault{Kind: sim.Hang})
		for server := range schemas.ServerID(100) {
			r.send(step("a", schemas.StepStop, server+1, 1, 1))
		}
		synctest.Wait()
		if n := len(r.calls.got()); n != 16 {
			r.Errorf("%d steps at a time, want 16", n)
		}
		hang.Release()
		for range 100 {
			r.answer()
		}
	})
}

func TestUnknownStepAndMissingPower(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		if o := r.ask(step("op", "levitate", 7, 1, 1)); reason(o) != schemas.FailureUnknown {
			r.Errorf("unknown step: %+v", o)
		}
		r.stop()
		r.start(struct{ hosts.Driver }{r.calls}) // without extra powers
		for _, name := range []schemas.StepName{schemas.StepRestartSoft, schemas.StepSave, schemas.StepCopyDelta} {
			if o := r.ask(step("op", name, 7, 1, 1)); reason(o) != schemas.FailureUnknown {
				r.Errorf("%s without the power: %+v", name, o)
			}
		}
	})
}

func TestHostsWordIsTheOutcome(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		first := r.ask(step("op", schemas.StepStart, 7, 1, 1))
		if reason(first) != schemas.FailureMissing {
			r.Errorf("start of an unknown server: %+v", first)
		}
		r.stop()
		r.start(r.calls)
		again := r.ask(step("op", schemas.StepStart, 7, 1, 1))
		if *again.Failure != *first.Failure {
			r.Errorf("after a restart %+v, want %+v", again.Failure, first.Failure)
		}
		second := step("op", schemas.StepStart, 7, 1, 2)
		second.Attempt = 2
		r.ask(second)
		r.wantCalls("7 start 1", "7 start 2")
	})
}

func TestUnknownErrorIsRetriedUntilKnown(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.cloud.Inject(sim.Fault{Kind: sim.LoseAnswer, Times: 3})
		r.calls.bad.Store(true)
		if o := r.ask(step("op", schemas.StepStop, 7, 1, 1)); o.Failure != nil {
			r.Errorf("outcome %+v, want success", o)
		}
		if n := len(r.calls.got()); n != 5 { // a panic, three lost answers, the answer
			r.Errorf("%d calls, want 5", n)
		}
	})
}

func TestSilenceUntilTheLateOutcome(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.cloud.Inject(sim.Fault{Kind: sim.Late, Times: 1, Delay: time.Hour})
		r.send(step("op", schemas.StepStop, 7, 1, 1))
		time.Sleep(59 * time.Minute) // virtual; the time-out is one minute
		r.wantSilence()
		if n := r.done.Load(); n != 0 {
			r.Errorf("%d messages done before the outcome", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if o := r.answer(); o.Failure != nil || r.done.Load() != 1 {
			r.Errorf("late outcome %+v, %d messages done", o, r.done.Load())
		}
	})
}

func TestOvertakenStepIsGivenUp(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		lost := r.cloud.Inject(sim.Fault{Kind: sim.LoseAnswer, Step: schemas.StepStart})
		r.ask(step("op", schemas.StepCreateDisk, 7, 1, 1))
		r.send(step("op", schemas.StepStart, 7, 1, 2))
		<-lost.Reached()
		time.Sleep(time.Hour)
		r.wantSilence()
		if o := r.ask(step("delete", schemas.StepStop, 7, 1, 3)); o.Operation != "delete" || o.Failure != nil {
			r.Errorf("outcome %+v, want the delete's stop", o)
		}
		synctest.Wait()
		if n := r.done.Load(); n != 3 {
			r.Errorf("%d messages done, want 3", n)
		}
	})
}

func TestStepOfAnotherCopyOvertakesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.cloud.Inject(sim.Fault{Kind: sim.LoseAnswer, Step: schemas.StepWipe, Times: 5})
		r.send(step("op", schemas.StepWipe, 7, 1, 2))
		cleanup := step("cleanup", schemas.StepStop, 7, 1, 3)
		cleanup.Params.Copy = 2
		r.send(cleanup)
		if o := r.answer(); o.Operation != "op" || o.Failure != nil {
			r.Errorf("outcome %+v, want that of the wipe", o)
		}
		r.answer()
	})
}

func TestReplyIsRepeatedUntilTheBusVouches(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.unsure.Store(10)
		r.ask(step("op", schemas.StepStop, 7, 1, 1))
		r.wantSilence()
		r.wantCalls("7 stop 1")
	})
}

func TestOutcomeIsNotedBeforeItIsReplied(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.unsure.Store(1 << 40) // no reply gets through
		r.send(step("op", schemas.StepStop, 7, 1, 1))
		time.Sleep(time.Minute)
		r.stop()
		if n := r.done.Load(); n != 0 {
			r.Errorf("%d messages done without a reply", n)
		}
		r.unsure.Store(0)
		r.start(r.calls)
		r.ask(step("op", schemas.StepStop, 7, 1, 1))
		r.wantCalls("7 stop 1")
	})
}

func TestPayloadIsOpenedForTheDriver(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		s := step("op", schemas.StepCreateDisk, 7, 1, 1)
		s.Params.Payload = []byte("sealed for another")
		if o := r.ask(s); reason(o) != schemas.FailureFault {
			r.Errorf("payload of another operation: %+v", o)
		}
		s.Attempt, s.Version, s.Params.Payload = 2, 2, []byte("sealed for op")
		if o := r.ask(s); o.Failure != nil {
			r.Errorf("payload: %+v", o)
		}
		if c, _ := r.cloud.Content(1, 7, 1); c.Password == "" {
			r.Error("the driver did not get the password")
		}
	})
}

func TestHeartbeatAtOnceAndThenRegularly(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		want := schemas.Heartbeat{V: 1, Host: 1, Cluster: 2, Name: "h1", RAMMiB: 1024, DiskGB: 100}
		if got := <-r.beats; got != want {
			r.Errorf("heartbeat %+v, want %+v", got, want)
		}
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if n := len(r.beats); n != 10 {
			r.Errorf("%d heartbeats in 50 s, want 10", n)
		}
	})
}

func TestStepForAnotherHostIsDropped(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		s := step("op", schemas.StepStop, 7, 1, 1)
		s.Host = 2
		r.send(s)
		r.wantSilence()
		if r.done.Load() != 1 {
			r.Error("its message is kept")
		}
	})
}

func TestStopEndsHungSteps(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		hang := r.cloud.Inject(sim.Fault{Kind: sim.Hang, Times: 1})
		r.send(step("op", schemas.StepStop, 7, 1, 1))
		<-hang.Reached()
		r.stop()
		r.stop()
		r.wantSilence()
		r.start(r.calls)
		r.ask(step("op", schemas.StepStop, 7, 1, 1)) // never ended, so it runs
		r.wantCalls("7 stop 1", "7 stop 1")
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	if _, err := agent.New(agent.Config{Host: 1}); err == nil {
		t.Error("an agent without driver, bus and ledger was made")
	}
}

func TestStopBeforeStart(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		a, err := agent.New(agent.Config{
			Host: 1, Driver: r.calls, Ledger: r.ledger,
			Receive: func(context.Context) (agent.Delivery, error) { panic("not started") },
			Reply:   func(context.Context, schemas.Outcome) error { return nil },
		})
		if err != nil {
			r.Fatal(err)
		}
		a.Stop()
		if err := a.Start(r.Context()); err == nil {
			r.Error("a stopped agent started")
		}
	})
}
