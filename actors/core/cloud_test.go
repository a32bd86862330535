package core

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// cloud is a small cloud in memory: one account with its servers and images, clusters, hosts. It runs the real
// decisions with the turns of a shard, a store that has what was committed, and machines that do steps. Time is
// virtual; nothing in it is random. A fault that a test names strikes a message, a step or a turn.
type cloud struct {
	t     testing.TB
	name  string
	now   time.Time
	rules Rules

	cells map[schemas.Ref]actor // what the running node knows
	index map[schemas.ClusterID]*Index
	rows  rows // what is committed

	epoch    schemas.Epoch
	queue    []envelope
	later    []envelope // with the time at which they arrive
	held     []envelope
	machines map[schemas.HostID]*physical
	files    map[schemas.ImageID]schemas.OperationID // saved images
	labels   map[string]string                       // of steps, by id

	fault   func(p point) action
	onStep  func(s *schemas.Step) // sees each step on its way to its host
	slow    func() time.Duration  // how long a step is under way; nil: no time
	sick    func(n int) string    // what the n-th probe of a server meets; "": it is healthy
	points  []point               // what a fault could have struck, in order
	silent  []func()              // what ends the silence of hosts
	counter int
}

// rows are what a store keeps.
type rows struct {
	states       map[schemas.Ref]row
	ops          map[schemas.OperationID]*opRow
	order        []schemas.OperationID
	keys         map[string]Key
	events       map[schemas.Ref][]Event
	outbox       map[string]*outboxRow
	outboxOrder  []string
	reservations map[copyKey]schemas.Reservation
	addresses    map[string]schemas.Address
	nextServer   schemas.ServerID
	nextImage    schemas.ImageID
	nextGroup    schemas.GroupID
}

type row struct {
	version int64
	state   []byte
}

type opRow struct {
	op        schemas.Operation
	payload   []byte // there until the operation ends
	answers   []schemas.Answer
	terminals int
}

type outboxRow struct {
	request Request
	sentAt  time.Time
}

// envelope is a message on its way.
type envelope struct {
	to      schemas.Ref
	message any // a schemas.Message, or Wake, Resume
	at      time.Time
	durable bool // it comes again when the node dies before it acknowledged
}

// point is a place where a fault may strike.
type point struct {
	kind pointKind
	name string // "create/start", "allocate"
}

type pointKind string

const (
	aTurn   pointKind = "turn"
	aStep   pointKind = "step"
	aLetter pointKind = "letter"
)

// action is what happens at a point.
type action string

const (
	pass         action = ""
	crashBefore  action = "crash before commit"
	crashAfter   action = "crash after commit"
	drop         action = "time-out" // it never arrives
	twice        action = "repeated"
	late         action = "arrives late"
	fail         action = "error"
	failHard     action = "error for good"
	outcomeTwice action = "outcome repeated"
	outcomeLate  action = "late outcome"
	outcomeLeft  action = "outcome left to the next step's"
	holdBack     action = "held"
	silentBack   action = "host silent, then back"
	silentFenced action = "host silent, then fenced"
)

// newCloud is a cloud with hosts 1..n of 8 GiB in cluster 1 and an account without a limit.
func newCloud(tb testing.TB, hosts int) *cloud {
	tb.Helper()
	w := &cloud{
		t: tb, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), cells: map[schemas.Ref]actor{}, index: map[schemas.ClusterID]*Index{},
		machines: map[schemas.HostID]*physical{}, files: map[schemas.ImageID]schemas.OperationID{}, labels: map[string]string{}, epoch: 1,
		sick: func(int) string { return "" },
		rules: Rules{
			Flavors: map[schemas.FlavorID]schemas.Flavor{}, BaseImages: map[schemas.ImageID]bool{1: true, 2: true},
			ConfirmAfter: 24 * time.Hour, RetryEvery: 10 * time.Second, Quarantine: time.Minute, LostAfter: 20 * time.Second, HostKey: []byte("k"),
		},
		rows: rows{
			states: map[schemas.Ref]row{}, ops: map[schemas.OperationID]*opRow{}, keys: map[string]Key{}, events: map[schemas.Ref][]Event{},
			outbox: map[string]*outboxRow{}, reservations: map[copyKey]schemas.Reservation{}, addresses: map[string]schemas.Address{},
			nextServer: 1000, nextImage: 5000, nextGroup: 300,
		},
	}
	for _, f := range schemas.DefaultFlavors() {
		w.rules.Flavors[f.ID] = f
	}
	w.seed(schemas.AccountID(1).Ref(), &schemas.Account{V: 1, ID: 1, Name: "demo"})
	w.addCluster(1)
	for range hosts {
		w.addHost(1, 8192)
	}
	return w
}

func (w *cloud) addCluster(id schemas.ClusterID) {
	w.rules.Clusters = append(w.rules.Clusters, id)
	w.seed(id.Ref(), &schemas.Cluster{
		V: 1, ID: id, Public: schemas.Pool{CIDR: fmt.Sprintf("198.18.%d.0/24", id)}, Private: schemas.Pool{CIDR: fmt.Sprintf("10.%d.0.0/24", id)},
	})
}

