package storagetest

import (
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// breach is a unit that breaks exactly one law.
type breach struct {
	law, name string
	unit      func(r *rig, w *world) storage.Unit
}

// world is a small cloud in which every law holds: one host, one account, one server that was created, in a group of its own.
type world struct {
	account schemas.Account
	server  schemas.Server
	group   schemas.Group
}

var auditCases = append([]testCase{{"an audit of a sound store is clean", testAuditClean}}, breachCases()...)

func breachCases() []testCase {
	var cases []testCase
	for _, b := range breaches {
		cases = append(cases, testCase{"an audit finds " + b.name, func(r *rig) {
			t, s := r.t, r.s
			w := r.newWorld()
			r.commit(b.unit(r, w))
			report, err := s.Audit(t.Context())
			if err != nil {
				t.Fatalf("Audit() = %v", err)
			}
			if len(report.Broken) == 0 {
				t.Fatalf("Audit() finds nothing, want %s broken", b.law)
			}
			for _, v := range report.Broken {
				if v.Law != b.law {
					t.Errorf("Audit() finds %+v, want only %s broken", v, b.law)
				}
			}
		}})
	}
	return cases
}

func testAuditClean(r *rig) {
	t, s := r.t, r.s
	r.newWorld()
	report, err := s.Audit(t.Context())
	if err != nil || len(report.Broken) > 0 {
		t.Fatalf("Audit() = %+v, %v, want nothing broken", report.Broken, err)
	}
	for _, law := range storage.Laws() {
		if n := report.Checked[law]; n == 0 {
			t.Errorf("Audit() checked no row for %s", law)
		}
	}
	if len(report.Copies) != 1 || report.Copies[0].Server != 1 || report.Unfinished != 0 {
		t.Errorf("Audit() = copies %+v, unfinished %d, want one copy of server 1", report.Copies, report.Unfinished)
	}
}

func (r *rig) newWorld() *world {
	r.t.Helper()
	account, err := r.s.CreateAccount(r.t.Context(), schemas.Account{}, "u", []byte("key"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.cluster()
	place := schemas.Placement{Cluster: 1, Host: 7, Copy: 1, Flavor: 2}
	w := &world{
		account: schemas.Account{V: 1, ID: account, UsedRAMMiB: 512, Servers: 1, Groups: 1},
		server: schemas.Server{
			V: 1, ID: 1, Account: account, Status: schemas.StatusActive, Home: place, Copies: 1, QuotaRAMMiB: 512, Sequence: 2,
			Public: []string{"198.18.0.1"}, Private: []string{"10.0.0.1"}, Group: 3,
		},
		group: schemas.Group{
			V: 1, ID: 3, Account: account, Status: schemas.GroupActive, Cluster: 1,
			Members: []schemas.Member{{Server: 1, State: schemas.MemberLive, Public: []string{"198.18.0.1"}}},
		},
	}
	cluster := r.reserving(reservation(7, 1, 1, 512))
	cluster.Addresses = []schemas.Address{
		{IP: "198.18.0.1", Cluster: 1, Public: true, Server: 1}, {IP: "10.0.0.1", Cluster: 1, Server: 1}, {IP: "10.0.0.2", Cluster: 1},
	}
	u := r.of(account)
	u.Snapshots = []storage.Snapshot{r.accountSnapshot(w, 2), r.serverSnapshot(w, 1), r.snapshot(w.group.ID.Ref(), account, 1, w.group)}
	u.Operations = []storage.OperationRow{r.operation(account, 1, schemas.OperationSucceeded), r.operation(account, 2, schemas.OperationRejected)}
	u.Events = []storage.EventRow{
		r.event(w.server.ID.Ref(), 1, "ozone.server.create.start", operationID(1)),
		r.event(w.server.ID.Ref(), 2, "ozone.server.create.end", operationID(1)),
	}
	u.Keys = []storage.Key{{Account: account, Hash: []byte("k"), Operation: operationID(1), Expires: r.now().Add(time.Hour)}}
	r.commit(cluster, u)
	return w
}

func (r *rig) accountSnapshot(w *world, version int64) storage.Snapshot {
	snap := r.snapshot(w.account.ID.Ref(), w.account.ID, version, w.account)
	snap.Rendered = nil
	return snap
}

func (r *rig) serverSnapshot(w *world, version int64) storage.Snapshot {
	snap := r.snapshot(w.server.ID.Ref(), w.account.ID, version, w.server)
	snap.Status = string(w.server.Status)
	return snap
}

// changed is a unit with the next version of the world's server.
func (r *rig) changed(w *world) storage.Unit {
	u := r.of(w.account.ID)
	u.Snapshots = []storage.Snapshot{r.serverSnapshot(w, 2)}
	return u
}

// changedGroup is a unit with the next version of the world's group.
func (r *rig) changedGroup(w *world) storage.Unit {
	u := r.of(w.account.ID)
	u.Snapshots = []storage.Snapshot{r.snapshot(w.group.ID.Ref(), w.account.ID, 2, w.group)}
	return u
}

var breaches = []breach{
	{storage.LawCapacity, "a host that has less than is reserved on it", func(r *rig, _ *world) storage.Unit {
		u := r.reserving()
		u.Snapshots = []storage.Snapshot{r.host(7, 256, 100)}
		u.Snapshots[0].Version = 2
		return u
	}},
	{storage.LawQuota, "an account that uses more than its servers hold", func(r *rig, w *world) storage.Unit {
		w.account.UsedRAMMiB++
		u := r.of(w.account.ID)
		u.Snapshots = []storage.Snapshot{r.accountSnapshot(w, 3)}
		return u
	}},
	{storage.LawQuota, "what is pending for an operation that ended", func(r *rig, w *world) storage.Unit {
		w.account.Pending = map[schemas.OperationID]schemas.Quota{operationID(1): {RAMMiB: 1}}
		u := r.of(w.account.ID)
		u.Snapshots = []storage.Snapshot{r.accountSnapshot(w, 3)}
		return u
	}},
	{storage.LawAddresses, "an address that a server shows and nobody holds", func(r *rig, w *world) storage.Unit {
		w.server.Private = append(w.server.Private, "10.0.0.9")
		return r.changed(w)
	}},
	{storage.LawAddresses, "an address that is held by no server that has it", func(r *rig, _ *world) storage.Unit {
		u := r.reserving()
		u.Addresses = []schemas.Address{{IP: "10.0.0.2", Cluster: 1, Server: 99}}
		return u
	}},
	{storage.LawGroups, "a server whose group does not know it", func(r *rig, w *world) storage.Unit {
		w.server.Group = 4
		return r.changed(w)
	}},
	{storage.LawGroups, "a group in another cluster than its server", func(r *rig, w *world) storage.Unit {
		w.group.Cluster = 2
		return r.changedGroup(w)
	}},
	{storage.LawGroups, "a shared address that is held for nobody of the group", func(r *rig, w *world) storage.Unit {
		w.group.Members = append(w.group.Members, schemas.Member{Server: 2, State: schemas.MemberLeaving, Shared: []string{"198.18.0.9"}})
		return r.changedGroup(w)
	}},
	{storage.LawReservations, "a reservation that no server names", func(r *rig, _ *world) storage.Unit {
		return r.reserving(reservation(7, 1, 2, 512))
	}},
	{storage.LawReservations, "a copy without a reservation", func(r *rig, w *world) storage.Unit {
		w.server.Other = &schemas.Placement{Cluster: 1, Host: 7, Copy: 2, Flavor: 2}
		return r.changed(w)
	}},
	{storage.LawEvents, "a gap in the events of a source", func(r *rig, w *world) storage.Unit {
		w.server.Sequence = 4
		u := r.changed(w)
		u.Events = []storage.EventRow{r.event(w.server.ID.Ref(), 4, "ozone.server.update.start", "")}
		return u
	}},
	{storage.LawEvents, "an event that was counted and is not there", func(r *rig, w *world) storage.Unit {
		w.server.Sequence = 3
		return r.changed(w)
	}},
	{storage.LawOutcome, "an accepted operation without an outcome", func(r *rig, w *world) storage.Unit {
		u := r.of(w.account.ID)
		u.Operations = []storage.OperationRow{r.operation(w.account.ID, 3, schemas.OperationFailed)}
		return u
	}},
	{storage.LawOutcome, "an operation with two outcomes", func(r *rig, w *world) storage.Unit {
		w.server.Sequence = 3
		u := r.changed(w)
		u.Events = []storage.EventRow{r.event(w.server.ID.Ref(), 3, "ozone.server.create.error", operationID(1))}
		return u
	}},
	{storage.LawOutcome, "an outcome of a rejected operation", func(r *rig, w *world) storage.Unit {
		w.server.Sequence = 3
		u := r.changed(w)
		u.Events = []storage.EventRow{r.event(w.server.ID.Ref(), 3, "ozone.server.create.cancelled", operationID(2))}
		return u
	}},
	{storage.LawKeys, "a key of no operation", func(r *rig, w *world) storage.Unit {
		u := r.of(w.account.ID)
		u.Keys = []storage.Key{{Account: w.account.ID, Hash: []byte("x"), Operation: operationID(9), Expires: r.now().Add(time.Hour)}}
		return u
	}},
	{storage.LawQuiet, "a passing status without an operation", func(r *rig, w *world) storage.Unit {
		w.server.Status = schemas.StatusReboot
		return r.changed(w)
	}},
}
