package core

import (
	"slices"
	"strconv"

	"github.com/ozonecloud/ozone/schemas"
)

// cluster is a decision about a cluster in the making. The index is read, never changed: the shell applies
// the effects to it.
type cluster struct {
	schemas.Cluster
	x  *Index
	e  Effects
	in Input
}

// DecideCluster gives out hosts and addresses and takes them back. It is the only one who does, from its own
// numbers, so nothing is given out twice and "no room" is exact. It waits for nothing: no timer.
func DecideCluster(c schemas.Cluster, x *Index, m any, in Input) (schemas.Cluster, Effects, error) {
	d := &cluster{Cluster: c, x: x, in: in}
	var err error
	switch m := m.(type) {
	case *schemas.Allocate:
		d.allocate(m)
	case *schemas.Release:
		d.release(m)
	case *schemas.DryRun:
		d.dryRun(m)
	case HostChanged:
		err = d.hostChanged(m)
	case Wake, Resume, Poison:
	default:
		err = schemas.Errorf(schemas.KindInternal, "a cluster cannot be told %T", m)
	}
	if err != nil {
		return c, Effects{}, err
	}
	return d.Cluster, d.e, nil
}

// allocate answers with a place or a refusal. The second of the same request gets what the first one got; one
// that comes after its release, or after its refusal, gets nothing, since nobody would give it back.
func (d *cluster) allocate(m *schemas.Allocate) {
	key := keyOf(m.Server, m.Copy)
	if h, ok := d.x.live[key]; ok {
		if h.operation != hashOf(m.Operation) {
			d.refuse(m, schemas.Errorf(schemas.KindConflict, "copy %d of the server belongs to another operation", m.Copy))
			return
		}
		d.grant(m, d.x.hosts[h.slot].id, d.x.servers[m.Server])
		return
	}
	switch d.x.gone(key) {
	case tombReleased:
		d.refuse(m, schemas.Errorf(schemas.KindUnavailable, "given up already"))
		return
	case tombRefused:
		d.refuse(m, schemas.Errorf(schemas.KindCapacity, "there was no room for flavor %d", int64(m.Flavor.ID)))
		return
	}
	d.place(m)
}

// place decides an Allocate that is new.
func (d *cluster) place(m *schemas.Allocate) {
	if f := m.Flavor; f.RAMMiB <= 0 || f.RAMMiB > schemas.MaxID || f.DiskGB < 0 || f.DiskGB > schemas.MaxID {
		d.refuse(m, schemas.Errorf(schemas.KindInvalid, "flavor %d has no possible size", int64(f.ID)))
		return
	}
	slot, ok := pick(d.x.hosts, d.x.spread[m.Account], m.Flavor, m.Avoid)
	if !ok {
		d.refuseForGood(m, noRoom(d.x.hosts, d.in.Rules.Flavors, m.Flavor))
		return
	}
	pair, full := d.addresses(m)
	if full != nil {
		d.refuseForGood(m, full)
		return
	}
	host := d.x.hosts[slot].id
	d.e.Reservations = append(d.e.Reservations, d.row(m, host))
	d.grant(m, host, pair)
}

// addresses takes one public and one private address, or both or none: what the server has already, it keeps.
func (d *cluster) addresses(m *schemas.Allocate) (addressPair, *schemas.Error) {
	pair := d.x.servers[m.Server]
	if !m.Addresses {
		return pair, nil
	}
	had, public, private := pair, d.Public, d.Private
	var err *schemas.Error
	if had.public == (ip4{}) {
		if pair.public, public, err = take(public, d.x.public, "public", d.in.Now); err != nil {
			return had, err
		}
	}
	if had.private == (ip4{}) {
		if pair.private, private, err = take(private, d.x.private, "private", d.in.Now); err != nil {
			return had, err
		}
	}
	d.give(m.Server, pair.public, had.public, true)
	d.give(m.Server, pair.private, had.private, false)
	d.e.Save = public != d.Public || private != d.Private
	d.Public, d.Private = public, private
	return pair, nil
}

func (d *cluster) give(s schemas.ServerID, ip, had ip4, public bool) {
	if ip != had {
		d.e.Addresses = append(d.e.Addresses, schemas.Address{IP: ip.String(), Cluster: d.ID, Public: public, Server: s})
	}
}

// row is the reservation that an Allocate asks for.
func (d *cluster) row(m *schemas.Allocate, host schemas.HostID) schemas.Reservation {
	return schemas.Reservation{
		Cluster: m.Cluster, Host: host, Account: m.Account, Server: m.Server, Copy: m.Copy, Operation: m.Operation,
		RAMMiB: m.Flavor.RAMMiB, DiskGB: m.Flavor.DiskGB,
	}
}