func (w *cloud) addHost(cluster schemas.ClusterID, ram int64) schemas.HostID {
	id := schemas.HostID(len(w.machines) + 1)
	w.machines[id] = newPhysical(w, id, cluster, ram)
	w.beat(w.machines[id])
	return id
}

func (w *cloud) seed(ref schemas.Ref, state any) {
	w.rows.states[ref] = row{version: 1, state: toJSON(w.t, state)}
	w.cells[ref] = w.load(ref)
}

// load makes an actor from its row, or an actor that has none.
func (w *cloud) load(ref schemas.Ref) actor {
	r := w.rows.states[ref]
	switch ref.Kind {
	case schemas.ActorAccount:
		return newCell(w, ref, r, DecideAccount, nil)
	case schemas.ActorServer:
		return newCell(w, ref, r, DecideServer, ServerWakeAt)
	case schemas.ActorImage:
		return newCell(w, ref, r, DecideImage, ImageWakeAt)
	case schemas.ActorGroup:
		return newCell(w, ref, r, DecideGroup, nil)
	case schemas.ActorHost:
		return newCell(w, ref, r, DecideHost, func(h *schemas.Host) time.Time { return HostWakeAt(*h, &w.rules) })
	case schemas.ActorCluster:
		id := schemas.ClusterID(ref.ID)
		return newCell(w, ref, r, func(c schemas.Cluster, m any, in Input) (schemas.Cluster, Effects, error) {
			next, e, err := DecideCluster(c, w.clusterIndex(id), m, in)
			return next, e, err
		}, nil)
	default:
		w.t.Fatalf("%s: no such kind", ref)
		return nil
	}
}

// clusterIndex is the cluster's index, read from its rows when the node has just begun.
func (w *cloud) clusterIndex(id schemas.ClusterID) *Index {
	if x := w.index[id]; x != nil {
		return x
	}
	var hosts []schemas.Host
	var reservations []schemas.Reservation
	var addresses []schemas.Address
	for _, ref := range w.refs(schemas.ActorHost) {
		hosts = append(hosts, stateOf[schemas.Host](w, ref))
	}
	for _, k := range sortedKeys(w.rows.reservations) {
		if r := w.rows.reservations[k]; r.Cluster == id {
			reservations = append(reservations, r)
		}
	}
	for _, ip := range sortedKeys(w.rows.addresses) {
		if a := w.rows.addresses[ip]; a.Cluster == id {
			addresses = append(addresses, a)
		}
	}
	w.index[id] = NewIndex(stateOf[schemas.Cluster](w, id.Ref()), hosts, reservations, addresses)
	return w.index[id]
}

// refs lists the stored actors of a kind, ascending.
func (w *cloud) refs(kind schemas.ActorKind) []schemas.Ref {
	var list []schemas.Ref
	for ref := range w.rows.states {
		if ref.Kind == kind {
			list = append(list, ref)
		}
	}
	slices.SortFunc(list, func(a, b schemas.Ref) int { return int(a.ID - b.ID) })
	return list
}

// send puts a message on its way.
func (w *cloud) send(e envelope) { w.queue = append(w.queue, e) }

// strike tells what a fault does at a point.
func (w *cloud) strike(kind pointKind, name string) action {
	p := point{kind, name}
	w.points = append(w.points, p)
	if w.fault == nil {
		return pass
	}
	return w.fault(p)
}

// drain delivers what is on its way, without time passing.
func (w *cloud) drain() {
	for n := 0; len(w.queue) > 0; n++ {
		if n > 5000 {
			w.t.Fatalf("%s: messages without end; %s", w.name, w.trace())
		}
		e := w.queue[0]
		w.queue = w.queue[1:]
		if s, ok := e.message.(*schemas.Step); ok {
			w.machines[s.Host].arrive(*s, e)
			continue
		}
		w.turn(e)
	}
}

// settle lets time pass until nobody waits for anything that can still come.
func (w *cloud) settle() {
	w.drain()
	for n := 0; w.busy(); n++ {
		if n > 3000 {
			w.t.Fatalf("%s: never quiet: %s; %s", w.name, w.busyWith(), w.trace())
		}
		at := w.nextTime()
		if at.IsZero() {
			w.t.Fatalf("%s: stuck: %s has no timer; %s", w.name, w.busyWith(), w.trace())
		}
		w.pass(at.Sub(w.now))
	}
}

// pass lets time pass by d and wakes whoever is due.
func (w *cloud) pass(d time.Duration) {
	w.now = w.now.Add(max(d, 0))
	for _, id := range sortedKeys(w.machines) {
		w.beat(w.machines[id])
	}
	kept := w.later[:0:0]
	for _, e := range w.later {
		if e.at.After(w.now) {
			kept = append(kept, e)
			continue
		}
		w.send(e)
	}
	w.later = kept
	for _, ref := range sortedRefs(w.cells) {
		if due(w.cells[ref].wakeAt(), w.now) {
			w.send(envelope{to: ref, message: Wake{}})
		}
	}
	w.resend(resendEvery)
	w.drain()
}

