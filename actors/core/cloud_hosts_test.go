package core

import (
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// physical is a host with its agent: it does each step once, refuses what a newer owner has overtaken, and
// remembers the outcomes of an actor's latest operation.
type physical struct {
	w       *cloud
	id      schemas.HostID
	cluster schemas.ClusterID
	ram     int64
	alive   bool // it answers
	off     bool // fenced: nothing runs on it
	copies  map[copyKey]*guest
	ledger  map[schemas.Ref]*ledgerEntry
	backlog []envelope // what came while it did not answer
	faults  map[string]schemas.FailureReason
	answers map[string]action
}

// guest is one copy of a server on a host.
type guest struct {
	on        bool
	image     schemas.ImageID
	snapshots map[schemas.OperationID]bool
	current   bool // the delta has arrived
	public    []string
}

type ledgerEntry struct {
	epoch     schemas.Epoch
	version   int64
	operation schemas.OperationID
	outcomes  map[string]*schemas.StepFailure
}

func newPhysical(w *cloud, id schemas.HostID, cluster schemas.ClusterID, ram int64) *physical {
	return &physical{
		w: w, id: id, cluster: cluster, ram: ram, alive: true, copies: map[copyKey]*guest{}, ledger: map[schemas.Ref]*ledgerEntry{},
		faults: map[string]schemas.FailureReason{}, answers: map[string]action{},
	}
}

// beat is a sign of life.
func (w *cloud) beat(m *physical) {
	if m.alive {
		w.turn(envelope{to: m.id.Ref(), message: &schemas.Heartbeat{V: 1, Host: m.id, Cluster: m.cluster, Name: "h", RAMMiB: m.ram, DiskGB: 5000}})
		w.drain()
	}
}

// silence makes a host stop answering.
func (w *cloud) silence(id schemas.HostID) { w.machines[id].alive = false }

// comeBack makes a host answer again; it does what came meanwhile and has not expired.
func (w *cloud) comeBack(id schemas.HostID) {
	m := w.machines[id]
	if m.off {
		return
	}
	m.alive = true
	w.beat(m)
	waiting := m.backlog
	m.backlog = nil
	for _, e := range waiting {
		if s, ok := e.message.(*schemas.Step); ok && w.now.Before(e.at.Add(s.Timeout)) {
			w.send(e)
		}
	}
	w.drain()
}

// fence is an operator's word that a host is off, which is true.
func (w *cloud) fence(id schemas.HostID) {
	m := w.machines[id]
	m.alive, m.off, m.backlog = false, true, nil
	w.send(envelope{to: id.Ref(), message: &schemas.Fence{V: 1, Host: id, Cluster: m.cluster}, durable: true})
	w.drain()
}

// arrive takes a step from the host's queue.
func (m *physical) arrive(s schemas.Step, e envelope) {
	if m.off {
		return
	}
	if !m.alive {
		m.backlog = append(m.backlog, e)
		return
	}
	failure := m.once(&s)
	o := &schemas.Outcome{
		V: 1, Operation: s.Operation, Name: s.Name, Attempt: s.Attempt, Host: m.id, Copy: s.Params.Copy, Actor: s.Actor, Account: s.Account,
		Failure: failure,
	}
	out := envelope{to: s.Actor, message: o, durable: true}
	next, more := s.Next()
	more = more && failure == nil
	switch struck := m.answers[s.ID()]; {
	case struck == outcomeTwice:
		m.w.send(out)
		m.w.send(out)
	case struck == outcomeLate:
		out.at = m.w.now.Add(s.Timeout + time.Minute)
		m.w.later = append(m.w.later, out)
	case struck == outcomeLeft && more: // the next one's says it
	default:
		m.w.send(out)
	}
	delete(m.answers, s.ID())
	if more {
		m.w.sendStep(next)
	}
}

// once does a step that was not done yet and is not overtaken.
func (m *physical) once(s *schemas.Step) *schemas.StepFailure {
	e := m.ledger[s.Actor]
	if e == nil {
		e = &ledgerEntry{}
		m.ledger[s.Actor] = e
	}
	if e.operation == s.Operation {
		if f, known := e.outcomes[s.ID()]; known {
			return f
		}
	}
	if s.Epoch < e.epoch || s.Epoch == e.epoch && s.Version < e.version {
		return failed(schemas.FailureFenced)
	}
	e.epoch, e.version = s.Epoch, s.Version
	if e.operation != s.Operation {
		e.operation, e.outcomes = s.Operation, map[string]*schemas.StepFailure{}
	}
	f := m.do(s)
	if reason, ok := m.faults[s.ID()]; ok {
		f = failed(reason)
	}
	e.outcomes[s.ID()] = f
	return f
}

func failed(r schemas.FailureReason) *schemas.StepFailure {
	return &schemas.StepFailure{Reason: r, Message: string(r)}
}

// do is the step itself. A step that is made to fail is tried too, as a host does that fails at its end.
func (m *physical) do(s *schemas.Step) *schemas.StepFailure {
	key := keyOf(s.Params.Server, s.Params.Copy)
	g := m.copies[key]
	switch s.Name {
	case schemas.StepFetchImage:
		return m.hasImage(s.Params.Image)
	case schemas.StepCreateDisk:
		if f := m.hasImage(s.Params.Image); f != nil {
			return f
		}
		m.copies[key] = &guest{image: s.Params.Image, snapshots: map[schemas.OperationID]bool{}, current: true, public: s.Params.Public}
		return nil
	case schemas.StepStop:
		if g != nil && m.faults[s.ID()] == "" {
			g.on = false
		}
		return nil
	case schemas.StepWipe:
		if g != nil && g.on {
			m.w.t.Errorf("%s: server %d copy %d is wiped while it runs; %s", m.w.name, s.Params.Server, s.Params.Copy, m.w.trace())
		}
		if m.faults[s.ID()] == "" {
			delete(m.copies, key)
		}
		return nil
	case schemas.StepRemove:
		if m.faults[s.ID()] == "" {
			delete(m.w.files, s.Params.Image)
		}
		return nil
	case schemas.StepCopy, schemas.StepCopyDelta:
		return m.copyFrom(s, key)
	case schemas.StepSave:
		return m.save(s, g)
	default:
		return m.inside(s, key, g)
	}
}

// inside are the steps that need the copy.
func (m *physical) inside(s *schemas.Step, key copyKey, g *guest) *schemas.StepFailure {
	if g == nil {
		return failed(schemas.FailureMissing)
	}
	switch s.Name {
	case schemas.StepStart, schemas.StepRestartHard, schemas.StepRestartSoft:
		if m.faults[s.ID()] == "" {
			m.powerOn(key, g)
		}
	case schemas.StepSnapshot:
		g.snapshots[s.Operation] = true
	case schemas.StepShareIP, schemas.StepUnshareIP:
		if m.faults[s.ID()] == "" {
			g.public = s.Params.Public
		}
	case schemas.StepProbe:
		return m.probe(s, g)
	case schemas.StepSetPassword:
		if !g.on {
			return failed(schemas.FailureFault)
		}
	default:
		return failed(schemas.FailureUnknown)
	}
	return nil
}

// probe is one look at a guest: the cloud's tests say what it finds.
func (m *physical) probe(s *schemas.Step, g *guest) *schemas.StepFailure {
	why := "it is off"
	if g.on {
		why = m.w.sick(s.Attempt)
	}
	if why == "" {
		return nil
	}
	return &schemas.StepFailure{Reason: schemas.FailureUnhealthy, Message: why}
}

// powerOn checks the law that outranks all others: one powered-on home per server.
func (m *physical) powerOn(key copyKey, g *guest) {
	for _, other := range m.w.machines {
		for k, h := range other.copies {
			if h.on && !other.off && k.server() == key.server() && h != g {
				m.w.t.Errorf("%s: server %d runs twice: copy %d on host %d and %d on host %d; %s",
					m.w.name, key.server(), copyOf(k), other.id, copyOf(key), m.id, m.w.trace())
			}
		}
	}
	if !g.current {
		m.w.t.Errorf("%s: server %d is started without its latest data; %s", m.w.name, key.server(), m.w.trace())
	}
	g.on = true
}

func copyOf(k copyKey) int { return int(k & 0xffffffff) }

func (m *physical) hasImage(id schemas.ImageID) *schemas.StepFailure {
	if _, saved := m.w.files[id]; saved || m.w.rules.BaseImages[id] {
		return nil
	}
	return failed(schemas.FailureNoImage)
}

// copyFrom brings the source's disk here, with delta what changed since the snapshot.
func (m *physical) copyFrom(s *schemas.Step, key copyKey) *schemas.StepFailure {
	source := m.w.machines[s.Params.SourceHost]
	from := source.copies[keyOf(s.Params.Server, s.Params.SourceCopy)]
	switch {
	case source.off || !source.alive:
		return failed(schemas.FailureFault)
	case from == nil:
		return failed(schemas.FailureMissing)
	case s.Name == schemas.StepCopy && !from.snapshots[s.Operation]:
		return failed(schemas.FailureMissing)
	case s.Name == schemas.StepCopy:
		m.copies[key] = &guest{image: from.image, snapshots: map[schemas.OperationID]bool{}, public: s.Params.Public}
	case m.copies[key] == nil:
		return failed(schemas.FailureMissing)
	case from.on:
		return failed(schemas.FailureFault)
	default:
		m.copies[key].current = true
	}
	return nil
}

func (m *physical) save(s *schemas.Step, g *guest) *schemas.StepFailure {
	if m.w.files[s.Params.Image] == s.Operation {
		return nil
	}
	if g == nil || !g.snapshots[s.Operation] {
		return failed(schemas.FailureMissing)
	}
	m.w.files[s.Params.Image] = s.Operation
	return nil
}
