package storagetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Benchmark measures the stores that open makes, each new and empty: commits as creates make them, and the reads of the edge.
func Benchmark(b *testing.B, open func(b *testing.B) storage.Store) {
	for _, creates := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("commits of %d creates", creates), func(b *testing.B) { newLoad(b, open(b)).benchCommit(creates) })
	}
	b.Run("reads", func(b *testing.B) { newLoad(b, open(b)).benchReads() })
}

const benchAccounts = 64

// load writes creates the way the actors do: admitted, placed, done, in three commits.
type load struct {
	b      *testing.B
	s      storage.Store
	number int64
	epochs [schemas.Shards]schemas.Epoch
	now    time.Time
	next   int
	rows   int
}

func newLoad(b *testing.B, s storage.Store) *load {
	b.Helper()
	l := &load{b: b, s: s, now: time.Unix(1_800_000_000, 0)}
	for shard := range schemas.Shard(schemas.Shards) {
		c, err := s.Claim(b.Context(), shard, "node")
		if err != nil {
			b.Fatal(err)
		}
		l.epochs[shard] = c.Epoch
	}
	cluster := schemas.ShardOfCluster(1)
	u := storage.Unit{Shard: cluster, Epoch: l.epochs[cluster]}
	for id := range schemas.HostID(100) {
		u.Snapshots = append(u.Snapshots, l.snapshot((id+1).Ref(), 0, cluster, 1, schemas.Host{
			V: 1, ID: id + 1, Cluster: 1, RAMMiB: 1 << 40, DiskGB: 1 << 40,
		}))
	}
	l.commit([]storage.Unit{u})
	return l
}

func (l *load) commit(units []storage.Unit) {
	l.number++
	if err := l.s.Commit(l.b.Context(), storage.Batch{Committer: "load", Number: l.number, Units: units}); err != nil {
		l.b.Fatalf("Commit() = %v", err)
	}
	for i := range units {
		u := &units[i]
		l.rows += len(u.Snapshots) + len(u.Operations) + len(u.Keys) + len(u.Events) + len(u.Outbox) + len(u.Answered) +
			len(u.Reservations) + len(u.Addresses) + len(u.NextIDs)
	}
}

func (l *load) snapshot(ref schemas.Ref, account schemas.AccountID, shard schemas.Shard, version int64, state any) storage.Snapshot {
	text, err := json.Marshal(state)
	if err != nil {
		l.b.Fatal(err)
	}
	return storage.Snapshot{
		Ref: ref, Account: account, Shard: shard, Epoch: l.epochs[shard], Version: version, V: 1, State: text, Name: "server",
		Status: "BUILD", Created: l.now, Updated: l.now,
	}
}

// creates commits n creates; their ids are in the blocks of their shards.
func (l *load) creates(n int) {
	var admitted, placed, done []storage.Unit
	cluster := schemas.ShardOfCluster(1)
	for i := range n {
		seq := l.next + i
		account := schemas.AccountID(1001 + seq%benchAccounts)
		turn := seq / benchAccounts
		id := schemas.ServerID((turn/1000*benchAccounts+seq%benchAccounts)*1000 + turn%1000 + 1)
		a, p, d := l.create(account, id, seq, int64(turn+1)*3)
		p.Shard = cluster
		admitted, placed, done = append(admitted, a), append(placed, p), append(done, d)
	}
	l.next += n
	l.commit(admitted)
	l.commit(l.cluster(placed))
	l.commit(done)
}

// cluster adds the cluster's units: each placed unit holds the server's rows, its reservation and addresses.
func (l *load) cluster(placed []storage.Unit) []storage.Unit {
	cluster := schemas.ShardOfCluster(1)
	var out []storage.Unit
	for _, u := range placed {
		own := storage.Unit{Shard: cluster, Epoch: l.epochs[cluster], Reservations: u.Reservations, Addresses: u.Addresses}
		own.Snapshots = []storage.Snapshot{l.snapshot(schemas.ClusterID(1).Ref(), 0, cluster, l.number+1, schemas.Cluster{V: 1, ID: 1})}
		u.Shard, u.Reservations, u.Addresses = u.Snapshots[0].Shard, nil, nil
		out = append(out, own, u)
	}
	return out
}

