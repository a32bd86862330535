package sqlstore

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// plan is what is left of a batch when later units have overridden earlier ones.
type plan struct {
	snapshots    latest[schemas.Ref, storage.Snapshot]
	reservations latest[copyKey, schemas.Reservation]
	addresses    latest[string, schemas.Address]
	operations   latest[operationKey, storage.OperationRow]
	outbox       latest[messageKey, storage.OutboxRow]
	ids          latest[idKey, nextID]
	keys         latest[hashKey, storage.Key]
	cleared      latest[messageKey, messageKey]
	events       []item[storage.EventRow] // in the order of the units
}

type (
	copyKey struct {
		server schemas.ServerID
		copy   int
	}
	operationKey struct {
		account schemas.AccountID
		id      schemas.OperationID
	}
	messageKey struct {
		shard schemas.Shard
		id    string
	}
	idKey struct {
		shard schemas.Shard
		kind  schemas.ActorKind
	}
	hashKey struct {
		account schemas.AccountID
		hash    string
	}
	nextID struct {
		idKey
		next int64
	}
)

// item is a row and the last unit that had a say in it. It is small: items are sorted.
type item[V any] struct {
	unit  int
	fresh bool // the row is not in the store yet: a unit of this batch makes it
	gone  bool // the row goes away
	value *V   // in the batch
}

// latest keeps the last row of each key.
type latest[K comparable, V any] struct {
	at    map[K]int // made with room for units
	units int
	items []item[V]
}

func (l *latest[K, V]) put(k K, it item[V]) {
	if i, ok := l.at[k]; ok {
		it.fresh = l.items[i].fresh
		l.items[i] = it
		return
	}
	if l.at == nil {
		l.at = make(map[K]int, l.units)
	}
	l.at[k] = len(l.items)
	l.items = append(l.items, it)
}

// sorted is the rows by key: two committers that write the same rows take their locks in one order.
func (l *latest[K, V]) sorted(order func(a, b *V) int) []item[V] {
	slices.SortFunc(l.items, func(a, b item[V]) int { return order(a.value, b.value) })
	l.at = nil // its indexes are wrong from here on
	return l.items
}

// newPlan merges the units of a batch; a unit that no store could hold is a *storage.BadUnitError.
func newPlan(b *storage.Batch) (*plan, error) {
	p := newPlanFor(len(b.Units))
	for i := range b.Units {
		u := &b.Units[i]
		if err := checkText(u); err != nil {
			return nil, &storage.BadUnitError{Unit: i, Err: err}
		}
		if err := p.add(i, u); err != nil {
			return nil, &storage.BadUnitError{Unit: i, Err: err}
		}
	}
	return p, nil
}

// newPlanFor makes room for about n units: most batches are small.
func newPlanFor(n int) *plan {
	p := new(plan)
	p.snapshots.units, p.operations.units, p.addresses.units = 2*n, n, n
	p.reservations.units, p.outbox.units, p.ids.units, p.keys.units = n, n, n, n
	p.events = make([]item[storage.EventRow], 0, 2*n)
	return p
}

func (p *plan) add(i int, u *storage.Unit) error {
	for k := range u.Snapshots {
		s := &u.Snapshots[k]
		if snapshotTable[s.Ref.Kind] == "" {
			return fmt.Errorf("snapshot %s: no such kind", s.Ref)
		}
		p.snapshots.put(s.Ref, item[storage.Snapshot]{unit: i, fresh: s.Version == 1, gone: s.Remove, value: s})
	}
	for k := range u.Reservations {
		r := &u.Reservations[k]
		p.reservations.put(copyKey{r.Server, r.Copy}, item[schemas.Reservation]{unit: i, value: r})
	}
	for k := range u.Addresses {
		a := &u.Addresses[k]
		p.addresses.put(a.IP, item[schemas.Address]{unit: i, value: a})
	}
	for k := range u.Operations {
		p.addOperation(i, &u.Operations[k])
	}
	for k := range u.Keys {
		row := &u.Keys[k]
		key := hashKey{row.Account, string(row.Hash)}
		if p.holds(key) {
			return fmt.Errorf("idempotency key: %s", putKey.Refused)
		}
		p.keys.put(key, item[storage.Key]{unit: i, value: row})
	}
	for k := range u.Events {
		p.events = append(p.events, item[storage.EventRow]{unit: i, value: &u.Events[k]})
	}
	for kind, next := range u.NextIDs {
		key := idKey{u.Shard, kind}
		p.ids.put(key, item[nextID]{unit: i, value: &nextID{key, next}})
	}
	p.addQueued(i, u)
	return nil
}

