package core

import (
	"slices"

	"github.com/ozonecloud/ozone/schemas"
)

// groups lists the groups that are shown, ascending.
func (w *cloud) groups() []schemas.Group {
	var list []schemas.Group
	for _, ref := range w.refs(schemas.ActorGroup) {
		if g := stateOf[schemas.Group](w, ref); GroupView(&g) != nil {
			list = append(list, g)
		}
	}
	return list
}

func (w *cloud) group(id schemas.GroupID) schemas.Group { return stateOf[schemas.Group](w, id.Ref()) }

// makeGroup makes a group, with a server or with 0 without.
func (w *cloud) makeGroup(s schemas.ServerID) schemas.GroupID {
	w.t.Helper()
	id := w.do(schemas.SharedIPGroupCreate, 0, schemas.Params{Name: new("g"), Server: s})
	return schemas.GroupID(w.rows.ops[id].op.Target.ID)
}

// launch creates a server in a group, with an address of a member or with "" with one of its own.
func (w *cloud) launch(g schemas.GroupID, address string) schemas.ServerID {
	w.t.Helper()
	id := w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 1, Group: g, Address: address})
	return schemas.ServerID(w.rows.ops[id].op.Target.ID)
}

// pair is a group of two servers; the second one has the first one's address if it shares.
func (w *cloud) pair(shares bool) (g schemas.GroupID, first, second schemas.ServerID) {
	w.t.Helper()
	first = w.create(1)
	g = w.makeGroup(first)
	address := ""
	if shares {
		address = w.own(first)
	}
	return g, first, w.launch(g, address)
}

// own is a server's own public address.
func (w *cloud) own(s schemas.ServerID) string {
	w.t.Helper()
	public := w.server(s).Public
	if len(public) != 1 {
		w.t.Fatalf("server %d has the own public addresses %v, want one", s, public)
	}
	return public[0]
}

// kept tells whether a group keeps an address whose owner is gone.
func (w *cloud) kept(ip string) bool {
	return slices.ContainsFunc(w.refs(schemas.ActorGroup), func(ref schemas.Ref) bool {
		g := stateOf[schemas.Group](w, ref)
		return slices.ContainsFunc(g.Kept, func(k schemas.Kept) bool { return k.IP == ip })
	})
}

// nobodyAnswers checks, when an address goes into quarantine, that no host lets a server have it any more.
func (w *cloud) nobodyAnswers(ip string) {
	w.t.Helper()
	for id, m := range w.machines {
		for k, g := range m.copies {
			if !m.off && slices.Contains(g.public, ip) {
				w.brokenf("address %s is given back while host %d has it for server %d; %s", ip, id, k.server(), w.trace())
			}
		}
	}
}

// groupLaw: groups and servers say the same of one another, in one cluster; what is shared is held for somebody of the group.
func (w *cloud) groupLaw() {
	w.t.Helper()
	members := map[schemas.ServerID]schemas.GroupID{}
	for _, ref := range w.refs(schemas.ActorGroup) {
		g := stateOf[schemas.Group](w, ref)
		owners := map[string]schemas.ServerID{}
		for _, k := range g.Kept {
			owners[k.IP] = k.Owner
		}
		for _, m := range g.Members {
			for _, ip := range m.Public {
				owners[ip] = m.Server
			}
		}
		for _, m := range g.Members {
			members[m.Server] = g.ID
			s := w.server(m.Server)
			if (m.State == schemas.MemberLeaving) != (s.Status == schemas.StatusDeleted) || m.State == schemas.MemberLaunching {
				w.brokenf("server %d is %s in group %d and %s", s.ID, m.State, g.ID, s.Status)
			}
			if s.Group != g.ID || !slices.Equal(s.Public, m.Public) || !slices.Equal(s.Shared, m.Shared) || s.Home.Cluster != g.Cluster {
				w.brokenf("group %d in cluster %d has %+v; the server has group %d, %v, %v, cluster %d", g.ID, g.Cluster, m, s.Group, s.Public, s.Shared, s.Home.Cluster)
			}
			for _, ip := range m.Shared {
				if owners[ip] == 0 || w.rows.addresses[ip].Server != owners[ip] {
					w.brokenf("server %d shares %s in group %d; it is held as %+v", s.ID, ip, g.ID, w.rows.addresses[ip])
				}
			}
		}
	}
	for _, s := range w.servers() {
		if s.Status != schemas.StatusDeleted && s.Group != members[s.ID] {
			w.brokenf("server %d says that it is in group %d, which does not", s.ID, s.Group)
		}
		if len(s.Public)+len(s.Shared) == 0 && !s.Hidden {
			w.brokenf("server %d has no public address", s.ID)
		}
	}
}
