package storagetest

import (
	"errors"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var unitCases = []testCase{
	{"text that no database stores is named as the bad unit", testBadText},
	{"more than a host has cannot be committed", testOvercommit},
	{"what a host holds follows every change of its reservations", testHostLoad},
	{"a key in use is refused, an expired one is free", testKeys},
	{"a key of a refused command is free", testKeysOfRefused},
	{"an event is stored once", testEvents},
	{"later units override earlier ones", testOverride},
	{"what one batch makes and takes away leaves nothing", testMadeAndGone},
	{"a payload is there until its operation ends", testPayload},
}

func testBadText(r *rig) {
	t := r.t
	for name, spoil := range map[string]func(u *storage.Unit){
		"name":      func(u *storage.Unit) { u.Snapshots[0].Name = "a\xff" },
		"state":     func(u *storage.Unit) { u.Snapshots[0].State = []byte("{\"a\":\"\x00\"}") },
		"rendered":  func(u *storage.Unit) { u.Snapshots[0].Rendered = []byte("\xc0\x80") },
		"event":     func(u *storage.Unit) { u.Events[0].Body = []byte("\x00") },
		"operation": func(u *storage.Unit) { u.Operations[0].ID = "a\x00" },
		"reply":     func(u *storage.Unit) { u.Operations[0].ReplyTo = "\xff" },
		"outbox":    func(u *storage.Unit) { u.Outbox[0].ID = "\x00" },
		"address":   func(u *storage.Unit) { u.Addresses[0].IP = "\x00" },
	} {
		u := r.of(alice)
		u.Snapshots = []storage.Snapshot{r.server(alice, 1, 1)}
		u.Events = []storage.EventRow{r.event(schemas.ServerID(1).Ref(), 1, "x", "")}
		u.Operations = []storage.OperationRow{r.operation(alice, 1, schemas.OperationRunning)}
		u.Outbox = []storage.OutboxRow{{ID: "o", Shard: u.Shard, Body: []byte("{}")}}
		u.Addresses = []schemas.Address{{IP: "198.18.0.1"}}
		spoil(&u)
		err := r.try(r.of(bob), u, r.of(bob))
		if bad, ok := errors.AsType[*storage.BadUnitError](err); !ok || bad.Unit != 1 {
			t.Errorf("Commit(bad %s) = %v, want a BadUnitError of unit 1", name, err)
		}
	}
	r.shows(alice, 1, 0)
}

// cluster commits a host of cluster 1 with 4096 MiB and 100 GB.
func (r *rig) cluster() {
	r.t.Helper()
	u := r.unit(schemas.ShardOfCluster(1))
	u.Snapshots = []storage.Snapshot{r.host(7, 4096, 100)}
	r.commit(u)
}

func (r *rig) reserving(rs ...schemas.Reservation) storage.Unit {
	u := r.unit(schemas.ShardOfCluster(1))
	u.Reservations = rs
	return u
}

func testOvercommit(r *rig) {
	r.cluster()
	first, second, third := r.reserving(reservation(7, 1, 1, 2048)), r.reserving(reservation(7, 2, 1, 1024)), r.reserving(reservation(7, 3, 1, 2048))
	r.wantBad(2, first, second, third)
	r.commit(first, second)
	r.wantBad(0, third)
	// What an earlier unit of the batch gives back is free for a later one, and what a later one gives back for the sum.
	released := reservation(7, 1, 1, 2048)
	released.Released = true
	r.commit(third, r.reserving(released))
	over, back := r.reserving(reservation(7, 6, 1, 2048)), reservation(7, 6, 1, 2048)
	back.Released = true
	r.wantBad(2, over, r.reserving(back), r.reserving(reservation(7, 7, 1, 2048)), r.reserving())
	r.wantBad(1, r.reserving(), r.reserving(reservation(8, 4, 1, 1))) // a host that no row names
	full := reservation(7, 5, 1, 1)
	full.DiskGB = 200
	r.wantBad(0, r.reserving(full), r.reserving())
}

func testHostLoad(r *rig) {
	r.cluster()
	r.commit(r.reserving(reservation(7, 1, 1, 4096)))
	r.commit(r.reserving(reservation(7, 1, 1, 1024))) // smaller
	r.commit(r.reserving(reservation(7, 2, 1, 3072)))
	gone := reservation(7, 1, 1, 1024)
	gone.Released = true
	r.commit(r.reserving(gone))
	r.commit(r.reserving(gone)) // twice is once
	r.commit(r.reserving(reservation(7, 3, 1, 1024)))
	r.wantBad(0, r.reserving(reservation(7, 4, 1, 1)))
	tomb := reservation(9, 5, 1, 0)
	tomb.Released = true
	r.commit(r.reserving(tomb)) // of what never was
}

func testKeys(r *rig) {
	t, s := r.t, r.s
	key := func(account schemas.AccountID, n int, expires time.Time) storage.Unit {
		u := r.of(account)
		u.Keys = []storage.Key{{Account: account, Hash: []byte("hash"), Operation: operationID(n), Digest: []byte{1}, Expires: expires}}
		return u
	}
	hour := r.now().Add(time.Hour)
	r.commit(key(alice, 1, r.now().Add(-time.Second)))
	if _, err := s.Key(t.Context(), alice, []byte("hash")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Key(expired) = %v, want ErrNotFound", err)
	}
	r.commit(key(alice, 2, hour))
	r.wantBad(1, r.of(bob), key(alice, 3, hour))
	r.wantBad(1, key(bob, 4, hour), key(bob, 5, hour))
	r.commit(key(bob, 4, hour))
	got, err := s.Key(t.Context(), alice, []byte("hash"))
	if err != nil || got.Operation != operationID(2) || !got.Expires.Equal(hour) || len(got.Digest) != 1 {
		t.Errorf("Key() = %+v, %v, want operation %s until %v", got, err, operationID(2), hour)
	}
}

// testKeysOfRefused: a command that was refused after its key was stored leaves the key free, in a later batch and in its own.
func testKeysOfRefused(r *rig) {
	t, s := r.t, r.s
	hour := r.now().Add(time.Hour)
	unit := func(n int, state schemas.OperationState, keyed bool) storage.Unit {
		u := r.of(alice)
		u.Operations = []storage.OperationRow{r.operation(alice, n, state)}
		if keyed {
			u.Keys = []storage.Key{{Account: alice, Hash: []byte("hash"), Operation: operationID(n), Digest: []byte{1}, Expires: hour}}
		}
		return u
	}
	r.commit(unit(1, schemas.OperationAdmitting, true))
	r.wantBad(1, r.of(alice), unit(2, schemas.OperationAdmitting, true))
	r.commit(unit(1, schemas.OperationRejected, false), unit(2, schemas.OperationAdmitting, true))
	r.commit(unit(2, schemas.OperationExpired, false))
	r.commit(unit(3, schemas.OperationAdmitting, true), unit(3, schemas.OperationRejected, false), unit(4, schemas.OperationRunning, true))
	r.wantBad(1, r.of(alice), unit(5, schemas.OperationAdmitting, true))
	if got, err := s.Key(t.Context(), alice, []byte("hash")); err != nil || got.Operation != operationID(4) {
		t.Errorf("Key() = %+v, %v, want operation %s", got, err, operationID(4))
	}
}

func testEvents(r *rig) {
	u := r.of(alice)
	u.Events = []storage.EventRow{r.event(schemas.ServerID(1).Ref(), 1, "a", ""), r.event(schemas.ServerID(1).Ref(), 2, "b", "")}
	r.commit(u)
	again := r.of(alice)
	again.Events = []storage.EventRow{r.event(schemas.ServerID(1).Ref(), 2, "c", "")}
	r.wantBad(1, r.of(alice), again)
	other := r.of(alice)
	other.Events = []storage.EventRow{r.event(schemas.ImageID(1).Ref(), 2, "c", "")} // another source
	r.commit(other)
}

func testOverride(r *rig) {
	t, s := r.t, r.s
	first, second := r.of(alice), r.of(alice)
	first.Snapshots = []storage.Snapshot{r.server(alice, 1, 1)}
	second.Snapshots = []storage.Snapshot{r.server(alice, 1, 2)}
	first.Operations = []storage.OperationRow{r.operation(alice, 1, schemas.OperationAdmitting)}
	second.Operations = []storage.OperationRow{r.operation(alice, 1, schemas.OperationSucceeded)}
	second.Operations[0].ReplyTo = ""
	r.commit(first, second)
	r.shows(alice, 1, 2)
	op, err := s.Operation(t.Context(), alice, operationID(1))
	if err != nil || op.State != schemas.OperationSucceeded || op.ReplyTo != "" {
		t.Errorf("Operation() = %+v, %v, want the later unit's", op, err)
	}
	again := r.of(alice)
	again.Operations = first.Operations
	r.wantBad(0, again) // what has ended does not go on
}

func testMadeAndGone(r *rig) {
	t, s := r.t, r.s
	first, second := r.of(alice), r.of(alice)
	first.Snapshots = []storage.Snapshot{r.server(alice, 1, 1)}
	second.Snapshots = []storage.Snapshot{r.server(alice, 1, 2)}
	second.Snapshots[0].Remove = true
	first.Outbox = []storage.OutboxRow{{ID: "asked", Shard: first.Shard, Type: "allocate", Body: []byte("{}")}}
	second.Answered = []string{"asked"}
	for range 2 { // the second time over what the first one left
		r.commit(first, second)
		r.shows(alice, 1, 0)
	}
	// A request that is asked and answered in one batch leaves nothing, also where the answer comes before the repetition.
	asked, answered := r.of(alice), r.of(alice)
	asked.Outbox = []storage.OutboxRow{{ID: "new", Shard: asked.Shard, Type: "allocate", Body: []byte("{}"), New: true}}
	answered.Answered = []string{"new"}
	repeated := asked
	repeated.Outbox = []storage.OutboxRow{asked.Outbox[0]}
	repeated.Outbox[0].New = false
	r.commit(asked, repeated, answered)
	r.commit(asked)
	r.commit(answered, asked, answered)
	// An unanswered request that is repeated and answered in one batch is gone too.
	r.commit(first)
	again := r.of(alice)
	again.Outbox = first.Outbox
	again.Answered = []string{"asked"}
	r.commit(again)
	r.commit(second) // it was committed by now
	r.shows(alice, 1, 0)
	if got, err := s.Load(t.Context(), first.Shard, []schemas.Ref{schemas.ServerID(1).Ref()}); err != nil || len(got) != 0 {
		t.Errorf("Load(removed server) = %v, %v, want nothing", got, err)
	}
	c, err := s.Claim(t.Context(), first.Shard, "node")
	if err != nil || len(c.Outbox) != 0 {
		t.Errorf("Claim() = outbox %v, %v, want none", c.Outbox, err)
	}
}

func testPayload(r *rig) {
	t, s := r.t, r.s
	u := r.of(alice)
	op := r.operation(alice, 1, schemas.OperationAdmitting)
	op.Payload = []byte{0, 255, 1}
	u.Operations = []storage.OperationRow{op}
	kept := func(when string) {
		t.Helper()
		if got, err := s.Payload(t.Context(), alice, op.ID); err != nil || string(got) != "\x00\xff\x01" {
			t.Errorf("Payload() %s = %q, %v, want the sealed bytes", when, got, err)
		}
	}
	running := r.of(alice)
	running.Operations = []storage.OperationRow{r.operation(alice, 1, schemas.OperationRunning)}
	r.commit(u, running) // a later unit of the batch leaves it
	kept("after one batch")
	r.commit(running)
	kept("after another")
	if _, err := s.Payload(t.Context(), bob, op.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Payload(another account) = %v, want ErrNotFound", err)
	}
	ended := r.of(alice)
	ended.Operations = []storage.OperationRow{r.operation(alice, 1, schemas.OperationSucceeded)}
	r.commit(ended)
	if _, err := s.Payload(t.Context(), alice, op.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Payload() after its end = %v, want ErrNotFound", err)
	}
}
