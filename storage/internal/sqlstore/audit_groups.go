package sqlstore

import (
	"context"
	"slices"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// readGroups comes before the servers: what they share their groups must know of.
func (a *audit) readGroups(ctx context.Context) error {
	return eachState(ctx, a, schemas.ActorGroup, func(g *schemas.Group, shown bool) {
		a.checkSequence(g.ID.Ref(), g.Sequence)
		a.groups[g.ID] = g
		if shown {
			q := a.quotas[g.Account]
			q.Groups++
			a.quotas[g.Account] = q
		}
		for _, k := range g.Kept {
			a.kept[k.IP] = k.Owner
		}
	})
}

// checkMember compares a server with what its group says of it.
func (a *audit) checkMember(s *schemas.Server) {
	if s.Group == 0 || s.Hidden || s.Status == schemas.StatusDeleted {
		return
	}
	g := a.groups[s.Group]
	i := -1
	if g != nil {
		i = slices.IndexFunc(g.Members, func(m schemas.Member) bool { return m.Server == s.ID })
	}
	switch {
	case i < 0 || g.Members[i].State != schemas.MemberLive || g.Account != s.Account:
		a.breaks(storage.LawGroups, "server %d says that it is in group %d, which does not", s.ID, s.Group)
	case g.Cluster != s.Home.Cluster:
		a.breaks(storage.LawGroups, "server %d is in cluster %d, its group %d in %d", s.ID, s.Home.Cluster, g.ID, g.Cluster)
	case !slices.Equal(g.Members[i].Public, s.Public) || !slices.Equal(g.Members[i].Shared, s.Shared):
		a.breaks(storage.LawGroups, "server %d has %v and shares %v; its group %d says %v and %v",
			s.ID, s.Public, s.Shared, g.ID, g.Members[i].Public, g.Members[i].Shared)
	}
}

// checkGroups looks that members are there, and that what they share is held for a member of their group, or for one that was.
func (a *audit) checkGroups(context.Context) error {
	for _, g := range a.groups {
		owners := ownersIn(g)
		for _, m := range g.Members {
			a.report.Checked[storage.LawGroups]++
			if s := a.servers[m.Server]; m.State == schemas.MemberLive && (s == nil || s.group != g.ID) {
				a.breaks(storage.LawGroups, "group %d has server %d, which does not say so", g.ID, m.Server)
			}
			for _, ip := range m.Shared {
				if owner, ours := owners[ip]; !ours || a.held[ip] != owner {
					a.breaks(storage.LawGroups, "server %d shares %s in group %d; it is held by server %d", m.Server, ip, g.ID, a.held[ip])
				}
			}
		}
	}
	return nil
}

// ownersIn says for which server the cluster holds each address of a group.
func ownersIn(g *schemas.Group) map[string]schemas.ServerID {
	owners := make(map[string]schemas.ServerID, len(g.Members)+len(g.Kept))
	for _, m := range g.Members {
		for _, ip := range m.Public {
			owners[ip] = m.Server
		}
	}
	for _, k := range g.Kept {
		owners[k.IP] = k.Owner
	}
	return owners
}
