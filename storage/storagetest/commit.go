package storagetest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var commitCases = []testCase{
	{"a batch is there after Commit and not at all when one of its units is bad", testAllOrNothing},
	{"a batch that is repeated is written once", testRepeated},
	{"a committer whose number went back is told so", testWentBack},
	{"an old epoch is fenced and writes nothing", testFence},
	{"a snapshot is written only over an older version", testOlderVersion},
	{"two committers with the same keys in opposite order both end", testOppositeOrder},
	{"a closed store says so", testClosed},
}

func testAllOrNothing(r *rig) {
	good, bad := r.of(alice), r.of(bob)
	good.Snapshots = []storage.Snapshot{r.server(alice, 1, 1)}
	bad.Snapshots = []storage.Snapshot{r.server(bob, 2, 1)}
	bad.Snapshots[0].Name = "a\x00b"
	r.wantBad(1, good, bad)
	r.shows(alice, 1, 0)
	r.commit(good)
	r.shows(alice, 1, 1)
	r.shows(bob, 2, 0)
}

func testRepeated(r *rig) {
	u := r.of(alice)
	u.Events = []storage.EventRow{r.event(schemas.ServerID(1).Ref(), 1, "ozone.server.create.start", "")}
	u.Snapshots = []storage.Snapshot{r.server(alice, 1, 1)}
	r.commit(u)
	r.number--
	r.commit(u) // an event that is written twice would be a bad unit
	r.shows(alice, 1, 1)
}

func testWentBack(r *rig) {
	t, s := r.t, r.s
	r.commit(r.of(alice))
	r.commit(r.of(alice))
	for _, number := range []int64{1, 4, 9} {
		err := s.Commit(t.Context(), storage.Batch{Committer: r.committer, Number: number, Units: []storage.Unit{r.of(alice)}})
		if !errors.Is(err, storage.ErrWentBack) {
			t.Errorf("Commit(number %d) after 2 = %v, want ErrWentBack", number, err)
		}
	}
	err := s.Commit(t.Context(), storage.Batch{Committer: "another", Number: 5, Units: []storage.Unit{r.of(alice)}})
	if !errors.Is(err, storage.ErrWentBack) {
		t.Errorf("Commit(number 5) of an unknown committer = %v, want ErrWentBack", err)
	}
}

func testFence(r *rig) {
	t, s := r.t, r.s
	old, other := r.of(alice), r.of(bob)
	old.Snapshots = []storage.Snapshot{r.server(alice, 1, 1)}
	other.Snapshots = []storage.Snapshot{r.server(bob, 2, 1)}
	c, err := s.Claim(t.Context(), schemas.ShardOf(alice), "another node")
	if err != nil || c.Epoch != old.Epoch+1 {
		t.Fatalf("Claim() = epoch %d, %v, want epoch %d", c.Epoch, err, old.Epoch+1)
	}
	err = r.try(other, old)
	fenced, ok := errors.AsType[*storage.FencedError](err)
	if !ok || !slices.Equal(fenced.Shards, []schemas.Shard{schemas.ShardOf(alice)}) {
		t.Fatalf("Commit() = %v, want a FencedError of shard %d", err, schemas.ShardOf(alice))
	}
	r.shows(alice, 1, 0)
	r.shows(bob, 2, 0)
	r.commit(other)
	r.shows(bob, 2, 1)
	if _, err := s.LeaseIDs(t.Context(), schemas.ShardOf(alice), old.Epoch, schemas.ActorServer); !errors.As(err, &fenced) {
		t.Errorf("LeaseIDs(old epoch) = %v, want a FencedError", err)
	}
}

func testOlderVersion(r *rig) {
	put := func(version int64) storage.Unit {
		u := r.of(alice)
		u.Snapshots = []storage.Snapshot{r.server(alice, 1, version)}
		return u
	}
	r.commit(put(1))
	r.commit(put(3))
	r.wantBad(0, put(3))
	r.wantBad(1, r.of(bob), put(2))
	r.shows(alice, 1, 3)
	foreign := r.of(bob)
	foreign.Snapshots = []storage.Snapshot{r.server(bob, 1, 4)}
	r.wantBad(0, foreign)
	r.shows(alice, 1, 3)
	r.shows(bob, 1, 0)
}

func testOppositeOrder(r *rig) {
	t := r.t
	const rounds = 50
	var wg sync.WaitGroup
	for c := range 2 {
		r := newRig(t, r.s)
		r.committer = []string{"a", "b"}[c]
		u := r.unit(schemas.Shard(c))
		wg.Go(func() {
			for i := range rounds {
				u.Keys = nil
				for k := range byte(20) {
					if c == 1 {
						k = 19 - k
					}
					u.Keys = append(u.Keys, storage.Key{
						Account: alice, Hash: []byte{byte(i), k}, Operation: operationID(i), Expires: time.Unix(1, 0), // free again at once
					})
				}
				if err := r.try(u); err != nil {
					t.Errorf("Commit() = %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func testClosed(r *rig) {
	t, s := r.t, r.s
	u := r.of(alice)
	if err := s.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	if err := r.try(u); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Commit() after Close() = %v, want ErrClosed", err)
	}
	if _, err := s.Object(t.Context(), schemas.ActorServer, alice, 1); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("Object() after Close() = %v, want ErrClosed", err)
	}
}
