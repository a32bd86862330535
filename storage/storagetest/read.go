package storagetest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var readCases = []testCase{
	{"an account reads what is its own", testScope},
	{"a list is in the order of ids, with limit and offset", testLists},
	{"what is hidden is not shown", testHidden},
	{"a server's backup schedule is read from its state", testSchedules},
	{"a list of changes has what was deleted", testChanges},
	{"operations are listed newest first", testOperations},
	{"a reader sees a commit from its return on", testReadYourCommit},
}

func testScope(r *rig) {
	t, s := r.t, r.s
	a, b := r.of(alice), r.of(bob)
	a.Snapshots = []storage.Snapshot{r.server(alice, 1, 1)}
	a.Operations = []storage.OperationRow{r.operation(alice, 1, schemas.OperationRunning)}
	b.Snapshots = []storage.Snapshot{r.server(bob, 2, 1), r.snapshot(schemas.ImageID(1000).Ref(), bob, 1, schemas.Image{ID: 1000}), r.snapshot(schemas.GroupID(5).Ref(), bob, 1, schemas.Group{ID: 5})}
	r.commit(a, b)
	if err := s.Seed(t.Context(), storage.Catalogue{Images: []schemas.Image{{ID: 3, Name: "base", Status: schemas.ImageActive}}}); err != nil {
		t.Fatalf("Seed() = %v", err)
	}
	for range 2 { // the second time from whatever the store keeps in memory
		r.shows(alice, 1, 1)
		r.shows(bob, 1, 0)
		r.shows(alice, 2, 0)
		r.shows(0, 1, 0)
		for _, c := range []struct {
			account schemas.AccountID
			id      int64
			want    bool
		}{{alice, 3, true}, {bob, 3, true}, {bob, 1000, true}, {alice, 1000, false}, {alice, 4, false}} {
			_, err := s.Object(t.Context(), schemas.ActorImage, c.account, c.id)
			if (err == nil) != c.want || err != nil && !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("Object(image %d) for %d = %v, want it: %t", c.id, c.account, err, c.want)
			}
		}
	}
	for account, want := range map[schemas.AccountID]int{alice: 0, bob: 1} {
		groups, err := s.Objects(t.Context(), schemas.ActorGroup, account, storage.ObjectFilter{Limit: 10})
		if _, missing := s.Object(t.Context(), schemas.ActorGroup, account, 5); err != nil || len(groups) != want || (missing == nil) != (want == 1) {
			t.Errorf("groups of %d = %+v, %v; group 5: %v, want %d", account, groups, err, missing, want)
		}
	}
	images, err := s.Objects(t.Context(), schemas.ActorImage, bob, storage.ObjectFilter{Limit: 10})
	if err != nil || len(images) != 2 || images[0].ID != 3 || images[0].Name != "base" || images[1].ID != 1000 {
		t.Errorf("Objects(image) for bob = %+v, %v, want 3 and 1000", images, err)
	}
	if _, err := s.Operation(t.Context(), bob, operationID(1)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Operation() of another account = %v, want ErrNotFound", err)
	}
	same := r.of(bob)
	same.Operations = []storage.OperationRow{r.operation(bob, 1, schemas.OperationFailed)}
	r.commit(same)
	if op, err := s.Operation(t.Context(), alice, operationID(1)); err != nil || op.State != schemas.OperationRunning {
		t.Errorf("Operation() beside another account's of the same id = %+v, %v, want it unchanged", op, err)
	}
}

func testSchedules(r *rig) {
	t, s := r.t, r.s
	want := schemas.BackupSchedule{Enabled: true, Weekly: "SUNDAY", Daily: "H_0400_0600"}
	put := func(version int64, b *schemas.Backups, shown bool) {
		u := r.of(alice)
		u.Snapshots = []storage.Snapshot{r.snapshot(schemas.ServerID(1).Ref(), alice, version, schemas.Server{ID: 1, Account: alice, Backups: b})}
		if !shown {
			u.Snapshots[0].Rendered = nil
		}
		r.commit(u)
	}
	put(1, nil, true)
	if got, err := s.BackupSchedule(t.Context(), alice, 1); err != nil || got != schemas.NoBackups() {
		t.Errorf("BackupSchedule() of a server that has none = %+v, %v", got, err)
	}
	put(2, &schemas.Backups{Schedule: want}, true)
	if got, err := s.BackupSchedule(t.Context(), alice, 1); err != nil || got != want {
		t.Errorf("BackupSchedule() = %+v, %v, want %+v", got, err, want)
	}
	if _, err := s.BackupSchedule(t.Context(), bob, 1); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("BackupSchedule() for another account = %v, want ErrNotFound", err)
	}
	put(3, &schemas.Backups{Schedule: want}, false)
	if _, err := s.BackupSchedule(t.Context(), alice, 1); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("BackupSchedule() of what is hidden = %v, want ErrNotFound", err)
	}
}

