package core

import (
	"slices"
	"strconv"

	"github.com/ozonecloud/ozone/schemas"
)

// group is a decision about a shared IP group in the making. Lists inside the state are replaced, never changed in place.
type group struct {
	schemas.Group
	e  Effects
	in Input
}

// GroupView is the group as its tenant sees it, nil when it is shown nowhere.
func GroupView(s *schemas.Group) *schemas.GroupView {
	if s.Status == schemas.GroupDeleted {
		return nil
	}
	v := schemas.GroupView{ID: s.ID, Name: s.Name, Servers: []schemas.ServerID{}}
	for _, m := range s.Members {
		if m.State == schemas.MemberLive {
			v.Servers = append(v.Servers, m.Server)
		}
	}
	return &v
}

// DecideGroup says which servers are in a group and which addresses they may share. It waits for nothing: no timer.
func DecideGroup(s schemas.Group, m any, in Input) (schemas.Group, Effects, error) {
	d := &group{Group: s, in: in}
	switch m := m.(type) {
	case *Admit:
		d.admit(m)
	case MemberNews:
		d.news(m)
	case Wake, Resume, Poison:
	default:
		return s, Effects{}, schemas.Errorf(schemas.KindInternal, "a shared IP group cannot be told %T", m)
	}
	return d.Group, d.e, nil
}

// groupTriggers are the triggers that commands pull on a group.
var groupTriggers = map[schemas.Action]schemas.Trigger{
	schemas.SharedIPGroupCreate: schemas.OnCreate,
	schemas.SharedIPGroupDelete: schemas.OnDelete,
	schemas.ServerCreate:        schemas.OnLaunch,
	schemas.ServerShareIP:       schemas.OnShare,
}

// admit takes or refuses a command by the group's table.
func (d *group) admit(a *Admit) {
	c := a.Command
	on := groupTriggers[c.Action]
	to, ok := groupEdges[d.Status][on]
	if !ok || on != schemas.OnCreate && d.Account != c.Account {
		d.e.refuse(a, schemas.Errorf(schemas.KindNotFound, "shared IP group not found"))
		return
	}
	switch on {
	case schemas.OnCreate:
		d.create(a, to)
	case schemas.OnDelete:
		d.delete(a, to)
	case schemas.OnLaunch:
		d.launch(a)
	default:
		d.share(a)
	}
}

// create makes the group, empty or with a server that has said yes.
func (d *group) create(a *Admit, to schemas.GroupStatus) {
	c := a.Command
	name := "group" + strconv.FormatInt(int64(a.NewGroup), 10)
	if c.Params.Name != nil {
		name = *c.Params.Name
	}
	d.Group = schemas.Group{V: schemas.StateV, ID: a.NewGroup, Account: c.Account, Name: name, Status: to, Created: d.in.Now}
	d.touch()
	d.e.Used = append(d.e.Used, schemas.ActorGroup)
	d.open(a, int64(d.ID), true)
	d.e.tell(d.Account.Ref(), Settle{Operation: c.ID, Keep: true})
	if c.Params.Server != 0 {
		d.news(MemberNews{Server: c.Params.Server, On: schemas.OnJoin, Cluster: a.Cluster, Public: a.Public})
	}
}

// delete ends the group for the servers that are in it. As long as one of them is there, none may share.
func (d *group) delete(a *Admit, to schemas.GroupStatus) {
	if d.size() > 0 && slices.ContainsFunc(d.Members, func(m schemas.Member) bool { return len(m.Shared) > 0 }) {
		d.e.refuse(a, schemas.Errorf(schemas.KindInvalid, "servers of the group share an address").Named(schemas.FaultCloudServers))
		return
	}
	d.Status = to
	d.touch()
	d.open(a, a.Command.Target, false)
	d.e.tell(d.Account.Ref(), Settle{Free: schemas.Quota{Groups: 1}})
	for _, m := range slices.Clone(d.Members) {
		if _, left := memberEdges[m.State][schemas.OnDissolved]; left {
			d.e.tell(m.Server.Ref(), GroupGone{Group: d.ID})
			d.news(MemberNews{Server: m.Server, On: schemas.OnDissolved})
		}
	}
}

// open admits and ends a command that is about the group alone.
func (d *group) open(a *Admit, target int64, show bool) {
	c := a.Command
	d.e.accept(a, target, show)
	d.e.Progress = append(d.e.Progress, Progress{Operation: c.ID, State: schemas.OperationSucceeded, Percent: 100})
	d.e.event(&d.Sequence, string(c.Action), PhaseEnd, c.ID, nil)
}

// maxLeaving bounds the deleted servers that are still leaving, and with them the snapshot. Source: docs/numbers.md.
const maxLeaving = 100

// launch lets a server be created in the group, in its cluster, with an address of a member if it wants one.
func (d *group) launch(a *Admit) {
	p := a.Command.Params
	if refused := d.mayLaunch(p.Address); refused != nil {
		d.e.refuse(a, refused)
		return
	}
	m := schemas.Member{Server: a.NewServer}
	if p.Address != "" {
		m.Shared = []string{p.Address}
	}
	d.step(&m, schemas.OnLaunch)
	d.Members = append(slices.Clip(d.Members), m)
	on := *a
	on.Joins, on.Cluster = true, d.Cluster
	d.e.tell(a.NewServer.Ref(), &on)
}