// addOperation keeps of an earlier row what the later one leaves as it is.
func (p *plan) addOperation(i int, o *storage.OperationRow) {
	key := operationKey{o.Account, o.ID}
	if at, ok := p.operations.at[key]; ok {
		earlier, whole := p.operations.items[at].value, *o
		if whole.Answer == nil {
			whole.Answer = earlier.Answer
		}
		if whole.Payload == nil {
			whole.Payload = earlier.Payload
		}
		o = &whole
	}
	p.operations.put(key, item[storage.OperationRow]{unit: i, value: o})
}

// holds tells whether the batch has the key for a command that was not refused.
func (p *plan) holds(k hashKey) bool {
	i, ok := p.keys.at[k]
	if !ok {
		return false
	}
	i, ok = p.operations.at[operationKey{k.account, p.keys.items[i].value.Operation}]
	if !ok {
		return true
	}
	state := p.operations.items[i].value.State
	return state != schemas.OperationRejected && state != schemas.OperationExpired
}

// addQueued merges the rows that are there only between two units.
func (p *plan) addQueued(i int, u *storage.Unit) {
	for k := range u.Outbox {
		o := &u.Outbox[k]
		p.outbox.put(messageKey{o.Shard, o.ID}, item[storage.OutboxRow]{unit: i, fresh: o.New, value: o})
	}
	for _, id := range u.Answered {
		row := &storage.OutboxRow{ID: id, Shard: u.Shard}
		p.outbox.put(messageKey{u.Shard, id}, item[storage.OutboxRow]{unit: i, gone: true, value: row})
	}
	for _, id := range u.Cleared {
		key := messageKey{u.Shard, id}
		p.cleared.put(key, item[messageKey]{unit: i, value: &key})
	}
}

// change is rows for one Write.
type change struct {
	write *Write
	rows  []Row
}

func (c *change) add(unit int, values ...any) { c.rows = append(c.rows, Row{unit, values}) }

// changes is everything a commit writes but the sums of the hosts, at the time now.
func (p *plan) changes(now int64) ([]change, error) {
	out, err := p.snapshotChanges()
	if err != nil {
		return nil, err
	}
	operations, err := p.operationChanges()
	if err != nil {
		return nil, err
	}
	out = append(out, operations...)
	out = append(out, p.reservationChanges(now), p.addressChanges(), p.keyChanges(now), p.eventChanges())
	out = append(out, p.outboxChanges()...)
	return append(out, p.clearChanges(), p.idChanges()), nil
}

