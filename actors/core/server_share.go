package core

import (
	"slices"

	"github.com/ozonecloud/ozone/schemas"
)

// exists tells whether the server is there for an account.
func (d *server) exists(account schemas.AccountID) bool {
	return d.ID != 0 && !d.Hidden && d.Status != schemas.StatusDeleted && d.Account == account
}

// join makes the server the first member of a new group.
func (d *server) join(a *Admit) {
	switch {
	case !d.exists(a.Command.Account):
		d.e.refuse(a, schemas.Errorf(schemas.KindInvalid, "server not found"))
		return
	case d.Group != 0:
		d.e.refuse(a, schemas.Errorf(schemas.KindInvalid, "the server is in shared IP group %d", int64(d.Group)))
		return
	}
	d.Group = a.NewGroup
	d.touch()
	on := *a
	on.Cluster, on.Public = d.Home.Cluster, d.Public
	d.e.tell(a.NewGroup.Ref(), &on)
}

// share begins to have an address of another member, once the group allows it. On silence it stays: the host may have done it.
func (d *server) share(a *Admit, plan string, to schemas.Status) {
	p := a.Command.Params
	if !a.Joins {
		d.e.tell(p.Group.Ref(), a)
		return
	}
	d.Shared = append(slices.Clip(d.Shared), p.Address)
	d.start(a, plan, to)
}

// unshare begins to give up a shared address. Until its host has said so, it has it.
func (d *server) unshare(a *Admit, to schemas.Status) {
	address := a.Command.Params.Address
	switch {
	case slices.Contains(d.Public, address):
		d.e.refuse(a, schemas.Errorf(schemas.KindInvalid, "%s is the server's own address", address))
	case !slices.Contains(d.Shared, address):
		d.e.refuse(a, schemas.Errorf(schemas.KindNotFound, "the server does not have the address %s", address))
	default:
		d.start(a, planUnshare, to)
	}
}

// withoutShared are the server's own and shared addresses without one: then the spare one is its own, if it has no other.
func (d *server) withoutShared(address string) (own, shared, spare []string) {
	own, spare = d.Public, d.Spare
	shared = slices.DeleteFunc(slices.Clone(d.Shared), func(ip string) bool { return ip == address })
	if len(own)+len(shared) == 0 {
		own, spare = spare, nil
	}
	return own, shared, spare
}

// public are the public addresses that a step is to leave the server with.
func (d *server) public() []string {
	if c := d.Cursor; c != nil && c.Plan == planUnshare {
		own, shared, _ := d.withoutShared(c.Address)
		return slices.Concat(own, shared)
	}
	return slices.Concat(d.Public, d.Shared)
}

// dropShared is a host's word that it does not answer on an address for the server.
func (d *server) dropShared(address string) {
	d.Public, d.Shared, d.Spare = d.withoutShared(address)
	d.tellGroup(schemas.OnHolds)
}

// tellGroup tells the server's group, if it is in one, where it stands.
func (d *server) tellGroup(on schemas.Trigger) {
	if d.Group == 0 {
		return
	}
	d.e.tell(d.Group.Ref(), MemberNews{Server: d.ID, On: on, Cluster: d.Home.Cluster, Public: d.Public, Shared: d.Shared})
}

// groupPinned places a server where another launch into its group was placed first. A place that it asked for elsewhere is given back.
func (d *server) groupPinned(m GroupPinned) {
	c := d.Cursor
	if c == nil || c.Action != schemas.ServerCreate || c.Step != "" || d.Group != m.Group {
		return
	}
	d.edit().Pinned = true
	d.e.Save = true
	if c.Cluster == m.Cluster {
		return
	}
	d.e.Answered = append(d.e.Answered, allocateID(c.Operation, c.Cluster, d.Copies))
	d.release(c.Operation, c.Cluster, d.Copies, true)
	d.askCluster(m.Cluster)
}

// groupGone leaves a group that was deleted.
func (d *server) groupGone(m GroupGone) {
	if d.Group == m.Group {
		d.Group = 0
		d.touch()
	}
}