// mayLaunch tells why no server may be created in the group now.
func (d *group) mayLaunch(address string) *schemas.Error {
	switch {
	case d.size() >= schemas.MaxGroupMembers:
		return schemas.Errorf(schemas.KindLimit, "maxIPGroupMembers of %d would be exceeded", schemas.MaxGroupMembers)
	case len(d.Members)-d.size() >= maxLeaving:
		return schemas.Errorf(schemas.KindUnavailable, "servers that were in the group are still being removed").After(retryAfter)
	case address != "" && !d.owns(address):
		return schemas.Errorf(schemas.KindInvalid, "no server of the group has the address %s", address)
	default:
		return nil
	}
}

// share lets a member have an address of another one. It counts as had from here on, whatever its host makes of it.
func (d *group) share(a *Admit) {
	p := a.Command.Params
	i := d.member(schemas.ServerID(a.Command.Target))
	var why *schemas.Error
	switch {
	case a.Refused != nil:
		why = a.Refused
	case i < 0 || d.Members[i].State != schemas.MemberLive:
		why = schemas.Errorf(schemas.KindInvalid, "the server is not in the group")
	case has(&d.Members[i], p.Address):
		why = schemas.Errorf(schemas.KindInvalid, "the server has the address %s already", p.Address)
	case !d.owns(p.Address):
		why = schemas.Errorf(schemas.KindInvalid, "no other server of the group has the address %s", p.Address)
	}
	if why != nil {
		d.e.refuse(a, why)
		return
	}
	m := d.Members[i]
	m.Shared = append(slices.Clip(m.Shared), p.Address)
	d.put(i, m)
	on := *a
	on.Joins = true
	d.e.tell(m.Server.Ref(), &on)
}

// news is what a member says of itself. What the table does not have is late or a repetition.
func (d *group) news(n MemberNews) {
	i := d.member(n.Server)
	m := schemas.Member{Server: n.Server}
	if i >= 0 {
		m = d.Members[i]
	}
	if _, ok := memberEdges[m.State][n.On]; !ok {
		return
	}
	before := m
	d.step(&m, n.On)
	if m.State == schemas.MemberLive {
		m.Public, m.Shared = n.Public, n.Shared
	}
	switch {
	case i < 0:
		d.Members = append(slices.Clip(d.Members), m)
	case m.State == schemas.MemberNone:
		d.remove(i, n.On)
	default:
		d.put(i, m)
	}
	if m.State == schemas.MemberLive {
		d.pin(n.Cluster)
	}
	d.tellOf(before.State, m.State)
}

// pin sets the cluster of a group that has none yet. Who is being placed elsewhere hears of it in the same turn.
func (d *group) pin(cluster schemas.ClusterID) {
	if d.Cluster != 0 {
		return
	}
	d.Cluster = cluster
	for _, m := range d.Members {
		if m.State == schemas.MemberLaunching {
			d.e.tell(m.Server.Ref(), GroupPinned{Group: d.ID, Cluster: cluster})
		}
	}
}

// tellOf tells the world when the list of servers is another one.
func (d *group) tellOf(from, to schemas.MemberState) {
	switch {
	case d.Status == schemas.GroupDeleted || from == to:
	case to == schemas.MemberLive:
		d.e.event(&d.Sequence, "shared_ip_group.member_added", PhaseNone, "", nil)
	case from == schemas.MemberLive:
		d.e.event(&d.Sequence, "shared_ip_group.member_removed", PhaseNone, "", nil)
	}
}

// step follows one row of the members' table.
func (d *group) step(m *schemas.Member, on schemas.Trigger) {
	m.State = memberEdges[m.State][on]
	d.touch()
}

// remove takes a member out. Its own addresses stay held as long as somebody has them; the pin goes with the last one.
func (d *group) remove(i int, on schemas.Trigger) {
	m := d.Members[i]
	d.Members = slices.Delete(slices.Clone(d.Members), i, i+1)
	d.touch()
	if on == schemas.OnGone {
		for _, ip := range m.Public {
			d.Kept = append(slices.Clip(d.Kept), schemas.Kept{IP: ip, Owner: m.Server})
		}
	}
	d.giveBack()
	if len(d.Members) == 0 {
		d.Cluster = 0
	}
}

// giveBack returns the addresses to the cluster that outlived their owner and that nobody has any more.
func (d *group) giveBack() {
	kept := make([]schemas.Kept, 0, len(d.Kept))
	for _, k := range d.Kept {
		if slices.ContainsFunc(d.Members, func(m schemas.Member) bool { return slices.Contains(m.Shared, k.IP) }) {
			kept = append(kept, k)
			continue
		}
		d.e.release(&schemas.Release{V: schemas.MessageV, Cluster: d.Cluster, Account: d.Account, Server: k.Owner, Addresses: true})
	}
	d.Kept = kept
}

func (d *group) touch() {
	d.Updated = d.in.Now
	d.e.Save = true
}

// put replaces a member.
func (d *group) put(i int, m schemas.Member) {
	d.Members = slices.Clone(d.Members)
	d.Members[i] = m
	d.touch()
	d.giveBack()
}

// member is the index of a server, -1 when it is none of the group's.
func (d *group) member(s schemas.ServerID) int {
	return slices.IndexFunc(d.Members, func(m schemas.Member) bool { return m.Server == s })
}

// size counts who is in the group, or is to be.
func (d *group) size() int {
	n := 0
	for _, m := range d.Members {
		if m.State != schemas.MemberLeaving {
			n++
		}
	}
	return n
}

// owns tells whether a live member has an address.
func (d *group) owns(address string) bool {
	return slices.ContainsFunc(d.Members, func(m schemas.Member) bool { return m.State == schemas.MemberLive && has(&m, address) })
}

func has(m *schemas.Member, address string) bool {
	return slices.Contains(m.Public, address) || slices.Contains(m.Shared, address)
}
