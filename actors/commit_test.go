package actors_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// mentions tells whether a unit opens or moves an operation.
func mentions(u *storage.Unit, id schemas.OperationID) bool {
	return slices.ContainsFunc(u.Operations, func(o storage.OperationRow) bool { return o.ID == id })
}

// held keeps commits back until leave is called; entered is closed when there is one.
func (r *rig) held() (entered <-chan struct{}, leave func()) {
	in, left := make(chan struct{}), make(chan struct{})
	enter := sync.OnceFunc(func() { close(in) })
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(_ storage.Batch, next func() error) error {
			enter()
			<-left
			return next()
		}
	})
	leave = sync.OnceFunc(func() { close(left) })
	r.t.Cleanup(leave)
	return in, leave
}

func TestNothingIsToldBeforeItsCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	r.quiet()
	entered, leave := r.held()
	queue := bus.ShardQueue(schemas.ShardOf(testAccount))
	before := r.bus.consumer(queue).upTo()
	create := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	<-entered
	reboot := r.command(schemas.ServerReboot, server, schemas.Params{}, "")
	r.eventually("both are decided", func() bool { return r.engine.Stats().Commands >= 3 })
	r.silent()
	if got := r.bus.consumer(queue).upTo(); got != before {
		t.Fatalf("acknowledged up to %d before the commit, want %d", got, before)
	}
	leave()
	r.accepted(create)
	r.accepted(reboot)
	r.eventually("both are acknowledged", func() bool { return r.bus.consumer(queue).upTo() >= before+2 })
}

func TestAFailedCommitIsRepeatedAsTheSameData(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(next func() error) error{
		"refused":            func(func() error) error { return errBroken },
		"its answer is lost": func(next func() error) error { return errors.Join(next(), errBroken) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var mu sync.Mutex
			tries := make(map[int64][][]byte) // guarded by mu
			r.store.set(func(f *faultyStore) {
				f.onCommit = func(b storage.Batch, next func() error) error {
					body, err := json.Marshal(b)
					if err != nil {
						return err
					}
					mu.Lock()
					defer mu.Unlock()
					tries[b.Number] = append(tries[b.Number], body)
					if len(tries[b.Number]) <= 2 {
						return fail(next)
					}
					return next()
				}
			})
			op, id := r.create("key")
			r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
			if a := r.accepted(r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")); a.Operation != op || a.Target.ID != id {
				t.Errorf("repeated: %+v", a)
			}
			if n := r.servers(); n != 1 {
				t.Errorf("%d servers, want 1", n)
			}
			r.store.set(func(f *faultyStore) { f.onCommit = nil })
			mu.Lock()
			defer mu.Unlock()
			for n, same := range tries {
				for _, again := range same[1:] {
					if !bytes.Equal(same[0], again) {
						t.Errorf("batch %d changed:\n%s\n%s", n, same[0], again)
					}
				}
			}
			r.audit()
		})
	}
}

func TestCommandsOfAnAccountAreCommittedInTheirOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	n := 0
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(_ storage.Batch, next func() error) error { // only the committer calls it
			if n++; n%3 == 1 {
				return errBroken
			}
			return next()
		}
	})
	var last schemas.OperationID
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		last = r.command(schemas.ServerUpdate, server, schemas.Params{Name: &name}, "")
	}
	r.accepted(last)
	if v := r.server(server); v.Name != "h" {
		t.Errorf("name = %q, want that of the last update", v.Name)
	}
	r.audit()
}

func TestABadUnitHarmsOneOperation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := schemas.AccountID(1002)
	r.account(other)
	server := r.active()
	bad := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "bad")
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(b storage.Batch, next func() error) error {
			for i := range b.Units {
				if mentions(&b.Units[i], bad.ID) && len(b.Units[i].Snapshots) > 0 {
					return &storage.BadUnitError{Unit: i, Err: errBroken}
				}
			}
			return next()
		}
	})
	before := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	r.send(bad)
	after := r.command(schemas.ServerReboot, server, schemas.Params{}, "")
	foreign := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	foreign.Account = other
	r.send(foreign)
	r.accepted(before)
	r.refused(bad.ID, schemas.KindInternal)
	r.accepted(after)
	r.accepted(foreign.ID)
	if row := r.until(bad.ID, schemas.OperationRejected); row.Error == nil {
		t.Errorf("the operation says nothing of its fault: %+v", row)
	}
	if n := r.servers(); n != 2 {
		t.Errorf("%d servers, want 2", n)
	}
	if s := r.engine.Stats(); s.Accepted != 4 || s.Refused != 1 { // the first one is the server's create
		t.Errorf("%d accepted, %d refused, want 4 and 1", s.Accepted, s.Refused)
	}
	r.audit()
}