func (l *load) create(account schemas.AccountID, id schemas.ServerID, seq int, version int64) (admitted, placed, done storage.Unit) {
	shard := schemas.ShardOf(account)
	op := operationID(seq)
	unit := storage.Unit{Shard: shard, Epoch: l.epochs[shard]}
	server := schemas.Server{
		V: 1, ID: id, Account: account, Name: "server", Metadata: map[string]string{"role": "web"}, Image: 1, Flavor: 2,
		Status: schemas.StatusBuild, Hidden: true, QuotaRAMMiB: 512, Created: l.now, Updated: l.now,
		Cursor: &schemas.Cursor{Operation: op, Action: schemas.ServerCreate, Plan: "create", Deadline: l.now, Expires: l.now},
	}
	operation := storage.OperationRow{
		Operation: schemas.Operation{
			ID: op, Account: account, Action: schemas.ServerCreate, State: schemas.OperationAdmitting, Target: id.Ref(),
			Created: l.now, Updated: l.now, StepCount: 3, Deadline: &l.now,
		},
		Shard: shard, ReplyTo: "ozone.replies.edge",
	}
	acc := schemas.Account{V: 1, ID: account, Name: "account"}
	save := func(u *storage.Unit, v int64, rendered []byte) {
		snap := l.snapshot(id.Ref(), account, shard, v, server)
		snap.Rendered = rendered
		if v < 3 {
			snap.WakeAt = l.now
		}
		u.Snapshots = []storage.Snapshot{snap, l.snapshot(account.Ref(), account, shard, version+v, acc)}
		u.Operations = []storage.OperationRow{operation}
	}
	rendered := bytes.Repeat([]byte("r"), 400)
	eventBody := fmt.Appendf(nil, `{"correlationid":%q,"data":%q}`, op, bytes.Repeat([]byte("e"), 800))
	admitted, placed, done = unit, unit, unit

	save(&admitted, 1, nil)
	admitted.Keys = []storage.Key{{Account: account, Hash: []byte(op), Operation: op, Digest: []byte(op), Expires: l.now.Add(time.Hour)}}
	admitted.Outbox = []storage.OutboxRow{{ID: "allocate/" + string(op), Shard: shard, Body: bytes.Repeat([]byte("o"), 300), Created: l.now}}
	admitted.Operations[0].Payload = bytes.Repeat([]byte("p"), 150)
	admitted.NextIDs = map[schemas.ActorKind]int64{schemas.ActorServer: int64(id) + 1}

	server.Hidden, server.Home, server.Copies = false, schemas.Placement{Cluster: 1, Host: 1, Copy: 1, Flavor: 2}, 1
	server.Public, server.Private = []string{"198.18.0.1"}, []string{"10.0.0.1"}
	operation.State, operation.ReplyTo = schemas.OperationRunning, ""
	operation.Answer = &schemas.Answer{V: 1, Operation: op, Target: id.Ref(), Representation: rendered}
	save(&placed, 2, rendered)
	placed.Events = []storage.EventRow{{Ref: id.Ref(), Sequence: 1, Account: account, Shard: shard, Type: "ozone.server.create.start", Body: eventBody, Time: l.now}}
	placed.Answered = []string{"allocate/" + string(op)}
	placed.Reservations = []schemas.Reservation{{Cluster: 1, Host: schemas.HostID(1 + seq%100), Account: account, Server: id, Copy: 1, Operation: op, RAMMiB: 512, DiskGB: 20}}
	placed.Addresses = []schemas.Address{
		{IP: fmt.Sprintf("198.18.%d.%d", seq>>8, seq&255), Cluster: 1, Public: true, Server: id},
		{IP: fmt.Sprintf("10.0.%d.%d", seq>>8, seq&255), Cluster: 1, Server: id},
	}

	server.Status, server.Cursor = schemas.StatusActive, nil
	operation.Answer = nil // the stored one stays
	operation.State, operation.Ended = schemas.OperationSucceeded, &l.now
	save(&done, 3, rendered)
	done.Events = []storage.EventRow{{Ref: id.Ref(), Sequence: 2, Account: account, Shard: shard, Type: "ozone.server.create.end", Body: eventBody, Time: l.now}}
	return admitted, placed, done
}

func (l *load) benchCommit(creates int) {
	b := l.b
	defer func() { _ = l.s.Close() }()
	l.rows = 0
	for b.Loop() {
		l.creates(creates)
	}
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(float64(l.rows)/seconds, "rows/s")
	b.ReportMetric(float64(creates*b.N)/seconds, "creates/s")
}

func (l *load) benchReads() {
	b, s := l.b, l.s
	defer func() { _ = s.Close() }()
	for range 100 {
		l.creates(benchAccounts)
	}
	ctx := b.Context()
	check := func(b *testing.B, err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("one server", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Object(ctx, schemas.ActorServer, 1001, 1)
			check(b, err)
		}
	})
	b.Run("one server, 64 at a time", func(b *testing.B) {
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.RunParallel(func(pb *testing.PB) {
			for n := schemas.AccountID(0); pb.Next(); n = (n + 1) % benchAccounts {
				if _, err := s.Object(ctx, schemas.ActorServer, 1001+n, int64(n)*1000+1); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("100 servers", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Objects(ctx, schemas.ActorServer, 1001, storage.ObjectFilter{Limit: 100})
			check(b, err)
		}
	})
	b.Run("one operation", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Operation(ctx, 1001, operationID(0))
			check(b, err)
		}
	})
	b.Run("a known command", func(b *testing.B) {
		for b.Loop() {
			_, _, err := s.Known(ctx, 1001, "x", []byte("y"))
			check(b, err)
		}
	})
	b.Run("claim", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Claim(ctx, 0, "node")
			check(b, err)
		}
	})
	b.Run("audit", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Audit(ctx)
			check(b, err)
		}
	})
}
