package core

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// rig is one cluster with what its shell does: apply the effects, keep the state.
type rig struct {
	t     testing.TB
	state schemas.Cluster
	x     *Index
	rules *Rules
	now   time.Time
}

func newRig(tb testing.TB, hosts ...schemas.Host) *rig {
	tb.Helper()
	r := &rig{
		t: tb, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		state: schemas.Cluster{V: 1, ID: 1, Public: schemas.Pool{CIDR: "198.18.0.0/15"}, Private: schemas.Pool{CIDR: "10.0.0.0/8"}},
		rules: &Rules{Flavors: map[schemas.FlavorID]schemas.Flavor{}, Quarantine: time.Minute, LostAfter: 20 * time.Second},
	}
	for _, f := range schemas.DefaultFlavors() {
		r.rules.Flavors[f.ID] = f
	}
	r.x = NewIndex(r.state, hosts, nil, nil)
	return r
}

func hostUp(id schemas.HostID, ram, disk int64) schemas.Host {
	return schemas.Host{V: 1, ID: id, Cluster: 1, State: schemas.HostUp, RAMMiB: ram, DiskGB: disk}
}

// tell lets the cluster decide a message, applies what it decided and checks that deciding changed nothing.
func (r *rig) tell(m any) Effects {
	r.t.Helper()
	before := fmt.Sprint(*r.x)
	next, e, err := DecideCluster(r.state, r.x, m, Input{Now: r.now, Rules: r.rules})
	if err != nil {
		r.t.Fatalf("DecideCluster(%+v): %v", m, err)
	}
	if after := fmt.Sprint(*r.x); after != before {
		r.t.Fatalf("DecideCluster(%+v) changed the index:\n%s\n%s", m, before, after)
	}
	if (next != r.state) != e.Save {
		r.t.Fatalf("DecideCluster(%+v): Save = %v, state %+v -> %+v", m, e.Save, r.state, next)
	}
	r.state = next
	r.x.Apply(&e, r.now)
	return e
}

func (r *rig) ask(m *schemas.Allocate) *schemas.Allocated {
	r.t.Helper()
	e := r.tell(m)
	return answerOf(r.t, e, m.Account)
}

func answerOf(tb testing.TB, e Effects, account schemas.AccountID) *schemas.Allocated {
	tb.Helper()
	if len(e.Letters) != 1 {
		tb.Fatalf("%d letters, want 1", len(e.Letters))
	}
	l := e.Letters[0]
	a, ok := l.Message.(*schemas.Allocated)
	if !ok || l.Type != schemas.TypeAllocated || l.To != schemas.ShardOf(account) {
		tb.Fatalf("letter %+v, want an Allocated for account %d", l, account)
	}
	return a
}

// place is where a new server of the account is put; 0: refused.
func (r *rig) place(server schemas.ServerID, account schemas.AccountID) schemas.HostID {
	r.t.Helper()
	return r.ask(r.allocate(server, account, 1)).Host
}

func (r *rig) allocate(server schemas.ServerID, account schemas.AccountID, flavor schemas.FlavorID) *schemas.Allocate {
	return &schemas.Allocate{
		V: 1, Operation: schemas.OperationID(fmt.Sprintf("create-%d", server)), Cluster: 1, Account: account, Server: server, Copy: 1,
		Flavor: r.rules.Flavors[flavor], Addresses: true,
	}
}

func release(server schemas.ServerID, account schemas.AccountID) *schemas.Release {
	return &schemas.Release{
		V: 1, Operation: "delete", Cluster: 1, Account: account, Server: server, Copy: 1, Addresses: true,
	}
}

