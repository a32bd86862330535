package actors_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

func TestTheSameMessageTwiceHasOneEffect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	c.Created = r.now().Add(time.Minute) // far from the claim
	c.Expires = r.now().Add(2 * time.Minute)
	r.send(c)
	r.send(c)
	first, second := r.accepted(c.ID), r.accepted(c.ID)
	r.send(c) // after its commit
	third := r.accepted(c.ID)
	if first.Target != second.Target || first.Target != third.Target {
		t.Errorf("targets %v %v %v, want one", first.Target, second.Target, third.Target)
	}
	if n := r.servers(); n != 1 {
		t.Errorf("%d servers, want 1", n)
	}
	r.run(c.ID, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	r.audit()
}

func TestTheSameMessageAfterItExpiredGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	r.send(c)
	r.accepted(c.ID)
	r.skew.Add(int64(31 * time.Second))
	r.send(c)
	r.accepted(c.ID)
	if row := r.until(c.ID, schemas.OperationRunning); row.Answer == nil || row.Answer.Fault != nil {
		t.Errorf("the operation was overwritten: %+v", row)
	}
}

func TestACommandWithoutAnEndIsAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	c.Expires = time.Time{}
	r.send(c)
	r.accepted(c.ID)
}

func TestAShardWhoseQueueWasLostGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	r.quiet()
	queue := bus.ShardQueue(schemas.ShardOf(testAccount))
	lost := r.bus.consumer(queue)
	tries := 0
	r.bus.mu.Lock()
	r.bus.onConsume = func(_ context.Context, a bus.Address) error { // one call at a time: only one queue is lost
		if tries++; a == queue && tries == 1 {
			return errBroken
		}
		return nil
	}
	r.bus.mu.Unlock()
	commands := r.engine.Stats().Commands
	entered, leave := r.held()
	create := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	<-entered
	reboot := r.command(schemas.ServerReboot, server, schemas.Params{}, "")
	r.eventually("both have arrived", func() bool { return r.engine.Stats().Commands == commands+2 })
	lost.Close() // nothing of it is acknowledged
	r.eventually("both have arrived again", func() bool { return r.engine.Stats().Commands == commands+4 })
	leave()
	a := r.accepted(create)
	if again := r.accepted(create); again.Target != a.Target {
		t.Errorf("created %v, then %v", a.Target, again.Target)
	}
	r.accepted(reboot)
	after := r.command(schemas.ServerUpdate, server, schemas.Params{}, "")
	r.accepted(after)
	if n := r.servers(); n != 2 {
		t.Errorf("%d servers, want 2", n)
	}
	r.eventually("all is acknowledged at the new consumer", func() bool { return r.bus.consumer(queue).upTo() == 3 })
	r.audit()
}

func TestAKeyIsItsAccountsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := schemas.AccountID(1002)
	for schemas.ShardOf(other) != schemas.ShardOf(testAccount) {
		other++
	}
	r.account(other)
	_, leave := r.held() // so that the keys are in memory only
	mine := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	theirs := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	theirs.Account = other
	r.send(mine)
	r.send(theirs)
	r.eventually("both have arrived", func() bool { return r.engine.Stats().Commands == 2 })
	leave()
	if a, b := r.accepted(mine.ID), r.accepted(theirs.ID); b.Operation != theirs.ID || a.Target == b.Target {
		t.Errorf("mine %+v, theirs %+v", a, b)
	}
}

func TestKeysAreKeptForADayAndThoseOfCreatesForThirty(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server, began := r.active(), r.now()
	r.accepted(r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "server"))
	r.accepted(r.command(schemas.SharedIPGroupCreate, 0, schemas.Params{Name: new("g")}, "group"))
	r.accepted(r.command(schemas.ServerUpdate, server, schemas.Params{Name: new("web")}, "update"))
	const day = 24 * time.Hour
	for key, want := range map[string]time.Duration{"server": 30 * day, "group": 30 * day, "update": day} {
		k, err := r.store.Key(t.Context(), testAccount, []byte(key))
		if kept := k.Expires.Sub(began); err != nil || kept < want || kept > want+time.Minute {
			t.Errorf("the key %q is kept for %v, %v, want %v", key, kept, err, want)
		}
	}
}

func TestAKeyWhoseCommandFoundNoRoomIsFree(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.mute = true }) // no host
	create := func() schemas.OperationID {
		return r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	}
	r.refused(create(), schemas.KindCapacity)
	r.refused(create(), schemas.KindCapacity)
	r.beat()
	r.eventually("a host is known", func() bool {
		known, err := r.store.Hosts(t.Context())
		return err == nil && len(known) > 0
	})
	id := create()
	if a := r.accepted(id); a.Operation != id {
		t.Errorf("answer = %+v, want that of a new command", a)
	}
	if a := r.accepted(create()); a.Operation != id || !a.Repeated {
		t.Errorf("answer = %+v, want a repetition", a)
	}
	if n := r.engine.Stats().Panics; n != 0 {
		t.Errorf("%d defects", n)
	}
}

func TestARefusalForWantOfRoomNeverOverwritesAnAcceptedCommand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	r.send(c)
	r.accepted(c.ID)
	r.stop()
	full := make([]storage.OutboxRow, 10_000)
	nothingNew, err := json.Marshal(heartbeat())
	if err != nil {
		t.Fatal(err)
	}
	for i := range full {
		full[i] = storage.OutboxRow{ID: "full " + time.Duration(i).String(), To: schemas.ShardOfCluster(testCluster), Type: schemas.TypeHeartbeat, Body: nothingNew}
	}
	r.store.set(func(f *faultyStore) {
		f.onClaim = func(s schemas.Shard, next func() (storage.Claim, error)) (storage.Claim, error) {
			claim, err := next()
			if s == schemas.ShardOf(testAccount) {
				claim.Outbox = full
			}
			return claim, err
		}
	})
	r.start()
	r.refused(r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key"), schemas.KindUnavailable)
	r.send(c) // the first one comes again
	r.accepted(c.ID)
	r.until(c.ID, schemas.OperationRunning)
	if n := r.servers(); n != 1 {
		t.Errorf("%d servers, want 1", n)
	}
}
