package core

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

func TestServersOfAGroupAreThoseThatAreInIt(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 3)
	g := w.makeGroup(0)
	if v := GroupView(new(w.group(g))); len(v.Servers) != 0 || v.Servers == nil {
		t.Errorf("the servers of a new group = %v, want none", v.Servers)
	}
	first := w.launch(g, "")
	second := w.launch(g, w.own(first))
	if v := GroupView(new(w.group(g))); !slices.Equal(v.Servers, []schemas.ServerID{first, second}) {
		t.Errorf("servers = %v, want %d and %d", v.Servers, first, second)
	}
	if v := ServerView(new(w.server(second)), &w.rules); v.SharedIPGroup != g || !slices.Equal(v.Addresses.Public, []string{w.own(first)}) {
		t.Errorf("a server launched with a shared address shows %+v", v)
	}
	w.do(schemas.ServerDelete, int64(first), schemas.Params{})
	if v := GroupView(new(w.group(g))); !slices.Equal(v.Servers, []schemas.ServerID{second}) {
		t.Errorf("servers after a delete = %v, want %d", v.Servers, second)
	}
	w.deleteAll()
}

func TestSharingFollowsTheContract(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 3)
	g, first, second := w.pair(false)
	ip, own := w.own(first), w.own(second)
	got := w.history(second, func() {
		w.do(schemas.ServerShareIP, int64(second), schemas.Params{Group: g, Address: ip, Configure: true})
	})
	if want := []schemas.Status{schemas.StatusActive, schemas.StatusShareIP, schemas.StatusActive}; !slices.Equal(got, want) {
		t.Errorf("share, set up: %v, want %v", got, want)
	}
	if v := ServerView(new(w.server(second)), &w.rules); !slices.Equal(v.Addresses.Public, []string{own, ip}) {
		t.Errorf("public addresses = %v, want its own and %s", v.Addresses.Public, ip)
	}
	got = w.history(second, func() { w.do(schemas.ServerUnshareIP, int64(second), schemas.Params{Address: ip}) })
	if want := []schemas.Status{schemas.StatusActive, schemas.StatusDeleteIP, schemas.StatusActive}; !slices.Equal(got, want) {
		t.Errorf("unshare: %v, want %v", got, want)
	}
	got = w.history(second, func() { w.do(schemas.ServerShareIP, int64(second), schemas.Params{Group: g, Address: ip}) })
	if want := []schemas.Status{schemas.StatusActive, schemas.StatusShareIPNoConfig, schemas.StatusActive}; !slices.Equal(got, want) {
		t.Errorf("share: %v, want %v", got, want)
	}
	w.deleteAll()
}

func TestSharingIsRefused(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 3)
	g, first, second := w.pair(true)
	stranger := w.create(1)
	empty := w.makeGroup(0)
	ip := w.own(first)
	share := func(g schemas.GroupID, ip string) schemas.Params { return schemas.Params{Group: g, Address: ip} }
	for _, c := range []struct {
		what   string
		action schemas.Action
		target schemas.ServerID
		params schemas.Params
		kind   schemas.Kind
		fault  schemas.Fault
	}{
		{"a server that has it", schemas.ServerShareIP, second, share(g, ip), schemas.KindInvalid, schemas.FaultBadRequest},
		{"its own", schemas.ServerShareIP, first, share(g, ip), schemas.KindInvalid, schemas.FaultBadRequest},
		{"an address of nobody in the group", schemas.ServerShareIP, second, share(g, w.own(stranger)), schemas.KindInvalid, schemas.FaultBadRequest},
		{"a server that is in no group", schemas.ServerShareIP, stranger, share(g, ip), schemas.KindInvalid, schemas.FaultBadRequest},
		{"another group", schemas.ServerShareIP, second, share(empty, ip), schemas.KindInvalid, schemas.FaultBadRequest},
		{"no group", schemas.ServerShareIP, second, share(7, ip), schemas.KindNotFound, schemas.FaultItemNotFound},
		{"no server", schemas.ServerShareIP, 7, share(g, ip), schemas.KindNotFound, schemas.FaultItemNotFound},
		{"unshare its own", schemas.ServerUnshareIP, first, share(0, ip), schemas.KindInvalid, schemas.FaultBadRequest},
		{"unshare what it does not have", schemas.ServerUnshareIP, second, share(0, w.own(stranger)), schemas.KindNotFound, schemas.FaultItemNotFound},
		{"launch with an address of nobody in the group", schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 1, Group: g, Address: w.own(stranger)}, schemas.KindInvalid, schemas.FaultBadRequest},
		{"launch into no group", schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 1, Group: 7}, schemas.KindNotFound, schemas.FaultItemNotFound},
		{"a group of a server in a group", schemas.SharedIPGroupCreate, 0, schemas.Params{Server: first}, schemas.KindInvalid, schemas.FaultBadRequest},
		{"a group of no server", schemas.SharedIPGroupCreate, 0, schemas.Params{Server: 7}, schemas.KindInvalid, schemas.FaultBadRequest},
		{"delete a group that shares", schemas.SharedIPGroupDelete, schemas.ServerID(g), schemas.Params{}, schemas.KindInvalid, schemas.FaultCloudServers},
		{"delete no group", schemas.SharedIPGroupDelete, 7, schemas.Params{}, schemas.KindNotFound, schemas.FaultItemNotFound},
	} {
		t.Log(c.what)
		w.wantFault(w.do(c.action, int64(c.target), c.params), c.kind, c.fault)
	}
	w.deleteAll()
}

