package storagetest

import (
	"errors"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var sweepCases = []testCase{
	{"a sweep deletes what is old and leaves the laws whole", testSweep},
	{"a sweep leaves what is young or still needed", testSweepLeaves},
}

const day = 24 * time.Hour

func testSweep(r *rig) {
	t, s := r.t, r.s
	sweeper, ok := s.(storage.Sweeper)
	if !ok {
		t.Skip("the store does not sweep")
	}
	w := r.newWorld()
	w.server.Status = schemas.StatusDeleted
	w.server.Public, w.server.Private, w.server.QuotaRAMMiB = nil, nil, 0
	w.account.UsedRAMMiB, w.account.Servers = 0, 0
	w.group.Members, w.group.Cluster = nil, 0
	u := r.changed(w)
	u.Snapshots[0].Rendered = nil
	u.Snapshots = append(u.Snapshots, r.accountSnapshot(w, 3), r.snapshot(w.group.ID.Ref(), w.account.ID, 2, w.group))
	image, group := schemas.ImageID(5001).Ref(), schemas.GroupID(301).Ref()
	u.Snapshots = append(u.Snapshots, r.deleted(image, w.account.ID, schemas.Image{ID: 5001}), r.deleted(group, w.account.ID, schemas.Group{ID: 301}))
	gone := reservation(7, 1, 1, 512)
	gone.Released = true
	cluster := r.reserving(gone)
	cluster.Addresses = []schemas.Address{{IP: "198.18.0.1", Cluster: 1, Public: true}, {IP: "10.0.0.1", Cluster: 1}}
	r.commit(u, cluster)
	r.suspected(u, "m", 1)
	n, err := sweeper.Sweep(t.Context(), r.now().Add(31*day))
	if err != nil || n < 9 { // two operations, an event of two, a key, a server, an image, a group, a tombstone, a suspect
		t.Errorf("Sweep() = %d, %v, want at least 9 rows", n, err)
	}
	if got, err := s.Load(t.Context(), u.Shard, []schemas.Ref{w.server.ID.Ref(), image, group}); err != nil || len(got) != 0 {
		t.Errorf("Load() of a deleted server, image and group = %v, %v, want nothing", got, err)
	}
	if _, err := s.Operation(t.Context(), w.account.ID, operationID(1)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Operation() = %v, want ErrNotFound", err)
	}
	rows, err := s.LoadCluster(t.Context(), 1)
	if err != nil || len(rows.Reservations) != 0 {
		t.Errorf("LoadCluster() = reservations %v, %v, want none", rows.Reservations, err)
	}
	report, err := s.Audit(t.Context())
	if err != nil || len(report.Broken) > 0 {
		t.Errorf("Audit() = %+v, %v, want nothing broken", report.Broken, err)
	}
	if n, err := sweeper.Sweep(t.Context(), r.now().Add(31*day)); err != nil || n != 0 {
		t.Errorf("Sweep() again = %d, %v, want 0", n, err)
	}
	r.suspected(u, "m", 1)
	r.commit(r.of(alice)) // the committer's own row is still there
}

// deleted is the first snapshot of an actor that is shown nowhere any more.
func (r *rig) deleted(ref schemas.Ref, account schemas.AccountID, state any) storage.Snapshot {
	r.t.Helper()
	snap := r.snapshot(ref, account, 1, state)
	snap.Status, snap.Rendered = "DELETED", nil
	return snap
}

func testSweepLeaves(r *rig) {
	t, s := r.t, r.s
	sweeper, ok := s.(storage.Sweeper)
	if !ok {
		t.Skip("the store does not sweep")
	}
	w := r.newWorld()
	u := r.of(w.account.ID)
	u.Operations = []storage.OperationRow{r.operation(w.account.ID, 3, schemas.OperationRunning)}
	going := r.deleted(schemas.ImageID(5002).Ref(), w.account.ID, schemas.Image{ID: 5002}) // its files are
	going.WakeAt = r.now()
	left := r.deleted(schemas.GroupID(302).Ref(), w.account.ID, schemas.Group{ID: 302, Members: []schemas.Member{{Server: 9, State: schemas.MemberLeaving}}})
	keeps := r.deleted(schemas.GroupID(303).Ref(), w.account.ID, schemas.Group{ID: 303, Kept: []schemas.Kept{{IP: "198.18.0.9", Owner: 9}}})
	u.Snapshots = append(u.Snapshots, going, left, keeps)
	r.commit(u)
	if n, err := sweeper.Sweep(t.Context(), r.now()); err != nil || n != 0 {
		t.Errorf("Sweep() of a young store = %d, %v, want 0", n, err)
	}
	if _, err := sweeper.Sweep(t.Context(), r.now().Add(90*day)); err != nil {
		t.Errorf("Sweep() = %v", err)
	}
	if _, err := s.Operation(t.Context(), w.account.ID, operationID(3)); err != nil {
		t.Errorf("Operation(unfinished) = %v, want it", err)
	}
	if got, err := s.Load(t.Context(), u.Shard, []schemas.Ref{going.Ref, left.Ref, keeps.Ref}); err != nil || len(got) != 3 {
		t.Errorf("Load() of what is still going = %v, %v, want all three", got, err)
	}
	r.shows(w.account.ID, 1, 1)
	rows, err := s.LoadCluster(t.Context(), 1)
	if err != nil || len(rows.Reservations) != 1 || len(rows.Addresses) != 3 {
		t.Errorf("LoadCluster() = %+v, %v, want what is live", rows, err)
	}
}
