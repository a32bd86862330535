package storagetest

import (
	"slices"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var claimCases = []testCase{
	{"a claim returns what the shard owes", testClaim},
	{"leased ids never overlap", testLeases},
	{"used ids are not given out again after a claim", testNextIDs},
	{"actors are loaded from their own shard", testLoad},
	{"a cluster is loaded with its hosts, reservations and addresses", testLoadCluster},
	{"what a command may repeat is known", testKnown},
	{"tries of a suspect are counted until it is cleared", testSuspects},
}

func testClaim(r *rig) {
	t, s := r.t, r.s
	u, foreign := r.of(alice), r.of(bob)
	waiting, quiet := r.server(alice, 1, 1), r.server(alice, 2, 1)
	waiting.WakeAt = r.now().Add(time.Minute)
	u.Snapshots = []storage.Snapshot{waiting, quiet}
	open, ended := r.operation(alice, 1, schemas.OperationRunning), r.operation(alice, 2, schemas.OperationFailed)
	open.Answer = &schemas.Answer{V: 1, Operation: open.ID, Representation: []byte(`{"id":1}`)}
	u.Operations = []storage.OperationRow{open, ended}
	u.Outbox = []storage.OutboxRow{{ID: "o", Shard: u.Shard, To: 9, Type: "allocate", Body: []byte("{}"), Created: r.now()}}
	foreign.Outbox = []storage.OutboxRow{{ID: "o", Shard: foreign.Shard, To: 9, Type: "allocate", Body: []byte("{}"), Created: r.now()}}
	r.commit(u, foreign)
	c, err := s.Claim(t.Context(), u.Shard, "another")
	if err != nil {
		t.Fatalf("Claim() = %v", err)
	}
	if len(c.Snapshots) != 1 || c.Snapshots[0].Ref != waiting.Ref || !c.Snapshots[0].WakeAt.Equal(waiting.WakeAt) ||
		string(c.Snapshots[0].State) != string(waiting.State) || c.Snapshots[0].Version != 1 {
		t.Errorf("Claim() = snapshots %+v, want %+v", c.Snapshots, waiting)
	}
	if len(c.Operations) != 1 || c.Operations[0].ID != open.ID || c.Operations[0].Account != alice ||
		c.Operations[0].Answer == nil || string(c.Operations[0].Answer.Representation) != `{"id":1}` || c.Operations[0].ReplyTo != "edge" {
		t.Errorf("Claim() = operations %+v, want %+v", c.Operations, open)
	}
	if len(c.Outbox) != 1 || c.Outbox[0].To != 9 || c.Outbox[0].Type != "allocate" || !c.Outbox[0].Created.Equal(u.Outbox[0].Created) {
		t.Errorf("Claim() = outbox %+v, want %+v", c.Outbox, u.Outbox)
	}
	// Once nothing is owed the claim is empty.
	u.Epoch = c.Epoch
	waiting.WakeAt, waiting.Version = time.Time{}, 2
	open.State = schemas.OperationSucceeded
	u.Snapshots, u.Operations, u.Outbox, u.Answered = []storage.Snapshot{waiting}, []storage.OperationRow{open}, nil, []string{"o"}
	r.commit(u)
	c, err = s.Claim(t.Context(), u.Shard, "another")
	if err != nil || len(c.Snapshots)+len(c.Operations)+len(c.Outbox) != 0 {
		t.Errorf("Claim() = %+v, %v, want nothing owed", c, err)
	}
	c, err = s.Claim(t.Context(), foreign.Shard, "another")
	if err != nil || len(c.Outbox) != 1 {
		t.Errorf("Claim() of another shard = outbox %v, %v, want its own", c.Outbox, err)
	}
}

func testLeases(r *rig) {
	t, s := r.t, r.s
	var mu sync.Mutex
	var blocks []storage.IDBlock // guarded by mu
	var wg sync.WaitGroup
	for shard := range schemas.Shard(8) {
		u := r.unit(shard)
		wg.Go(func() {
			for range 5 {
				b, err := s.LeaseIDs(t.Context(), u.Shard, u.Epoch, schemas.ActorServer)
				if err != nil {
					t.Errorf("LeaseIDs() = %v", err)
				}
				mu.Lock()
				blocks = append(blocks, b)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortFunc(blocks, func(a, b storage.IDBlock) int { return int(a.Next - b.Next) })
	if blocks[0].Next < 1 {
		t.Errorf("the first id is %d, want at least 1", blocks[0].Next)
	}
	for i := range blocks[1:] {
		if blocks[i].End > blocks[i+1].Next || blocks[i].End-blocks[i].Next != storage.IDBlockSize {
			t.Errorf("blocks %v and %v overlap or are not of %d", blocks[i], blocks[i+1], storage.IDBlockSize)
		}
	}
	b, err := s.LeaseIDs(t.Context(), 0, r.epochs[0], schemas.ActorImage)
	if err != nil || b.Next < 1000 {
		t.Errorf("LeaseIDs(image) = %v, %v, want ids from 1000: lower ones are base images'", b, err)
	}
	if _, err := s.LeaseIDs(t.Context(), 0, r.epochs[0], "flavor"); err == nil {
		t.Error("LeaseIDs(flavor) = nil, want an error")
	}
}

func testNextIDs(r *rig) {
	t, s := r.t, r.s
	u := r.of(alice)
	block, err := s.LeaseIDs(t.Context(), u.Shard, u.Epoch, schemas.ActorServer)
	if err != nil {
		t.Fatal(err)
	}
	want := func(next int64) {
		t.Helper()
		c, err := s.Claim(t.Context(), u.Shard, "node")
		if got := c.IDs[schemas.ActorServer]; err != nil || got.Next != next || got.End != block.End {
			t.Errorf("Claim() = ids %v, %v, want [%d, %d)", got, err, next, block.End)
		}
		u.Epoch = c.Epoch
	}
	want(block.Next)
	second := u
	u.NextIDs = map[schemas.ActorKind]int64{schemas.ActorServer: block.Next + 1}
	second.NextIDs = map[schemas.ActorKind]int64{schemas.ActorServer: block.Next + 2}
	second.Epoch = u.Epoch
	r.commit(u, second)
	want(block.Next + 2)
	u.NextIDs = map[schemas.ActorKind]int64{schemas.ActorServer: block.Next}
	r.commit(u) // never back
	want(block.Next + 2)
	u.NextIDs = map[schemas.ActorKind]int64{schemas.ActorServer: block.End}
	r.commit(u)
	want(block.End)
}

func testLoad(r *rig) {
	t, s := r.t, r.s
	u := r.of(alice)
	stored := r.server(alice, 1, 3)
	stored.Parent, stored.Rendered, stored.WakeAt = 5, nil, r.now()
	u.Snapshots = []storage.Snapshot{stored}
	r.commit(u)
	got, err := s.Load(t.Context(), u.Shard, []schemas.Ref{stored.Ref, schemas.ServerID(2).Ref(), schemas.ImageID(1).Ref()})
	if err != nil || len(got) != 1 {
		t.Fatalf("Load() = %v, %v, want one snapshot", got, err)
	}
	g := got[0]
	if g.Ref != stored.Ref || g.Account != alice || g.Shard != u.Shard || g.Epoch != u.Epoch || g.Version != 3 || g.V != schemas.StateV ||
		string(g.State) != string(stored.State) || g.Name != "web" || g.Parent != 5 || g.Status != "ACTIVE" || g.Rendered != nil ||
		!g.Created.Equal(stored.Created) || !g.Updated.Equal(stored.Updated) || !g.WakeAt.Equal(stored.WakeAt) {
		t.Errorf("Load() = %+v, want %+v", g, stored)
	}
	got, err = s.Load(t.Context(), schemas.ShardOf(bob), []schemas.Ref{stored.Ref})
	if err != nil || len(got) != 0 {
		t.Errorf("Load() from another shard = %v, %v, want nothing", got, err)
	}
}

func testLoadCluster(r *rig) {
	t, s := r.t, r.s
	r.cluster()
	released := reservation(7, 2, 1, 100)
	released.Released = true
	u := r.reserving(reservation(7, 1, 1, 100), released)
	free := r.now()
	u.Addresses = []schemas.Address{
		{IP: "198.18.0.1", Cluster: 1, Public: true, Server: 1},
		{IP: "10.0.0.1", Cluster: 1, FreeAt: free},
		{IP: "10.0.0.2", Cluster: 2, Server: 1},
	}
	r.commit(u)
	got, err := s.LoadCluster(t.Context(), 1)
	if err != nil || len(got.Hosts) != 1 || got.Hosts[0].Ref != schemas.HostID(7).Ref() {
		t.Errorf("LoadCluster() = hosts %v, %v, want host 7", got.Hosts, err)
	}
	slices.SortFunc(got.Reservations, func(a, b schemas.Reservation) int { return int(a.Server - b.Server) })
	if want := []schemas.Reservation{reservation(7, 1, 1, 100), released}; !slices.Equal(got.Reservations, want) {
		t.Errorf("LoadCluster() = reservations %+v, want %+v", got.Reservations, want)
	}
	slices.SortFunc(got.Addresses, func(a, b schemas.Address) int { return int(b.Server - a.Server) })
	if !slices.Equal(got.Addresses, u.Addresses[:2]) {
		t.Errorf("LoadCluster() = addresses %+v, want %+v", got.Addresses, u.Addresses[:2])
	}
}

func testKnown(r *rig) {
	t, s := r.t, r.s
	u := r.of(alice)
	u.Operations = []storage.OperationRow{r.operation(alice, 1, schemas.OperationRunning)}
	u.Keys = []storage.Key{{Account: alice, Hash: []byte("k"), Operation: operationID(1), Digest: []byte("d"), Expires: r.now().Add(time.Hour)}}
	r.commit(u)
	for _, c := range []struct {
		account    schemas.AccountID
		n          int
		hash       string
		known, key bool
	}{
		{alice, 1, "k", true, true},
		{alice, 1, "x", true, false},
		{alice, 2, "k", false, true},
		{bob, 1, "k", false, false},
		{alice, 2, "", false, false},
	} {
		var hash []byte
		if c.hash != "" {
			hash = []byte(c.hash)
		}
		op, key, err := s.Known(t.Context(), c.account, operationID(c.n), hash)
		if err != nil || (op.ID != "") != c.known || (key.Operation != "") != c.key {
			t.Errorf("Known(%d, %d, %q) = %q, %q, %v, want operation %t, key %t", c.account, c.n, c.hash, op.ID, key.Operation, err, c.known, c.key)
		}
	}
}