// resendEvery is how long a request waits for its answer before it is sent again.
const resendEvery = 5 * time.Second

func (w *cloud) resend(after time.Duration) {
	for _, id := range w.rows.outboxOrder {
		if r := w.rows.outbox[id]; r != nil && w.now.Sub(r.sentAt) >= after {
			r.sentAt = w.now
			w.sendLetter(r.request.Message)
		}
	}
}

// nextTime is when something happens next, beside the life signs of hosts that answer.
func (w *cloud) nextTime() time.Time {
	var at time.Time
	for ref, c := range w.cells {
		if ref.Kind == schemas.ActorHost && w.machines[schemas.HostID(ref.ID)].alive {
			continue
		}
		at = earliest(at, c.wakeAt())
	}
	for _, e := range w.later {
		at = earliest(at, e.at)
	}
	for _, r := range w.rows.outbox {
		at = earliest(at, r.sentAt.Add(resendEvery))
	}
	return at
}

// crash ends the node: what was not committed and what was not sent is forgotten. The next owner begins with the rows.
func (w *cloud) crash() {
	w.epoch++
	w.cells, w.index = map[schemas.Ref]actor{}, map[schemas.ClusterID]*Index{}
	w.queue = slices.DeleteFunc(w.queue, func(e envelope) bool { return !e.durable })
	w.later = slices.DeleteFunc(w.later, func(e envelope) bool { return !e.durable })
	var resumes []envelope
	for ref := range w.rows.states {
		w.cells[ref] = w.load(ref)
	}
	for _, ref := range sortedRefs(w.cells) {
		if !w.cells[ref].wakeAt().IsZero() {
			resumes = append(resumes, envelope{to: ref, message: Resume{}})
		}
	}
	w.queue = append(resumes, w.queue...)
	w.resend(0)
}

func (w *cloud) trace() string {
	last := w.points[max(0, len(w.points)-25):]
	return fmt.Sprintf("last: %v", last)
}

// actor is a loaded cell of any kind.
type actor interface {
	tell(m any, in Input) (actor, Effects, error)
	wakeAt() time.Time
	value() any
	row() row
}

// cell is an actor with its state; it is replaced, never changed.
type cell[S any] struct {
	w       *cloud
	ref     schemas.Ref
	version int64
	state   S
	decide  func(S, any, Input) (S, Effects, error)
	wake    func(*S) time.Time
}

func newCell[S any](w *cloud, ref schemas.Ref, r row, decide func(S, any, Input) (S, Effects, error), wake func(*S) time.Time) actor {
	c := cell[S]{w: w, ref: ref, version: r.version, decide: decide, wake: wake}
	if r.state != nil {
		if err := json.Unmarshal(r.state, &c.state); err != nil {
			w.t.Fatalf("read %s: %v", ref, err)
		}
	}
	return c
}

// tell decides. Deciding changes neither the old state nor the message, and says when the state is to be saved.
func (c cell[S]) tell(m any, in Input) (next actor, e Effects, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	before, command := toJSON(c.w.t, c.state), commandJSON(c.w.t, m)
	n := c
	n.state, e, err = c.decide(c.state, m, in)
	if err != nil {
		return nil, e, err
	}
	if after := toJSON(c.w.t, c.state); string(after) != string(before) {
		return nil, e, fmt.Errorf("deciding %T changed the old state\n%s\n%s", m, before, after)
	}
	if after := commandJSON(c.w.t, m); string(after) != string(command) {
		return nil, e, fmt.Errorf("deciding %T changed the message\n%s\n%s", m, command, after)
	}
	if !e.Save && c.ref.Kind != schemas.ActorHost && string(toJSON(c.w.t, n.state)) != string(before) {
		return nil, e, fmt.Errorf("deciding %T changed the state and does not save it\n%s\n%s", m, before, toJSON(c.w.t, n.state))
	}
	if e.Save {
		n.version++
	}
	return n, e, nil
}

func (c cell[S]) wakeAt() time.Time {
	if c.wake == nil {
		return time.Time{}
	}
	return c.wake(&c.state)
}

func (c cell[S]) value() any { return c.state }
func (c cell[S]) row() row   { return row{c.version, toJSON(c.w.t, c.state)} }

// stateOf reads what is committed of an actor.
func stateOf[S any](w *cloud, ref schemas.Ref) S {
	var s S
	if r, ok := w.rows.states[ref]; ok {
		if err := json.Unmarshal(r.state, &s); err != nil {
			w.t.Fatalf("read %s: %v", ref, err)
		}
	}
	return s
}

// commandJSON is the part of a message that outlives its turn.
func commandJSON(tb testing.TB, m any) []byte {
	tb.Helper()
	if a, ok := m.(*Admit); ok {
		m = a.Command
	}
	if r, ok := m.(Reserve); ok {
		m = r.Admit.Command
	}
	return toJSON(tb, m)
}

func toJSON(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatalf("encode %T: %v", v, err)
	}
	return b
}