func (d *cluster) grant(m *schemas.Allocate, host schemas.HostID, pair addressPair) {
	answer := allocatedOf(m)
	answer.Host = host
	if m.Addresses {
		answer.Public, answer.Private = pair.public.list(), pair.private.list()
	}
	d.letter(m.Account, schemas.TypeAllocated, answer)
}

func (d *cluster) refuse(m *schemas.Allocate, why *schemas.Error) {
	answer := allocatedOf(m)
	answer.Refused = why
	d.letter(m.Account, schemas.TypeAllocated, answer)
}

// refuseForGood refuses for lack of room and leaves a tombstone: were a duplicate of the request to find room
// later, it would hold a place for a server that has long been told no.
func (d *cluster) refuseForGood(m *schemas.Allocate, why *schemas.Error) {
	tomb := d.row(m, 0)
	tomb.Released = true
	d.e.Reservations = append(d.e.Reservations, tomb)
	d.refuse(m, why)
}

func allocatedOf(m *schemas.Allocate) *schemas.Allocated {
	return &schemas.Allocated{
		V: schemas.MessageV, Operation: m.Operation, Account: m.Account, Server: m.Server, Copy: m.Copy, Cluster: m.Cluster,
	}
}

// release takes a place back, and leaves a tombstone whether there was one or not. The second of the same
// release finds the tombstone, changes nothing and is answered.
func (d *cluster) release(m *schemas.Release) {
	tomb := schemas.Reservation{
		Cluster: m.Cluster, Account: m.Account, Server: m.Server, Copy: m.Copy, Operation: m.Operation, Released: true,
	}
	key := keyOf(m.Server, m.Copy)
	h, live := d.x.live[key]
	if live {
		tomb.Host, tomb.RAMMiB, tomb.DiskGB = d.x.hosts[h.slot].id, int64(h.ram), int64(h.disk)
	}
	if m.Addresses {
		pair := d.x.servers[m.Server]
		if !m.KeepPublic {
			d.rest(pair.public, true)
		}
		d.rest(pair.private, false)
	}
	if live || d.x.gone(key) == 0 || len(d.e.Addresses) > 0 { // the index learns from it whose addresses they were
		d.e.Reservations = append(d.e.Reservations, tomb)
	}
	d.letter(m.Account, schemas.TypeReleased, &schemas.Released{
		V: schemas.MessageV, Operation: m.Operation, Account: m.Account, Server: m.Server, Copy: m.Copy, Cluster: m.Cluster,
	})
}

// rest sends an address to quarantine.
func (d *cluster) rest(ip ip4, public bool) {
	if ip != (ip4{}) {
		d.e.Addresses = append(d.e.Addresses, schemas.Address{
			IP: ip.String(), Cluster: d.ID, Public: public, FreeAt: d.in.Now.Add(d.in.Rules.Quarantine),
		})
	}
}

func (d *cluster) letter(account schemas.AccountID, t schemas.MessageType, m schemas.Message) {
	d.e.Letters = append(d.e.Letters, Letter{To: schemas.ShardOf(account), Type: t, Message: m})
}

// hostChanged learns of a host; when its state is another one than before, every server on it is told once
// and until it answers.
func (d *cluster) hostChanged(m HostChanged) error {
	if m.Host.Cluster != d.ID {
		return schemas.Errorf(schemas.KindInternal, "host %d is of cluster %d, not %d", int64(m.Host.ID), int64(m.Host.Cluster), int64(d.ID))
	}
	d.e.Hosts = append(d.e.Hosts, m.Host)
	slot, ok := d.x.slots[m.Host.ID]
	if !ok || d.x.hosts[slot].state == m.Host.State {
		return nil
	}
	for _, key := range d.x.serversOn(slot) {
		account := schemas.AccountID(d.x.live[key].account)
		d.e.Ask = append(d.e.Ask, Request{
			ID: noticeID(m.Host.ID, m.Change, key.server()), To: schemas.ShardOf(account), Type: schemas.TypeNotice,
			Message: &schemas.HostNotice{
				V: schemas.MessageV, Host: m.Host.ID, Cluster: d.ID, Account: account, Server: key.server(),
				State: m.Host.State, Change: m.Change,
			},
		})
	}
	return nil
}

// serversOn has one key per server with a copy on the host, ascending: the notice names the server, not the copy.
func (x *Index) serversOn(slot int32) []copyKey {
	keys := make([]copyKey, 0, len(x.hosts[slot].copies))
	for k := range x.hosts[slot].copies {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return slices.CompactFunc(keys, func(a, b copyKey) bool { return a.server() == b.server() })
}

func noticeID(h schemas.HostID, change int64, s schemas.ServerID) string {
	return "notice/" + strconv.FormatInt(int64(h), 10) + "/" + strconv.FormatInt(change, 10) + "/" + strconv.FormatInt(int64(s), 10)
}