func testLists(r *rig) {
	t, s := r.t, r.s
	u := r.of(alice)
	for id := int64(9); id >= 1; id-- {
		u.Snapshots = append(u.Snapshots, r.server(alice, id, 1))
	}
	r.commit(u)
	for _, c := range []struct {
		offset, limit int
		want          string
	}{{0, 100, "123456789"}, {0, 3, "123"}, {3, 3, "456"}, {8, 3, "9"}, {9, 3, ""}} {
		got, err := s.Objects(t.Context(), schemas.ActorServer, alice, storage.ObjectFilter{Offset: c.offset, Limit: c.limit})
		if ids := objectIDs(got); err != nil || ids != c.want {
			t.Errorf("Objects(offset %d, limit %d) = %q, %v, want %q", c.offset, c.limit, ids, err, c.want)
		}
	}
}

func objectIDs(objects []storage.Object) string {
	var ids strings.Builder
	for _, o := range objects {
		ids.WriteString(strconv.FormatInt(o.ID, 10))
	}
	return ids.String()
}

func testHidden(r *rig) {
	t, s := r.t, r.s
	put := func(version int64, shown bool) {
		u := r.of(alice)
		u.Snapshots = []storage.Snapshot{r.server(alice, 1, version), r.server(alice, 2, version)}
		if !shown {
			u.Snapshots[0].Rendered = nil
		}
		r.commit(u)
	}
	for i, shown := range []bool{false, true, false, true} {
		version := int64(i + 1)
		put(version, shown)
		want, ids := int64(0), "2"
		if shown {
			want, ids = version, "12"
		}
		r.shows(alice, 1, want)
		got, err := s.Objects(t.Context(), schemas.ActorServer, alice, storage.ObjectFilter{Limit: 10})
		if objectIDs(got) != ids || err != nil {
			t.Errorf("Objects() = %q, %v, want %q", objectIDs(got), err, ids)
		}
	}
}

// testChanges has a server for each second, the odd ones deleted in it, and images beside them. Only a list of changes has servers
// that were deleted; what was hidden before it could be deleted is in none, and neither is a deleted image.
func testChanges(r *rig) {
	t, s := r.t, r.s
	at := r.now().Truncate(time.Second)
	u := r.of(alice)
	for id := int64(1); id <= 6; id++ {
		snap := r.server(alice, id, 1)
		if id%2 == 1 {
			snap = r.deletedServer(alice, id)
		}
		snap.Updated = at.Add(time.Duration(id) * time.Second)
		u.Snapshots = append(u.Snapshots, snap)
	}
	hidden := r.server(alice, 7, 1)
	hidden.Rendered, hidden.Updated = nil, at.Add(time.Hour)
	image := r.snapshot(schemas.ImageID(1000).Ref(), alice, 1, schemas.Image{V: schemas.StateV, ID: 1000, Name: "i", Server: 2, Status: schemas.ImageDeleted})
	image.Status, image.Rendered, image.Updated = "DELETED", nil, at
	kept := r.snapshot(schemas.ImageID(1001).Ref(), alice, 1, schemas.Image{V: schemas.StateV, ID: 1001, Name: "j", Server: 2, Status: schemas.ImageActive})
	kept.Status, kept.Rendered, kept.Updated = "ACTIVE", []byte(`{"id":1001}`), at
	u.Snapshots = append(u.Snapshots, hidden, image, kept)
	r.commit(u)
	for _, c := range []struct {
		account schemas.AccountID
		filter  storage.ObjectFilter
		want    string
	}{
		{alice, storage.ObjectFilter{Limit: 10}, "246"},
		{alice, storage.ObjectFilter{Since: time.Unix(0, 0), Limit: 10}, "123456"},
		{alice, storage.ObjectFilter{Since: at.Add(3 * time.Second), Limit: 10}, "3456"},
		{alice, storage.ObjectFilter{Since: at.Add(3 * time.Second), Offset: 1, Limit: 2}, "45"},
		{alice, storage.ObjectFilter{Since: at.Add(6*time.Second + time.Microsecond), Limit: 10}, ""},
		{bob, storage.ObjectFilter{Since: time.Unix(0, 0), Limit: 10}, ""},
	} {
		got, err := s.Objects(t.Context(), schemas.ActorServer, c.account, c.filter)
		if ids := objectIDs(got); err != nil || ids != c.want {
			t.Errorf("Objects(server, %d, %+v) = %q, %v, want %q", c.account, c.filter, ids, err, c.want)
		}
	}
	const want = `{"id":1,"name":"web","imageId":0,"flavorId":0,"hostId":"","status":"DELETED","progress":100,"addresses":{"public":[],"private":[]},"metadata":{}}`
	got, err := s.Objects(t.Context(), schemas.ActorServer, alice, storage.ObjectFilter{Since: time.Unix(0, 0), Limit: 1})
	if err != nil || len(got) != 1 || string(got[0].Rendered) != want {
		t.Errorf("Objects(server) = %+v, %v, want %s", got, err, want)
	}
	if _, err := s.Object(t.Context(), schemas.ActorServer, alice, 1); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Object(server, 1) = %v, want ErrNotFound", err)
	}
	if got, err := s.Objects(t.Context(), schemas.ActorImage, alice, storage.ObjectFilter{Since: time.Unix(0, 0), Limit: 10}); err != nil || objectIDs(got) != "1001" {
		t.Errorf("Objects(image) = %+v, %v, want the one that is not deleted", got, err)
	}
}