func (p *plan) snapshotChanges() ([]change, error) {
	puts, removes := map[schemas.ActorKind]*change{}, map[schemas.ActorKind]*change{}
	var out []change
	capacities := change{write: putHostCapacity}
	for _, it := range p.snapshots.sorted(func(a, b *storage.Snapshot) int { return cmp.Compare(a.Ref.ID, b.Ref.ID) }) {
		s := it.value
		switch {
		case !it.gone:
			changeOf(puts, putSnapshot, s.Ref.Kind).add(it.unit, snapshotValues(s)...)
		case !it.fresh:
			changeOf(removes, removeSnapshot, s.Ref.Kind).add(it.unit, s.Ref.ID)
		}
		if s.Ref.Kind == schemas.ActorHost && !it.gone {
			var h schemas.Host
			if err := json.Unmarshal(s.State, &h); err != nil {
				return nil, &storage.BadUnitError{Unit: it.unit, Err: fmt.Errorf("state of %s: %w", s.Ref, err)}
			}
			capacities.add(it.unit, s.Ref.ID, h.RAMMiB, h.DiskGB, int64(0), int64(0))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(snapshotTable)) {
		for _, c := range []*change{puts[kind], removes[kind]} {
			if c != nil {
				out = append(out, *c)
			}
		}
	}
	return append(out, capacities), nil
}

func changeOf(in map[schemas.ActorKind]*change, writes map[schemas.ActorKind]*Write, kind schemas.ActorKind) *change {
	c := in[kind]
	if c == nil {
		c = &change{write: writes[kind]}
		in[kind] = c
	}
	return c
}

func (p *plan) reservationChanges(now int64) change {
	c := change{write: putReservation}
	for _, it := range p.reservations.sorted(compareReservations) {
		r := it.value
		c.add(it.unit, int64(r.Server), int64(r.Copy), int64(r.Cluster), int64(r.Host), int64(r.Account),
			string(r.Operation), r.RAMMiB, r.DiskGB, flag(r.Released), now)
	}
	return c
}

func compareReservations(a, b *schemas.Reservation) int {
	return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Copy, b.Copy))
}

func (p *plan) addressChanges() change {
	c := change{write: putAddress}
	for _, it := range p.addresses.sorted(func(a, b *schemas.Address) int { return strings.Compare(a.IP, b.IP) }) {
		a := it.value
		c.add(it.unit, a.IP, int64(a.Cluster), flag(a.Public), int64(a.Server), micros(a.FreeAt))
	}
	return c
}

func (p *plan) keyChanges(now int64) change {
	c := change{write: putKey}
	byKey := func(a, b *storage.Key) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), slices.Compare(a.Hash, b.Hash))
	}
	for _, it := range p.keys.sorted(byKey) {
		k := it.value
		c.add(it.unit, int64(k.Account), k.Hash, string(k.Operation), k.Digest, now, micros(k.Expires))
	}
	return c
}

func (p *plan) eventChanges() change {
	c := change{write: putEvent}
	for i := range p.events {
		e := p.events[i].value
		c.add(p.events[i].unit, string(e.Ref.Kind), e.Ref.ID, e.Sequence, int64(e.Account), int64(e.Shard),
			e.Type, micros(e.Time), string(e.Body))
	}
	return c
}

func (p *plan) outboxChanges() []change {
	put, remove := change{write: putOutbox}, change{write: removeOutbox}
	byKey := func(a, b *storage.OutboxRow) int {
		return cmp.Or(cmp.Compare(a.Shard, b.Shard), strings.Compare(a.ID, b.ID))
	}
	for _, it := range p.outbox.sorted(byKey) {
		o := it.value
		switch {
		case !it.gone:
			put.add(it.unit, int64(o.Shard), o.ID, int64(o.To), string(o.Type), micros(o.Created), string(o.Body))
		case !it.fresh:
			remove.add(it.unit, int64(o.Shard), o.ID)
		}
	}
	return []change{put, remove}
}

func (p *plan) clearChanges() change {
	c := change{write: removeSuspect}
	byKey := func(a, b *messageKey) int { return cmp.Or(cmp.Compare(a.shard, b.shard), strings.Compare(a.id, b.id)) }
	for _, it := range p.cleared.sorted(byKey) {
		c.add(it.unit, int64(it.value.shard), it.value.id)
	}
	return c
}

func (p *plan) idChanges() change {
	c := change{write: putIDs}
	byKey := func(a, b *nextID) int {
		return cmp.Or(cmp.Compare(a.shard, b.shard), cmp.Compare(a.kind, b.kind))
	}
	for _, it := range p.ids.sorted(byKey) {
		n := it.value
		c.add(it.unit, int64(n.shard), string(n.kind), n.next, n.next)
	}
	return c
}