// What a command names is looked for before the server's status counts.
func TestAGroupThatIsNotThereIsSaidInEveryStatus(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 3)
	g, first, second := w.pair(true)
	empty := w.makeGroup(0)
	w.wantState(w.do(schemas.ServerSuspend, int64(second), schemas.Params{}), schemas.OperationSucceeded)
	for group, fault := range map[schemas.GroupID]schemas.Fault{7: schemas.FaultItemNotFound, g: schemas.FaultCloudServers, empty: schemas.FaultCloudServers} {
		kind := schemas.KindConflict
		if group == 7 {
			kind = schemas.KindNotFound
		}
		for _, configure := range []bool{false, true} {
			w.wantFault(w.do(schemas.ServerShareIP, int64(second), schemas.Params{Group: group, Address: w.own(first), Configure: configure}), kind, fault)
		}
	}
	w.deleteAll()
}

func TestADeletedGroupLetsItsServersGo(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 3)
	g, first, _ := w.pair(false)
	w.wantState(w.do(schemas.SharedIPGroupDelete, int64(g), schemas.Params{}), schemas.OperationSucceeded)
	if s := w.server(first); s.Group != 0 {
		t.Errorf("server %d is in group %d, which was deleted", s.ID, s.Group)
	}
	w.makeGroup(first) // it may begin another one
	w.deleteAll()
}

// An address outlives its owner for as long as a member has it; only then it goes into quarantine.
func TestASharedAddressOutlivesItsOwner(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 3)
	g, first, second := w.pair(true)
	ip := w.own(first)
	w.do(schemas.ServerDelete, int64(first), schemas.Params{})
	if a := w.rows.addresses[ip]; a.Server != first {
		t.Errorf("%s is %+v after its owner was deleted, want it held", ip, a)
	}
	third := w.launch(g, ip) // a member has it, so others may
	w.do(schemas.ServerUnshareIP, int64(second), schemas.Params{Address: ip})
	if s := w.server(second); len(s.Public) != 1 || s.Public[0] == ip || len(s.Spare) != 0 {
		t.Errorf("after giving up its only address the server has %v, want a fresh one of its own", s.Public)
	}
	w.do(schemas.ServerDelete, int64(third), schemas.Params{})
	if a := w.rows.addresses[ip]; a.Server != 0 || !a.FreeAt.After(w.now.Add(-time.Minute)) {
		t.Errorf("%s is %+v after the last server that had it was deleted, want it in quarantine", ip, a)
	}
	w.deleteAll()
}

// What a silent host may have done counts as done: the address stays held.
func TestAHostThatDoesNotAnswerMayHaveTheAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		action schemas.Action
		step   string
		strike action
		has    bool
	}{
		{schemas.ServerShareIP, "share/share_ip", fail, false},
		{schemas.ServerShareIP, "share/share_ip", drop, true},
		{schemas.ServerUnshareIP, "unshare/unshare_ip", fail, true},
		{schemas.ServerUnshareIP, "unshare/unshare_ip", drop, true},
	} {
		w := newCloud(t, 3)
		w.name = c.step + " " + string(c.strike)
		g, first, second := w.pair(false)
		p := schemas.Params{Group: g, Address: w.own(first)}
		if c.action == schemas.ServerUnshareIP {
			w.do(schemas.ServerShareIP, int64(second), p)
		}
		w.at(aStep, c.step, c.strike)
		w.wantState(w.do(c.action, int64(second), p), schemas.OperationFailed)
		w.wantStatus(second, schemas.StatusActive)
		if has := slices.Contains(w.server(second).Shared, p.Address); has != c.has {
			t.Errorf("%s: the server has the address: %t, want %t", w.name, has, c.has)
		}
		w.deleteAll()
	}
}