func TestPlacementChoosesHost(t *testing.T) {
	t.Parallel()
	lost, fenced := hostUp(1, 9000, 900), hostUp(2, 9000, 900)
	lost.State, fenced.State = schemas.HostLost, schemas.HostFenced
	tests := []struct {
		sentence string
		hosts    []schemas.Host
		held     []schemas.Reservation // before
		avoid    schemas.HostID
		want     schemas.HostID
	}{
		{"the lowest id wins among equals", []schemas.Host{hostUp(7, 2048, 90), hostUp(3, 2048, 90), hostUp(5, 2048, 90)}, nil, 0, 3},
		{"most free RAM wins", []schemas.Host{hostUp(1, 2048, 90), hostUp(2, 4096, 90)}, nil, 0, 2},
		{
			"what is free counts, not what it has",
			[]schemas.Host{hostUp(1, 2048, 90), hostUp(2, 4096, 90)},
			[]schemas.Reservation{{Host: 2, Account: 9, Server: 90, Copy: 1, RAMMiB: 3000}},
			0, 1,
		},
		{
			"another host than the account's own is better than free RAM",
			[]schemas.Host{hostUp(1, 2048, 90), hostUp(2, 4096, 90)},
			[]schemas.Reservation{{Host: 2, Account: 5, Server: 90, Copy: 1, RAMMiB: 256}},
			0, 1,
		},
		{"fewest of the account wins", []schemas.Host{hostUp(1, 4096, 90), hostUp(2, 2048, 90)}, []schemas.Reservation{
			{Host: 1, Account: 5, Server: 90, Copy: 1}, {Host: 1, Account: 5, Server: 91, Copy: 1}, {Host: 2, Account: 5, Server: 92, Copy: 1},
		}, 0, 2},
		{
			"the avoided host loses even to one of the account's",
			[]schemas.Host{hostUp(1, 4096, 90), hostUp(2, 2048, 90)},
			[]schemas.Reservation{{Host: 2, Account: 5, Server: 90, Copy: 1}},
			1, 2,
		},
		{"the avoided host is taken when no other has room", []schemas.Host{hostUp(1, 4096, 90), hostUp(2, 100, 90)}, nil, 1, 1},
		{"a host without RAM is passed over", []schemas.Host{hostUp(1, 255, 90), hostUp(2, 256, 90)}, nil, 0, 2},
		{"a host without disk is passed over", []schemas.Host{hostUp(1, 4096, 9), hostUp(2, 256, 10)}, nil, 0, 2},
		{"lost and fenced hosts are passed over", []schemas.Host{lost, fenced, hostUp(3, 256, 10)}, nil, 0, 3},
		{"a host of another cluster is not there", []schemas.Host{{ID: 1, Cluster: 2, State: schemas.HostUp, RAMMiB: 9000, DiskGB: 900}}, nil, 0, 0},
		{
			"what was given back does not count",
			[]schemas.Host{hostUp(1, 256, 10)},
			[]schemas.Reservation{{Host: 1, Account: 5, Server: 90, Copy: 1, RAMMiB: 256, DiskGB: 10, Released: true}},
			0, 1,
		},
		{"without hosts there is no place", nil, nil, 0, 0},
	}
	for _, c := range tests {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.x = NewIndex(r.state, c.hosts, c.held, nil)
			m := r.allocate(1, 5, 1)
			m.Avoid = c.avoid
			if got := r.ask(m); got.Host != c.want || (got.Refused != nil) != (c.want == 0) {
				t.Errorf("host %d (refused: %v), want %d", got.Host, got.Refused, c.want)
			}
		})
	}
}

func TestServersOfOneAccountSpread(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 4096, 900), hostUp(2, 4096, 900), hostUp(3, 4096, 900))
	seen := map[schemas.HostID]int{}
	for s := schemas.ServerID(1); s <= 9; s++ {
		seen[r.place(s, 5)]++
	}
	if want := (map[schemas.HostID]int{1: 3, 2: 3, 3: 3}); !reflect.DeepEqual(seen, want) {
		t.Errorf("servers per host %v, want %v", seen, want)
	}
}

func TestExhaustionIsExact(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 1024, 900), hostUp(2, 700, 900), hostUp(3, 9000, 15))
	for s := schemas.ServerID(1); s <= 7; s++ { // 4 + 2 + 1 of 256 MiB and 10 GB
		if r.place(s, schemas.AccountID(s)) == 0 {
			t.Fatalf("server %d was refused, want room for 7", s)
		}
	}
	got := r.ask(r.allocate(8, 8, 1)).Refused
	if got == nil || got.Kind != schemas.KindCapacity || got.Fault != schemas.FaultCapacity {
		t.Fatalf("refused = %+v, want a capacity fault", got)
	}
	if want := "no host has room for flavor 1: too little RAM; too little disk; no flavor fits now"; got.Error() != want {
		t.Errorf("refused with %q, want %q", got, want)
	}
	r.tell(release(3, 3))
	if r.place(9, 9) == 0 {
		t.Error("refused after a release made room")
	}
}

func TestRefusalNamesLargestFlavorThatFits(t *testing.T) {
	t.Parallel()
	fenced := hostUp(2, 64000, 6000)
	fenced.State = schemas.HostFenced
	r := newRig(t, hostUp(1, 1500, 900), fenced)
	got := r.ask(r.allocate(1, 1, 7)).Refused
	if want := "no host has room for flavor 7: too little RAM; out of service; the largest flavor that fits now is 3"; got == nil || got.Error() != want {
		t.Errorf("refused with %q, want %q", got, want)
	}
}

func TestRepeatedAllocateGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 1024, 900), hostUp(2, 1024, 900))
	m := r.allocate(1, 5, 1)
	first := r.ask(m)
	r.tell(HostChanged{Host: schemas.Host{ID: first.Host, Cluster: 1, State: schemas.HostLost}, Change: 2})
	r.place(2, 5)
	e := r.tell(m)
	if got := answerOf(t, e, 5); !reflect.DeepEqual(got, first) {
		t.Errorf("second answer %+v, want %+v", got, first)
	}
	if len(e.Reservations) != 0 || len(e.Addresses) != 0 || e.Save {
		t.Errorf("the second allocate changed rows: %+v", e)
	}
	r.x = NewIndex(r.state, []schemas.Host{hostUp(1, 1024, 900), hostUp(2, 1024, 900)},
		[]schemas.Reservation{{Cluster: 1, Host: first.Host, Account: 5, Server: 1, Copy: 1, Operation: m.Operation, RAMMiB: 256}},
		[]schemas.Address{{IP: first.Public[0], Public: true, Server: 1}, {IP: first.Private[0], Server: 1}})
	if got := r.ask(m); !reflect.DeepEqual(got, first) {
		t.Errorf("answer after a restart %+v, want %+v", got, first)
	}
}

func TestCopyOfAnotherOperationIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 1024, 900))
	m := r.allocate(1, 5, 1)
	r.ask(m)
	m.Operation = "another"
	if got := r.ask(m).Refused; got == nil || got.Kind != schemas.KindConflict {
		t.Errorf("refused = %v, want a conflict", got)
	}
}

func TestReleaseBeforeAllocateRefusesIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 1024, 900))
	e := r.tell(release(1, 5))
	if len(e.Reservations) != 1 || !e.Reservations[0].Released || e.Reservations[0].Host != 0 {
		t.Errorf("rows %+v, want one tombstone", e.Reservations)
	}
	got := r.ask(r.allocate(1, 5, 1))
	if got.Refused == nil || got.Refused.Kind != schemas.KindUnavailable || got.Host != 0 {
		t.Errorf("answer %+v, want a refusal: given up already", got)
	}
}

func TestLateDuplicateOfARefusedAllocateTakesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 256, 10))
	r.place(1, 5)
	m := r.allocate(2, 5, 1)
	r.ask(m)
	r.tell(release(1, 5))
	for _, restarted := range []bool{false, true} {
		if restarted {
			tomb := schemas.Reservation{Server: 2, Copy: 1, RAMMiB: 256, Released: true}
			r.x = NewIndex(r.state, []schemas.Host{hostUp(1, 256, 10)}, []schemas.Reservation{tomb}, nil)
		}
		e := r.tell(m)
		if got := answerOf(t, e, 5).Refused; got == nil || got.Kind != schemas.KindCapacity || len(e.Reservations) > 0 {
			t.Errorf("restarted %v: refused = %v, rows %v, want a capacity refusal and no rows", restarted, got, e.Reservations)
		}
	}
}

func TestReleaseIsAnsweredEveryTimeAndCountsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 512, 20))
	r.place(1, 5)
	r.place(2, 5)
	for i := range 3 {
		e := r.tell(release(1, 5))
		if len(e.Letters) != 1 || e.Letters[0].Type != schemas.TypeReleased {
			t.Fatalf("release %d: letters %+v, want Released", i+1, e.Letters)
		}
		if i == 0 && (len(e.Reservations) != 1 || e.Reservations[0].Host != 1 || e.Reservations[0].RAMMiB != 256) {
			t.Errorf("first release: rows %+v, want the reservation's tombstone", e.Reservations)
		}
		if i > 0 && len(e.Reservations)+len(e.Addresses) > 0 {
			t.Errorf("release %d changed rows: %+v", i+1, e)
		}
	}
	if h := r.x.hosts[0]; h.usedRAM != 256 || h.usedDisk != 10 || len(r.x.live) != 1 {
		t.Errorf("in use: %d MiB, %d GB, %d copies; want 256, 10, 1", h.usedRAM, h.usedDisk, len(r.x.live))
	}
}

func TestTombstonesAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 512, 20))
	r.tell(release(1, 5))
	for _, known := range []bool{true, true, false} {
		if got := r.x.gone(keyOf(1, 1)) != 0; got != known {
			t.Errorf("known = %v, want %v", got, known)
		}
		r.now = r.now.Add(tombstoneLife)
		r.tell(Wake{})
	}
}

