package core

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// tombstoneLife is how long at least an index knows what was given back: far longer than a repeated Allocate
// can be on its way. The rows are deleted by retention. Source: docs/numbers.md.
const tombstoneLife = time.Hour

// Index is what a cluster's actor keeps in memory beside schemas.Cluster: its hosts with their sums, every
// reservation (with its addresses 130 to 170 bytes, no pointers), the addresses of every server, the quarantine.
// Decisions read it; only Apply changes it.
type Index struct {
	hosts []hostSums // in order of arrival: a host's slot never changes
	slots map[schemas.HostID]int32
	live  map[copyKey]held
	// Tombstones live in two generations: the older one is forgotten when the younger one is tombstoneLife old.
	young, old map[copyKey]tombstone
	turned     time.Time // when young began
	// spread says on which hosts an account has copies, by ascending slot, so that a walk over all hosts needs no look-up.
	spread  map[schemas.AccountID][]share
	servers map[schemas.ServerID]addressPair
	public  []resting // the quarantine: the head is free first
	private []resting
}

// hostSums is a host with what is taken of it. A host of which only reservations are known has no State.
type hostSums struct {
	id       schemas.HostID
	state    schemas.HostState
	ram      int64
	disk     int64
	usedRAM  int64
	usedDisk int64
	copies   map[copyKey]struct{}
}

// copyKey is (server, copy) in one word; ids of servers have 31 bits.
type copyKey int64

func keyOf(s schemas.ServerID, copies int) copyKey { return copyKey(int64(s)<<32 | int64(copies)) }

func (k copyKey) server() schemas.ServerID { return schemas.ServerID(k >> 32) }

// held is a live reservation.
type held struct {
	operation uint64 // hash of the operation that asked
	account   int32  // ids have 31 bits
	slot      int32
	ram       int32
	disk      int32
}

// tombstone remembers what is no longer, or was never, given out.
type tombstone uint8

const (
	tombReleased tombstone = iota + 1
	tombRefused            // for lack of room: a late duplicate must not take a place that nobody waits for
)

// share is how many copies an account has on the host at a slot.
type share struct{ slot, count int32 }

// addressPair is what a server has; zero: none.
type addressPair struct{ public, private ip4 }

// resting is an address in quarantine.
type resting struct {
	ip     ip4
	freeAt time.Time
}

// NewIndex builds the index of a cluster from its committed rows.
func NewIndex(c schemas.Cluster, hosts []schemas.Host, reservations []schemas.Reservation, addresses []schemas.Address) *Index {
	x := &Index{
		hosts: make([]hostSums, 0, len(hosts)), slots: make(map[schemas.HostID]int32, len(hosts)),
		live: make(map[copyKey]held), young: make(map[copyKey]tombstone),
		spread: make(map[schemas.AccountID][]share), servers: make(map[schemas.ServerID]addressPair),
	}
	for _, h := range hosts {
		if h.Cluster == c.ID {
			x.host(h)
		}
	}
	for i := range reservations {
		x.reservation(&reservations[i])
	}
	for i := range addresses {
		x.address(&addresses[i], nil)
	}
	byTime := func(a, b resting) int {
		if o := a.freeAt.Compare(b.freeAt); o != 0 {
			return o
		}
		return slices.Compare(a.ip[:], b.ip[:])
	}
	slices.SortFunc(x.public, byTime)
	slices.SortFunc(x.private, byTime)
	return x
}

// Apply takes over what a decision made at now; its cost is that of the changed rows.
func (x *Index) Apply(e *Effects, now time.Time) {
	if now.Sub(x.turned) >= tombstoneLife {
		if !x.turned.IsZero() {
			x.old, x.young = x.young, make(map[copyKey]tombstone)
		}
		x.turned = now
	}
	for _, h := range e.Hosts {
		x.host(h)
	}
	for i := range e.Reservations {
		x.reservation(&e.Reservations[i])
	}
	for i := range e.Addresses {
		x.address(&e.Addresses[i], e.Reservations)
	}
}

// slot finds a host's place, or makes one.
func (x *Index) slot(id schemas.HostID) int32 {
	if i, ok := x.slots[id]; ok {
		return i
	}
	i := narrow(int64(len(x.hosts)))
	x.hosts = append(x.hosts, hostSums{id: id, copies: make(map[copyKey]struct{})})
	x.slots[id] = i
	return i
}

func (x *Index) host(h schemas.Host) {
	row := &x.hosts[x.slot(h.ID)]
	row.state, row.ram, row.disk = h.State, h.RAMMiB, h.DiskGB
}

// reservation replaces the row of (server, copy).
func (x *Index) reservation(r *schemas.Reservation) {
	key := keyOf(r.Server, r.Copy)
	if h, ok := x.live[key]; ok {
		x.count(key, h, -1)
		delete(x.live, key)
	}
	if r.Released {
		x.young[key] = tombstoneOf(r)
		return
	}
	delete(x.young, key)
	delete(x.old, key)
	h := held{
		operation: hashOf(r.Operation), account: narrow(int64(r.Account)), slot: x.slot(r.Host), ram: narrow(r.RAMMiB), disk: narrow(r.DiskGB),
	}
	x.live[key] = h
	x.count(key, h, 1)
}

// count adds a reservation to every sum, or with -1 takes it out again.
func (x *Index) count(key copyKey, h held, sign int32) {
	row := &x.hosts[h.slot]
	row.usedRAM += int64(sign) * int64(h.ram)
	row.usedDisk += int64(sign) * int64(h.disk)
	if sign > 0 {
		row.copies[key] = struct{}{}
	} else {
		delete(row.copies, key)
	}
	account := schemas.AccountID(h.account)
	list := x.spread[account]
	i, found := slices.BinarySearchFunc(list, h.slot, func(s share, slot int32) int { return cmp.Compare(s.slot, slot) })
	if !found {
		list = slices.Insert(list, i, share{slot: h.slot})
	}
	list[i].count += sign
	if list[i].count == 0 {
		list = slices.Delete(list, i, i+1)
	}
	if len(list) == 0 {
		delete(x.spread, account)
		return
	}
	x.spread[account] = list
}

// gone tells what was given back or refused; zero: nothing known.
func (x *Index) gone(key copyKey) tombstone {
	if t, ok := x.young[key]; ok {
		return t
	}
	return x.old[key]
}

// tombstoneOf tells the two kinds apart by the row: what was refused has a size and no host.
func tombstoneOf(r *schemas.Reservation) tombstone {
	if r.Host == 0 && r.RAMMiB > 0 {
		return tombRefused
	}
	return tombReleased
}

// hashOf keeps an operation in a word; two are compared only under the same (server, copy).
func hashOf(id schemas.OperationID) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // fnv never fails
	return h.Sum64()
}

// narrow keeps what has 31 bits, as ids have and sizes of flavors, in half a word.
func narrow(n int64) int32 {
	return int32(min(max(n, 0), schemas.MaxID))
}
