package actors_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// crash ends the engine without a drain, as a kill would but for the goroutines.
func (r *rig) crash() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	cancel()
	_ = r.engine.Stop(ctx)
	_ = r.bus.Close()
}

// unreadable has every read of an actor fail, until the function that it returns is called.
func (r *rig) unreadable(ref schemas.Ref) func() {
	r.store.set(func(f *faultyStore) {
		f.onLoad = func(refs []schemas.Ref, next func() ([]storage.Snapshot, error)) ([]storage.Snapshot, error) {
			if slices.Contains(refs, ref) {
				return nil, errBroken
			}
			return next()
		}
	})
	return func() { r.store.set(func(f *faultyStore) { f.onLoad = nil }) }
}

// silence has the cluster know its host and answer nobody, until the function that it returns is called.
func (r *rig) silence() func() {
	r.t.Helper()
	r.stop()
	r.mute = true // or the heartbeat would load the cluster
	r.start()
	return r.unreadable(testCluster.Ref())
}

func TestAClaimAsksTheClusterAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	heal := r.silence()
	op := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	r.until(op, schemas.OperationAdmitting)
	r.crash()
	heal()
	r.start()
	r.accepted(op)
	r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	r.eventually("every request is answered", func() bool { return r.engine.Stats().Outbox == 0 })
	r.audit()
}

func TestAKeyRepeatedWhileTheClusterIsSilentHasOneEffect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	heal := r.silence()
	first := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	r.until(first, schemas.OperationAdmitting)
	second := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	r.eventually("both have arrived", func() bool { return r.engine.Stats().Commands == 2 })
	heal()
	a, b := r.accepted(first), r.accepted(second)
	if a.Repeated || !b.Repeated || a.Operation != b.Operation || a.Target != b.Target {
		t.Errorf("first %+v, second %+v", a, b)
	}
	if n := r.servers(); n != 1 {
		t.Errorf("%d servers, want 1", n)
	}
}

func TestAnAdmissionThatExpiresIsRefusedAndGivenBack(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(*rig){
		"in one engine":             func(*rig) {},
		"and the engine was killed": func(r *rig) { r.crash(); r.start() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			heal := r.silence()
			op := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
			r.until(op, schemas.OperationAdmitting)
			between(r)
			r.skew.Add(int64(31 * time.Second))
			r.refused(op, schemas.KindUnavailable)
			r.until(op, schemas.OperationExpired)
			heal()
			r.eventually("the release is answered", func() bool { return r.engine.Stats().Outbox == 0 })
			if n := r.servers(); n != 0 {
				t.Errorf("%d servers, want none", n)
			}
			r.audit()
		})
	}
}

func TestAClaimGoesOnWithATeardown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	del := r.command(schemas.ServerDelete, server, schemas.Params{}, "")
	r.accepted(del)
	stop := r.stepOf(schemas.StepStop)
	r.crash()
	r.start()
	if again := r.stepOf(schemas.StepStop); again.ID() != stop.ID() {
		t.Fatalf("step %s, want %s again", again.ID(), stop.ID())
	}
	r.done(stop, nil)
	wipe := r.stepOf(schemas.StepWipe)
	r.done(wipe, &schemas.StepFailure{Reason: schemas.FailureFault}) // it is asked for again after a while
	r.eventually("the failure is taken", func() bool {
		row, err := r.store.Operation(t.Context(), testAccount, del)
		return err == nil && row.Step == schemas.StepWipe
	})
	r.quiet()
	r.skew.Add(int64(time.Minute))
	if again := r.stepOf(schemas.StepWipe); again.Attempt != 2 {
		t.Fatalf("attempt %d, want 2", again.Attempt)
	} else {
		r.done(again, nil)
	}
	r.until(del, schemas.OperationSucceeded)
	if report := r.audit(); len(report.Copies) != 0 {
		t.Errorf("copies left: %+v", report.Copies)
	}
}

func TestAResizeConfirmsItselfAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.rules.ConfirmAfter = time.Hour })
	server := r.active()
	resize := r.command(schemas.ServerResize, server, schemas.Params{Flavor: 2}, "")
	r.accepted(resize)
	r.run(resize, schemas.StepSnapshot, schemas.StepCopy, schemas.StepStop, schemas.StepCopyDelta, schemas.StepStart)
	r.crash()
	r.start()
	if v := r.server(server); v.Status != schemas.StatusVerifyResize {
		t.Fatalf("status = %s", v.Status)
	}
	r.stop()
	r.skew.Add(int64(time.Hour)) // while nobody runs
	r.start()
	wipe := r.stepOf(schemas.StepWipe)
	r.done(wipe, nil)
	row := r.until(wipe.Operation, schemas.OperationSucceeded)
	if v := r.server(server); v.Status != schemas.StatusActive || v.FlavorID != 2 || row.Action != schemas.ServerResizeConfirm {
		t.Errorf("server %+v, operation %+v", v, row.Operation)
	}
	r.audit()
}

func TestAStepThatNobodyAnswersRunsOutAfterARestartToo(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) {
		r.rules.Timeouts = map[schemas.StepName]time.Duration{schemas.StepFetchImage: time.Minute}
	})
	op, server := r.create("")
	r.stepOf(schemas.StepFetchImage)
	r.crash()
	r.start()
	r.stepOf(schemas.StepFetchImage)
	r.skew.Add(int64(time.Minute))
	r.until(op, schemas.OperationFailed)
	if v := r.server(server); v.Status != schemas.StatusError {
		t.Errorf("status = %s", v.Status)
	}
	r.audit()
}

func TestReadsThatFailAreRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	r.unload()
	var loads, knowns, leases atomic.Int64
	r.store.set(func(f *faultyStore) {
		f.onLoad = func(_ []schemas.Ref, next func() ([]storage.Snapshot, error)) ([]storage.Snapshot, error) {
			if loads.Add(1) <= 2 {
				return nil, errBroken
			}
			return next()
		}
		f.onKnown = func() error {
			if knowns.Add(1) <= 2 {
				return errBroken
			}
			return nil
		}
		f.onLease = func() error {
			if leases.Add(1) <= 2 {
				return errBroken
			}
			return nil
		}
	})
	var last schemas.OperationID
	name := ""
	for _, name = range []string{"a", "b", "c"} {
		last = r.command(schemas.ServerUpdate, server, schemas.Params{Name: &name}, "key "+name)
	}
	r.accepted(last)
	if v := r.server(server); v.Name != "c" {
		t.Errorf("name = %q, want that of the last command", v.Name)
	}
	image := r.command(schemas.ServerImage, 0, schemas.Params{Server: schemas.ServerID(server)}, "")
	r.accepted(image) // the shard had no ids of images
	if leases.Load() < 3 {
		t.Errorf("%d leases", leases.Load())
	}
}

func TestAShardThatIsFencedAtALeaseBeginsAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	shard := schemas.ShardOf(testAccount)
	if _, err := r.store.Store.Claim(t.Context(), shard, "another"); err != nil {
		t.Fatal(err)
	}
	r.create("") // it needs a first block of ids
}

func TestACommandThatExpiresDuringAReadIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	r.unload()
	reading, read := make(chan struct{}, 100), make(chan struct{})
	r.store.set(func(f *faultyStore) {
		f.onLoad = func(refs []schemas.Ref, next func() ([]storage.Snapshot, error)) ([]storage.Snapshot, error) {
			if refs[0] == schemas.ServerID(server).Ref() {
				reading <- struct{}{}
				<-read
			}
			return next()
		}
	})
	op := r.command(schemas.ServerReboot, server, schemas.Params{}, "")
	<-reading
	r.skew.Add(int64(31 * time.Second))
	close(read)
	r.refused(op, schemas.KindUnavailable)
	r.until(op, schemas.OperationExpired)
	r.accepted(r.command(schemas.ServerReboot, server, schemas.Params{}, ""))
}

func TestIdleActorsUnloadAndComeBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	servers := []int64{r.active(), r.active(), r.active()}
	loaded := r.engine.Stats().Loaded
	r.skew.Add(int64(2 * time.Minute))
	r.eventually("they unload", func() bool { return r.engine.Stats().Loaded <= loaded-4 })
	for _, id := range servers {
		op := r.command(schemas.ServerReboot, id, schemas.Params{}, "")
		r.accepted(op)
		r.run(op, schemas.StepRestartSoft)
	}
	r.audit()
}