func TestLimitsOfGroups(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 3)
	full := w.makeGroup(0)
	for range schemas.MaxGroupMembers {
		w.launch(full, "")
	}
	w.wantFault(w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 1, Group: full}), schemas.KindLimit, schemas.FaultOverLimit)
	for range schemas.MaxGroups - 1 {
		w.makeGroup(0)
	}
	w.wantFault(w.do(schemas.SharedIPGroupCreate, 0, schemas.Params{}), schemas.KindLimit, schemas.FaultOverLimit)
	if g := w.group(full); len(g.Members) != schemas.MaxGroupMembers || len(w.groups()) != schemas.MaxGroups {
		t.Errorf("%d members, %d groups", len(g.Members), len(w.groups()))
	}
	w.deleteAll()
}

// The first server that has a place pins its group; no other cluster is asked for the next one.
func TestAGroupIsInOneCluster(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 0)
	w.addCluster(2)
	small, large := w.addHost(1, 256), w.addHost(2, 1024)
	first := w.create(1)
	g := w.makeGroup(0)
	second := w.launch(g, "") // there is no room left in cluster 1
	if w.server(first).Home.Host != small || w.server(second).Home.Host != large || w.group(g).Cluster != 2 {
		t.Fatalf("servers at %+v and %+v, group in cluster %d", w.server(first).Home, w.server(second).Home, w.group(g).Cluster)
	}
	w.do(schemas.ServerDelete, int64(first), schemas.Params{})
	if third := w.launch(g, ""); w.server(third).Home.Cluster != 2 {
		t.Errorf("the next one is in cluster %d, want 2", w.server(third).Home.Cluster)
	}
	w.wantFault(w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 3, Image: 1, Group: g}), schemas.KindCapacity, schemas.FaultCapacity)

	w.deleteAll()
	if g := w.group(g); g.Cluster != 0 {
		t.Errorf("the group is still in cluster %d when its last server has gone", g.Cluster)
	}
}

// Two launches into an empty group ask different clusters. The one that is placed first decides; the other one follows it, or finds no room there.
func TestLaunchesAtOnceEndInOneCluster(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"allocate", "allocated"} { // what is on its way when the group is pinned
		for first, cluster := range []schemas.ClusterID{2, 1} {
			w := newCloud(t, 0)
			w.name = fmt.Sprintf("%s, launch %d is placed first", letter, first)
			w.addCluster(2)
			w.addHost(1, 512)
			w.addHost(2, 8192)
			g := w.makeGroup(0)
			seen := 0
			w.fault = func(p point) action {
				if p != (point{aLetter, letter}) {
					return pass
				}
				if seen++; seen == 1 { // cluster 1 refuses the large one
					return pass
				}
				return holdBack
			}
			large := w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: 3, Image: 1, Group: g})
			small := w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 1, Group: g})
			held := w.held
			if len(held) != 2 {
				t.Fatalf("%s: %d letters are held, want 2; %s", w.name, len(held), w.trace())
			}
			w.fault, w.held = nil, nil
			w.send(held[first])
			w.drain()
			w.send(held[1-first])
			w.settle()
			w.laws()
			w.wantState(small, schemas.OperationSucceeded)
			if cluster == 1 {
				w.wantFault(large, schemas.KindCapacity, schemas.FaultCapacity)
			} else {
				w.wantState(large, schemas.OperationSucceeded)
			}
			for _, s := range w.servers() {
				if s.Home.Cluster != cluster {
					t.Errorf("%s: server %d is in cluster %d, want %d", w.name, s.ID, s.Home.Cluster, cluster)
				}
			}
			w.deleteAll()
		}
	}
}

// Accounts begin at different clusters, and each goes round all of them.
func TestAServerIsPlacedWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	all := []schemas.ClusterID{1, 2, 3}
	for account, want := range map[schemas.AccountID][]schemas.ClusterID{1: {1, 2, 3}, 2: {2, 3, 1}, 6: {3, 1, 2}} {
		got := []schemas.ClusterID{firstCluster(all, account)}
		for len(got) < len(all) {
			got = append(got, nextCluster(all, got[len(got)-1]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("account %d asks the clusters %v, want %v", account, got, want)
		}
	}
	w := newCloud(t, 0)
	for _, id := range all[1:] {
		w.addCluster(id)
	}
	for _, id := range all {
		w.addHost(id, 256)
	}
	for _, id := range all {
		if s := w.server(w.create(1)); s.Home.Cluster != id {
			t.Errorf("server %d is in cluster %d, want %d", s.ID, s.Home.Cluster, id)
		}
	}
	w.wantFault(w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 1}), schemas.KindCapacity, schemas.FaultCapacity)
	w.deleteAll()
}