func TestACommandWhoseRefusalCannotBeStoredIsAnsweredAllTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	bad := r.order(schemas.ServerReboot, server, schemas.Params{}, "")
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(b storage.Batch, next func() error) error {
			for i := range b.Units {
				if mentions(&b.Units[i], bad.ID) {
					return &storage.BadUnitError{Unit: i, Err: errBroken}
				}
			}
			return next()
		}
	})
	r.send(bad)
	r.refused(bad.ID, schemas.KindInternal)
	r.accepted(r.command(schemas.ServerReboot, server, schemas.Params{}, ""))
}

func TestABadUnitOfTheClusterTakesWhatDependsOnIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create("") // the cluster is loaded
	bad := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	bad.Expires = r.now().Add(time.Second)
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(b storage.Batch, next func() error) error {
			for i := range b.Units {
				if l := b.Units[i].Reservations; len(l) > 0 && l[0].Operation == bad.ID && !l[0].Released {
					return &storage.BadUnitError{Unit: i, Err: errBroken}
				}
			}
			return next()
		}
	})
	r.send(bad)
	good := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	r.accepted(good)
	r.refused(bad.ID, schemas.KindUnavailable)
	r.until(bad.ID, schemas.OperationExpired)
	r.create("")
	if n := r.servers(); n != 3 {
		t.Errorf("%d servers, want 3", n)
	}
	r.eventually("the release is answered", func() bool { return r.engine.Stats().Outbox == 0 })
	r.audit()
}

func TestAFencedShardBeginsAnewAndNothingIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	shard := schemas.ShardOf(testAccount)
	if _, err := r.store.Store.Claim(t.Context(), shard, "another"); err != nil {
		t.Fatal(err)
	}
	var claims atomic.Int64
	r.store.set(func(f *faultyStore) {
		f.onClaim = func(_ schemas.Shard, next func() (storage.Claim, error)) (storage.Claim, error) {
			if claims.Add(1) <= 2 {
				return storage.Claim{}, errBroken
			}
			return next()
		}
	})
	op := r.command(schemas.ServerReboot, server, schemas.Params{}, "")
	create := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	r.accepted(op)
	r.accepted(create)
	if n := r.servers(); n != 2 {
		t.Errorf("%d servers, want 2", n)
	}
	r.audit()
}

func TestAStoreThatWentBackEndsTheProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(storage.Batch, func() error) error { return storage.ErrWentBack }
	})
	r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	if err := r.fatal(); !errors.Is(err, storage.ErrWentBack) {
		t.Errorf("Fatal() = %v", err)
	}
	r.silent()
	r.hopeless()
}

// fatal waits for the engine's last word.
func (r *rig) fatal() error {
	r.t.Helper()
	select {
	case err := <-r.engine.Fatal():
		return err
	case <-time.After(patience):
		r.t.Fatal("the engine goes on")
		return nil
	}
}

func TestWorkWithoutACommitEndsTheProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tried := make(chan struct{})
	try := sync.OnceFunc(func() { close(tried) })
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(storage.Batch, func() error) error {
			try()
			return errBroken
		}
	})
	r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	<-tried
	r.skew.Add(int64(11 * time.Second))
	if err := r.fatal(); err == nil {
		t.Error("Fatal() = nil")
	}
	r.store.set(func(f *faultyStore) { f.onCommit = nil })
}

func TestADatabaseThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	var tries atomic.Int64
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(storage.Batch, func() error) error {
			tries.Add(1)
			return fmt.Errorf("commit: %w", storage.ErrAway)
		}
	})
	op := r.command(schemas.ServerReboot, server, schemas.Params{}, "")
	for n := range int64(10) { // some seconds, in which the alarm looks several times; for the engine half a minute
		r.eventually("the commit is tried again", func() bool { return tries.Load() > n })
		r.skew.Add(int64(3 * time.Second))
	}
	r.store.set(func(f *faultyStore) { f.onCommit = nil })
	r.accepted(op)
	select {
	case err := <-r.engine.Fatal():
		t.Errorf("Fatal() = %v", err)
	default:
	}
	r.audit()
}

func TestACommitThatHangsEndsTheProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	away, left := make(chan struct{}), make(chan struct{})
	n := 0
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(_ storage.Batch, next func() error) error { // only the committer calls it
			if n++; n == 1 {
				return storage.ErrAway
			}
			if n == 2 {
				close(away)
			}
			<-left
			return next()
		}
	})
	r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	<-away
	r.skew.Add(int64(11 * time.Second))
	if err := r.fatal(); err == nil {
		t.Error("Fatal() = nil")
	}
	close(left)
}

func TestAQuietCommitterIsNoAlarm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.active()
	r.skew.Add(int64(time.Minute))
	r.active()
	select {
	case err := <-r.engine.Fatal():
		t.Errorf("Fatal() = %v", err)
	default:
	}
}
