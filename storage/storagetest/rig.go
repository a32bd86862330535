package storagetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The accounts of the tests; alice and bob are in different shards.
const (
	alice schemas.AccountID = 1001
	bob   schemas.AccountID = 1002
)

// rig is a store, a committer that counts, and the epochs of the shards it claimed.
type rig struct {
	t         *testing.T
	s         storage.Store
	committer string
	number    int64
	epochs    map[schemas.Shard]schemas.Epoch
}

func newRig(t *testing.T, s storage.Store) *rig {
	t.Helper()
	return &rig{t: t, s: s, committer: "committer of " + t.Name(), epochs: map[schemas.Shard]schemas.Epoch{}}
}

// unit is an empty unit of a shard, which is claimed when it was not yet.
func (r *rig) unit(shard schemas.Shard) storage.Unit {
	r.t.Helper()
	if _, ok := r.epochs[shard]; !ok {
		c, err := r.s.Claim(r.t.Context(), shard, "node")
		if err != nil {
			r.t.Fatalf("Claim(%d) = %v", shard, err)
		}
		r.epochs[shard] = c.Epoch
	}
	return storage.Unit{Shard: shard, Epoch: r.epochs[shard]}
}

// of is an empty unit of an account's shard.
func (r *rig) of(account schemas.AccountID) storage.Unit {
	r.t.Helper()
	return r.unit(schemas.ShardOf(account))
}

// try commits units as the next batch; a failed batch keeps its number.
func (r *rig) try(units ...storage.Unit) error {
	err := r.s.Commit(r.t.Context(), storage.Batch{Committer: r.committer, Number: r.number + 1, Units: units})
	if err == nil {
		r.number++
	}
	return err
}

func (r *rig) commit(units ...storage.Unit) {
	r.t.Helper()
	if err := r.try(units...); err != nil {
		r.t.Fatalf("Commit() = %v", err)
	}
}

// wantBad commits units and checks that one of them is named as the culprit.
func (r *rig) wantBad(culprit int, units ...storage.Unit) {
	r.t.Helper()
	err := r.try(units...)
	bad, ok := errors.AsType[*storage.BadUnitError](err)
	if !ok || bad.Unit != culprit {
		r.t.Fatalf("Commit() = %v, want a BadUnitError of unit %d", err, culprit)
	}
}

// now is the store's clock in the precision that it stores.
func (r *rig) now() time.Time {
	r.t.Helper()
	now, err := r.s.Now(r.t.Context())
	if err != nil {
		r.t.Fatalf("Now() = %v", err)
	}
	return now.UTC().Truncate(time.Microsecond)
}

// server is a shown server's snapshot.
func (r *rig) server(account schemas.AccountID, id, version int64) storage.Snapshot {
	state := schemas.Server{V: schemas.StateV, ID: schemas.ServerID(id), Account: account, Name: "web", Status: schemas.StatusActive}
	return r.snapshot(schemas.ServerID(id).Ref(), account, version, state)
}

// deletedServer is the snapshot of a server that was shown once.
func (r *rig) deletedServer(account schemas.AccountID, id int64) storage.Snapshot {
	state := schemas.Server{V: schemas.StateV, ID: schemas.ServerID(id), Account: account, Name: "web", Status: schemas.StatusDeleted}
	snap := r.snapshot(schemas.ServerID(id).Ref(), account, 2, state)
	snap.Status, snap.Rendered = string(schemas.StatusDeleted), nil
	return snap
}

// snapshot is any actor's snapshot; its rendered form names its version.
func (r *rig) snapshot(ref schemas.Ref, account schemas.AccountID, version int64, state any) storage.Snapshot {
	r.t.Helper()
	text, err := json.Marshal(state)
	if err != nil {
		r.t.Fatal(err)
	}
	shard := schemas.ShardOf(account)
	return storage.Snapshot{
		Ref: ref, Account: account, Shard: shard, Epoch: r.epochs[shard], Version: version, V: schemas.StateV, State: text,
		Name: "web", Status: "ACTIVE", Rendered: fmt.Appendf(nil, `{"version":%d}`, version),
		Created: r.now(), Updated: r.now(),
	}
}

// host is the snapshot of a host of cluster 1.
func (r *rig) host(id schemas.HostID, ramMiB, diskGB int64) storage.Snapshot {
	shard := schemas.ShardOfCluster(1)
	snap := r.snapshot(id.Ref(), 0, 1, schemas.Host{
		V: schemas.StateV, ID: id, Cluster: 1, Name: "h", State: schemas.HostUp, RAMMiB: ramMiB, DiskGB: diskGB,
	})
	snap.Shard, snap.Epoch, snap.Rendered = shard, r.epochs[shard], nil
	return snap
}

// reservation is a live one in cluster 1, of 10 GB.
func reservation(host schemas.HostID, server schemas.ServerID, copies int, ramMiB int64) schemas.Reservation {
	return schemas.Reservation{
		Cluster: 1, Host: host, Account: alice, Server: server, Copy: copies, Operation: operationID(int(server)), RAMMiB: ramMiB, DiskGB: 10,
	}
}

// operationID is the nth id, in the form of a UUIDv7.
func operationID(n int) schemas.OperationID {
	return schemas.OperationID(fmt.Sprintf("019386aa-0000-7000-8000-%012x", n))
}

func (r *rig) operation(account schemas.AccountID, n int, state schemas.OperationState) storage.OperationRow {
	return storage.OperationRow{
		Operation: schemas.Operation{
			ID: operationID(n), Account: account, Action: schemas.ServerReboot, State: state,
			Target: schemas.ServerID(n).Ref(), Created: r.now(), Updated: r.now(),
		},
		Shard: schemas.ShardOf(account), ReplyTo: "edge",
	}
}

func (r *rig) event(ref schemas.Ref, sequence int64, eventType string, op schemas.OperationID) storage.EventRow {
	r.t.Helper()
	body, err := json.Marshal(schemas.Event{Type: eventType, CorrelationID: op})
	if err != nil {
		r.t.Fatal(err)
	}
	return storage.EventRow{
		Ref: ref, Sequence: sequence, Account: alice, Shard: schemas.ShardOf(alice), Type: eventType, Time: r.now(), Body: body,
	}
}

// shows checks which version of a server a reader gets; 0: none.
func (r *rig) shows(account schemas.AccountID, id, version int64) {
	r.t.Helper()
	o, err := r.s.Object(r.t.Context(), schemas.ActorServer, account, id)
	if version == 0 {
		if !errors.Is(err, storage.ErrNotFound) {
			r.t.Errorf("Object(%d, %d) = %s, %v, want ErrNotFound", account, id, o.Rendered, err)
		}
		return
	}
	if want := fmt.Sprintf(`{"version":%d}`, version); err != nil || string(o.Rendered) != want {
		r.t.Errorf("Object(%d, %d) = %s, %v, want %s", account, id, o.Rendered, err, want)
	}
}