func testOperations(r *rig) {
	t, s := r.t, r.s
	u := r.of(alice)
	for n := 1; n <= 6; n++ {
		state := schemas.OperationRunning
		if n%2 == 0 {
			state = schemas.OperationSucceeded
		}
		u.Operations = append(u.Operations, r.operation(alice, n, state))
	}
	u.Operations[5].Target = schemas.ImageID(5).Ref()
	r.commit(u)
	for _, c := range []struct {
		account schemas.AccountID
		filter  storage.OperationFilter
		want    []int
	}{
		{alice, storage.OperationFilter{Limit: 10}, []int{6, 5, 4, 3, 2, 1}},
		{alice, storage.OperationFilter{Limit: 2}, []int{6, 5}},
		{alice, storage.OperationFilter{Limit: 2, After: operationID(5)}, []int{4, 3}},
		{alice, storage.OperationFilter{Limit: 10, State: schemas.OperationSucceeded}, []int{6, 4, 2}},
		{alice, storage.OperationFilter{Limit: 10, Server: 5}, []int{5}},
		{bob, storage.OperationFilter{Limit: 10}, nil},
	} {
		got, err := s.Operations(t.Context(), c.account, c.filter)
		var want, have []string
		for _, n := range c.want {
			want = append(want, string(operationID(n)))
		}
		for _, o := range got {
			have = append(have, string(o.ID))
		}
		if err != nil || fmt.Sprint(have) != fmt.Sprint(want) {
			t.Errorf("Operations(%d, %+v) = %v, %v, want %v", c.account, c.filter, have, err, want)
		}
	}
}

// testReadYourCommit reads beside a committer. What Commit has returned for is seen at once, and what one
// reader has seen no reader loses again.
func testReadYourCommit(r *rig) {
	t, s := r.t, r.s
	const servers, commits = 8, 300
	var committed, seen [servers + 1]atomic.Int64
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := int64(0); !done.Load(); n++ {
				id := 1 + n%servers
				least := max(committed[id].Load(), seen[id].Load())
				version, err := readVersion(t, s, id, n%3 == 0)
				if err != nil || version < least {
					t.Errorf("read version %d of server %d, %v, after version %d was committed or read", version, id, err, least)
					return
				}
				for old := seen[id].Load(); version > old && !seen[id].CompareAndSwap(old, version); old = seen[id].Load() {
				}
			}
		})
	}
	for version := int64(1); version <= commits; version++ {
		u := r.of(alice)
		for id := int64(1); id <= servers; id++ {
			u.Snapshots = append(u.Snapshots, r.server(alice, id, version))
		}
		r.commit(u)
		for id := int64(1); id <= servers; id++ {
			committed[id].Store(version)
			r.shows(alice, id, version)
		}
	}
	done.Store(true)
	wg.Wait()
}

// readVersion reads a server's version in one of the two ways; 0: it is not shown.
func readVersion(t *testing.T, s storage.Store, id int64, listed bool) (int64, error) {
	t.Helper()
	var o storage.Object
	if !listed {
		var err error
		if o, err = s.Object(t.Context(), schemas.ActorServer, alice, id); errors.Is(err, storage.ErrNotFound) {
			return 0, nil
		} else if err != nil {
			return 0, err
		}
	} else {
		list, err := s.Objects(t.Context(), schemas.ActorServer, alice, storage.ObjectFilter{Offset: int(id) - 1, Limit: 1})
		if err != nil || len(list) == 0 {
			return 0, err
		}
		o = list[0]
	}
	var version int64
	_, err := fmt.Sscanf(string(o.Rendered), `{"version":%d}`, &version)
	return version, err
}