func TestReleasedAddressesRestBeforeTheyAreUsedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 9000, 900))
	first := r.ask(r.allocate(1, 5, 1))
	if first.Public[0] != "198.18.0.1" || first.Private[0] != "10.0.0.1" {
		t.Fatalf("first addresses %v %v, want 198.18.0.1 and 10.0.0.1", first.Public, first.Private)
	}
	e := r.tell(release(1, 5))
	want := schemas.Address{IP: "198.18.0.1", Cluster: 1, Public: true, FreeAt: r.now.Add(time.Minute)}
	if len(e.Addresses) != 2 || e.Addresses[0] != want {
		t.Fatalf("rows %+v, want %+v first", e.Addresses, want)
	}
	r.now = r.now.Add(time.Minute - 1)
	if got := r.ask(r.allocate(2, 5, 1)); got.Public[0] != "198.18.0.2" {
		t.Errorf("during quarantine: %s, want 198.18.0.2", got.Public)
	}
	r.now = r.now.Add(1)
	e = r.tell(r.allocate(3, 5, 1))
	if got := answerOf(t, e, 5); got.Public[0] != "198.18.0.1" || got.Private[0] != "10.0.0.1" || e.Save {
		t.Errorf("after quarantine: %s %s (save %v), want 198.18.0.1 and 10.0.0.1 again", got.Public, got.Private, e.Save)
	}
	if got := r.ask(r.allocate(4, 5, 1)); got.Public[0] != "198.18.0.3" {
		t.Errorf("then: %s, want 198.18.0.3", got.Public)
	}
}

func TestReleaseWithoutAddressesKeepsThem(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 9000, 900))
	first := r.ask(r.allocate(1, 5, 1))
	m := release(1, 5)
	m.Addresses = false
	if e := r.tell(m); len(e.Addresses) != 0 {
		t.Errorf("rows %+v, want none", e.Addresses)
	}
	again := r.allocate(1, 5, 1)
	again.Copy = 2
	if got := r.ask(again); !reflect.DeepEqual(got.Public, first.Public) || !reflect.DeepEqual(got.Private, first.Private) {
		t.Errorf("second copy has %v %v, want %v %v", got.Public, got.Private, first.Public, first.Private)
	}
	again.Copy, again.Addresses = 3, false
	if got := r.ask(again); got.Public != nil || got.Host == 0 {
		t.Errorf("answer %+v, want a place without addresses", got)
	}
}

func TestPoolSkipsNetworkAndBroadcast(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cidr string
		next uint32
		want string
	}{
		{"198.18.0.0/15", 0, "198.18.0.1"},
		{"198.18.0.0/15", 254, "198.18.0.254"},
		{"198.18.0.0/15", 255, "198.18.1.1"},
		{"198.18.0.77/15", 0, "198.18.0.1"},
		{"198.18.0.0/15", 1<<17 - 2, "198.19.255.254"},
		{"198.18.0.0/15", 1<<17 - 1, ""},
		{"192.0.2.64/29", 0, "192.0.2.65"},
		{"192.0.2.64/29", 6, "192.0.2.70"},
		{"192.0.2.64/29", 7, ""},
		{"192.0.2.1/32", 0, ""},
		{"192.0.2.0/31", 0, ""},
		{"0.0.0.0/0", 1<<32 - 3, "255.255.255.253"},
	}
	for _, c := range tests {
		ip, p, err := take(schemas.Pool{CIDR: c.cidr, Next: c.next}, nil, "public", time.Time{})
		if c.want == "" {
			if err == nil {
				t.Errorf("take(%s, %d) = %s, want a refusal", c.cidr, c.next, ip)
			}
			continue
		}
		if err != nil || ip.String() != c.want || p.Next <= c.next {
			t.Errorf("take(%s, %d) = %s, next %d, %v; want %s", c.cidr, c.next, ip, p.Next, err, c.want)
		}
	}
}

func TestExhaustedPoolRefusesAndHoldsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 9000, 900))
	r.state.Private.CIDR = "192.0.2.64/30" // .65 and .66
	r.place(1, 5)
	r.place(2, 5)
	next := r.state.Public.Next
	e := r.tell(r.allocate(3, 5, 1))
	got := answerOf(t, e, 5).Refused
	if got == nil || got.Fault != schemas.FaultCapacity || !strings.Contains(got.Message, "no private address") {
		t.Errorf("refused = %v, want: no private address", got)
	}
	if len(e.Addresses) != 0 || r.state.Public.Next != next || r.x.hosts[0].usedRAM != 512 {
		t.Errorf("the refusal kept something: %+v", e)
	}
	r.tell(release(1, 5))
	if got := r.ask(r.allocate(4, 5, 1)).Refused; got == nil || got.RetryAfter != time.Minute {
		t.Errorf("refused = %+v, want the advice to try again after the quarantine", got)
	}
	r.now = r.now.Add(time.Minute)
	if r.place(5, 5) == 0 {
		t.Error("refused after the quarantine")
	}
}

func TestUnreadablePoolRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 9000, 900))
	for i, cidr := range []string{"", "10.0.0.0", "2001:db8::/64"} {
		r.state.Public.CIDR = cidr
		e := r.tell(r.allocate(schemas.ServerID(i+1), 5, 1))
		if got := answerOf(t, e, 5).Refused; got == nil || got.Kind != schemas.KindCapacity || len(e.Addresses) != 0 {
			t.Errorf("pool %q: refused = %v, addresses %+v; want a refusal that takes none", cidr, got, e.Addresses)
		}
	}
}

func TestFlavorWithoutSizeIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 9000, 900))
	for _, f := range []schemas.Flavor{{}, {RAMMiB: -1}, {RAMMiB: 1, DiskGB: -1}} {
		m := r.allocate(1, 5, 1)
		m.Flavor = f
		if got := r.ask(m).Refused; got == nil || got.Kind != schemas.KindInvalid {
			t.Errorf("flavor %+v: refused = %v, want invalid", f, got)
		}
	}
}

func TestHostChangeTellsEveryServerOnIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 9000, 900), hostUp(2, 9000, 900))
	for s := schemas.ServerID(1); s <= 4; s++ { // 1 and 3 on host 1
		r.place(s, 5)
	}
	second := r.allocate(3, 5, 1)
	second.Copy, second.Avoid = 2, 2
	r.ask(second) // two copies on one host: one notice
	down := schemas.Host{ID: 1, Cluster: 1, State: schemas.HostLost, RAMMiB: 9000, DiskGB: 900}
	e := r.tell(HostChanged{Host: down, Change: 7})
	if len(e.Ask) != 2 || e.Ask[0].ID != "notice/1/7/1" || e.Ask[1].ID != "notice/1/7/3" {
		t.Fatalf("asked %+v, want notices 1/7/1 and 1/7/3", e.Ask)
	}
	want := Request{ID: "notice/1/7/1", To: schemas.ShardOf(5), Type: schemas.TypeNotice, Message: &schemas.HostNotice{
		V: 1, Host: 1, Cluster: 1, Account: 5, Server: 1, State: schemas.HostLost, Change: 7,
	}}
	if !reflect.DeepEqual(e.Ask[0], want) {
		t.Errorf("asked %+v, want %+v", e.Ask[0], want)
	}
	if r.place(9, 9) != 2 {
		t.Error("a lost host was given out")
	}
	if e := r.tell(HostChanged{Host: down, Change: 7}); len(e.Ask) != 0 {
		t.Errorf("a repeated change asked %d servers, want 0", len(e.Ask))
	}
	if e := r.tell(HostChanged{Host: hostUp(1, 9000, 900), Change: 8}); len(e.Ask) != 2 {
		t.Errorf("the host's return asked %d servers, want 2", len(e.Ask))
	}
	if e := r.tell(HostChanged{Host: hostUp(1, 9999, 900), Change: 8}); len(e.Ask) != 0 || r.x.hosts[0].ram != 9999 {
		t.Errorf("new capacity asked %d servers, want 0; capacity %d, want 9999", len(e.Ask), r.x.hosts[0].ram)
	}
	fenced := down
	fenced.State = schemas.HostFenced
	if e := r.tell(HostChanged{Host: fenced, Change: 9}); len(e.Ask) != 2 {
		t.Errorf("the fence asked %d servers, want 2", len(e.Ask))
	}
	if e := r.tell(HostChanged{Host: hostUp(3, 9000, 900), Change: 1}); len(e.Ask) != 0 {
		t.Errorf("a new host asked %d servers, want 0", len(e.Ask))
	}
}

func TestClusterIgnoresTimersAndRefusesStrangers(t *testing.T) {
	t.Parallel()
	r := newRig(t, hostUp(1, 9000, 900))
	for _, m := range []any{Wake{}, Resume{}, Poison{}} {
		if e := r.tell(m); !reflect.DeepEqual(e, Effects{}) {
			t.Errorf("%T: effects %+v, want none", m, e)
		}
	}
	for _, m := range []any{&schemas.Outcome{}, HostChanged{Host: schemas.Host{ID: 1, Cluster: 2}}, nil} {
		if _, _, err := DecideCluster(r.state, r.x, m, Input{Now: r.now, Rules: r.rules}); err == nil {
			t.Errorf("%T: no error", m)
		}
	}
}
