package core

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/schemas/catalogue"
)

// unit is what one turn decided, in order.
type unit struct {
	cells   map[schemas.Ref]actor
	decided []decision
}

type decision struct {
	ref  schemas.Ref
	e    Effects
	next actor
}

// turn takes one message through its actors, commits what they decided and sends what they said.
func (w *cloud) turn(e envelope) {
	var strikes action
	if _, beat := e.message.(*schemas.Heartbeat); !beat {
		strikes = w.strike(aTurn, w.nameOf(e))
	}
	u := w.decideAll(e)
	if strikes == crashBefore {
		w.again(e)
		w.crash()
		return
	}
	w.commit(u)
	if strikes == crashAfter {
		w.again(e)
		w.crash()
		return
	}
	w.tellAll(u)
}

// again keeps a delivery that was not acknowledged.
func (w *cloud) again(e envelope) {
	if e.durable {
		w.queue = append([]envelope{e}, w.queue...)
	}
}

// nameOf names a turn by what began it.
func (w *cloud) nameOf(e envelope) string {
	switch m := e.message.(type) {
	case *schemas.Command:
		return "command " + string(m.Action)
	case *schemas.Outcome:
		return "outcome " + w.labels[outcomeID(m)]
	case Wake:
		return "wake " + string(e.to.Kind)
	case Resume:
		return "resume " + string(e.to.Kind)
	default:
		return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", m), "*schemas."))
	}
}

func (w *cloud) decideAll(e envelope) *unit {
	u := &unit{cells: map[schemas.Ref]actor{}}
	work := []Told{{To: e.to, Message: e.message}}
	if c, ok := e.message.(*schemas.Command); ok {
		work[0] = Told{To: c.To(), Message: w.admit(c)}
	}
	for len(work) > 0 {
		told := work[0]
		work = work[1:]
		if a, ok := told.Message.(*Admit); ok && a.NewImage == 0 { // an actor's own
			a.NewServer, a.NewImage, a.NewGroup = w.rows.nextServer, w.rows.nextImage, w.rows.nextGroup
		}
		c := u.cells[told.To]
		if c == nil {
			if c = w.cells[told.To]; c == nil {
				c = w.load(told.To)
			}
		}
		in := Input{Now: w.now, Rules: &w.rules}
		if MayOpen(told.Message) {
			in.NewOperation = w.newID("auto")
		}
		next, effects, err := c.tell(told.Message, in)
		if err != nil {
			w.t.Fatalf("%s: %s told %T: %v; %s", w.name, told.To, told.Message, err, w.trace())
		}
		if told.To.Kind == schemas.ActorCluster {
			w.clusterIndex(schemas.ClusterID(told.To.ID)).Apply(&effects, w.now)
		}
		w.stamp(effects.Steps, told.To, next)
		u.cells[told.To] = next
		u.decided = append(u.decided, decision{told.To, effects, next})
		work = append(work, effects.Tell...)
	}
	return u
}

// admit adds to a command what the store knows of it.
func (w *cloud) admit(c *schemas.Command) *Admit {
	a := &Admit{Command: c, NewServer: w.rows.nextServer, NewImage: w.rows.nextImage, NewGroup: w.rows.nextGroup}
	if o := w.rows.ops[c.Params.Operation]; o != nil && !o.op.State.Terminal() {
		a.Subject = o.op.Target
	}
	if o := w.rows.ops[c.ID]; o != nil {
		a.Known.Open = len(o.answers) == 0
		if !a.Known.Open {
			a.Known.Same = &o.answers[0]
		}
	}
	if k, ok := w.rows.keys[string(c.Key)]; ok && len(c.Key) > 0 {
		a.Known.KeyOperation, a.Known.KeyDigest = k.Operation, k.Digest
		if o := w.rows.ops[k.Operation]; len(o.answers) > 0 {
			a.Known.KeyAnswer = &o.answers[0]
		}
	}
	return a
}

// stamp gives steps the fence and a label that says which row of which plan they are.
func (w *cloud) stamp(steps []schemas.Step, ref schemas.Ref, next actor) {
	for i := range steps {
		s := &steps[i]
		s.Epoch, s.Version = w.epoch, next.row().version
		label := "cleanup/" + string(s.Name)
		switch v := next.value().(type) {
		case schemas.Server:
			if v.Probe != nil && s.Name == schemas.StepProbe {
				label = "probe/probe"
			}
			if c := v.Cursor; c != nil && c.Operation == s.Operation && c.Step == s.Name && s.Host == hostOf(&v, c) {
				label = c.Plan + "/" + string(s.Name)
			}
		case schemas.Image:
			label = v.Cursor.Plan + "/" + string(s.Name)
		}
		if s.Actor != ref {
			w.t.Errorf("%s: step %s of %s is sent by %s", w.name, s.ID(), s.Actor, ref)
		}
		plan, _, _ := strings.Cut(label, "/")
		for link, more := *s, true; more; link, more = link.Next() {
			w.labels[link.ID()] = plan + "/" + string(link.Name)
		}
	}
}

func hostOf(s *schemas.Server, c *schemas.Cursor) schemas.HostID {
	row, _, ok := stepOf(c.Plan, c.Step)
	if ok && row.At == atOther {
		return s.Other.Host
	}
	return s.Home.Host
}

// commit makes a unit durable, whole.
func (w *cloud) commit(u *unit) {
	for i := range u.decided {
		d := &u.decided[i]
		w.commitState(d)
		w.commitOperations(d)
		w.commitRows(&d.e)
	}
	for ref, c := range u.cells {
		if _, ok := w.rows.states[ref]; ok {
			w.cells[ref] = c
		} else {
			delete(w.cells, ref)
		}
	}
}

func (w *cloud) commitState(d *decision) {
	w.changeLaw(d)
	if d.e.Save {
		w.rows.states[d.ref] = d.next.row()
	}
	if d.e.Save && d.e.Remove {
		delete(w.rows.states, d.ref)
	}
	for _, ev := range d.e.Events {
		list := w.rows.events[d.ref]
		if ev.Sequence != int64(len(list))+1 {
			w.t.Errorf("%s: event %d of %s has sequence %d", w.name, len(list)+1, d.ref, ev.Sequence)
		}
		if !knownEvents[typeOf(&ev)] {
			w.t.Errorf("%s: %s has the event %s, which package catalogue lacks", w.name, d.ref, typeOf(&ev))
		}
		w.rows.events[d.ref] = append(list, ev)
	}
}

func (w *cloud) commitOperations(d *decision) {
	for _, op := range d.e.Open {
		if op.ID == "" || w.rows.ops[op.ID] != nil {
			w.t.Errorf("%s: operation %q opened twice or without id; %s", w.name, op.ID, w.trace())
			continue
		}
		o := &opRow{op: op.Operation, payload: op.Payload}
		if op.State.Terminal() {
			o.terminals++
		}
		w.rows.ops[op.ID] = o
		w.rows.order = append(w.rows.order, op.ID)
	}
	for _, p := range d.e.Progress {
		o := w.rows.ops[p.Operation]
		if o == nil || o.op.State.Terminal() {
			w.t.Errorf("%s: progress %+v of an operation that is not open; %s", w.name, p, w.trace())
			continue
		}
		if o.op.Action == schemas.ServerResizeRevert && p.Percent < o.op.Percent {
			w.t.Errorf("%s: a revert goes from %d %% back to %d %% with %s; %s", w.name, o.op.Percent, p.Percent, p.Step, w.trace())
		}
		o.op.State, o.op.Error, o.op.Percent, o.op.Step = p.State, p.Error, p.Percent, p.Step
		if p.State.Terminal() {
			o.terminals++
		}
	}
	for _, a := range d.e.Answers {
		o := w.rows.ops[a.Answer.Operation]
		if o == nil || a.Answer.Repeated {
			continue
		}
		if len(o.answers) > 0 && string(toJSON(w.t, o.answers[0])) == string(toJSON(w.t, a.Answer)) {
			continue // the first answer again, for a command that came again
		}
		o.answers = append(o.answers, a.Answer)
	}
	for _, k := range d.e.Keys {
		w.rows.keys[string(k.Hash)] = k
	}
}

func (w *cloud) commitRows(e *Effects) {
	for _, kind := range e.Used {
		switch kind {
		case schemas.ActorServer:
			w.rows.nextServer++
		case schemas.ActorImage:
			w.rows.nextImage++
		default:
			w.rows.nextGroup++
		}
	}
	for _, r := range e.Reservations {
		w.rows.reservations[keyOf(r.Server, r.Copy)] = r
	}
	for _, a := range e.Addresses {
		if old := w.rows.addresses[a.IP]; a.Server != 0 && (old.Server != 0 || old.FreeAt.After(w.now)) {
			w.t.Errorf("%s: address %s of server %d given to server %d", w.name, a.IP, old.Server, a.Server)
		}
		w.rows.addresses[a.IP] = a
		if a.Server == 0 {
			w.nobodyAnswers(a.IP)
		}
	}
	for _, r := range e.Ask {
		if w.rows.outbox[r.ID] == nil {
			w.rows.outboxOrder = append(w.rows.outboxOrder, r.ID)
		}
		w.rows.outbox[r.ID] = &outboxRow{request: r, sentAt: w.now}
	}
	for _, id := range e.Answered {
		delete(w.rows.outbox, id)
		w.rows.outboxOrder = slices.DeleteFunc(w.rows.outboxOrder, func(x string) bool { return x == id })
	}
}

// tellAll sends what a committed unit says.
func (w *cloud) tellAll(u *unit) {
	for i := range u.decided {
		e := &u.decided[i].e
		for _, r := range e.Ask {
			w.sendLetter(r.Message)
		}
		for _, l := range e.Letters {
			w.sendLetter(l.Message)
		}
		for _, s := range e.Steps {
			w.sendStep(s)
		}
	}
}

// sendLetter puts a message between shards on its way; it is lost with the node.
func (w *cloud) sendLetter(m schemas.Message) {
	e := envelope{to: m.To(), message: m}
	switch w.strike(aLetter, w.nameOf(e)) {
	case drop:
	case twice:
		w.send(e)
		w.send(e)
	case late:
		e.at = w.now.Add(10 * time.Minute)
		e.durable = true
		w.later = append(w.later, e)
	case holdBack:
		w.held = append(w.held, e)
	default:
		w.send(e)
	}
}

// sendStep puts a step into its host's queue. Its payload must still be there when it wants one.
func (w *cloud) sendStep(s schemas.Step) {
	if s.Params.WantsPayload && s.Params.Payload == nil {
		o := w.rows.ops[s.Operation]
		if s.Params.Payload = o.payload; s.Params.Payload == nil || o.op.State.Terminal() {
			w.t.Errorf("%s: the payload of step %s is gone", w.name, s.ID())
			return
		}
	}
	e := envelope{to: s.Host.Ref(), message: &s, durable: true, at: w.now}
	struck := w.strike(aStep, w.labels[s.ID()])
	if w.onStep != nil {
		w.onStep(&s)
	}
	switch struck {
	case drop:
	case twice:
		w.send(e)
		w.send(e)
	case late:
		e.at = w.now.Add(s.Timeout + time.Minute)
		w.later = append(w.later, e)
	case holdBack:
		w.held = append(w.held, e)
	case fail:
		w.machines[s.Host].faults[s.ID()] = schemas.FailureFault
		w.send(e)
	case failHard:
		w.machines[s.Host].faults[s.ID()] = schemas.FailureNoSpace
		w.send(e)
	case silentBack:
		w.silence(s.Host)
		w.silent = append(w.silent, func() { w.comeBack(s.Host) })
		w.send(e)
	case silentFenced:
		w.silence(s.Host)
		w.silent = append(w.silent, func() { w.fence(s.Host) })
		w.send(e)
	case outcomeTwice, outcomeLate, outcomeLeft:
		w.machines[s.Host].answers[s.ID()] = struck
		w.send(e)
	default:
		w.sendSlowly(e)
	}
}

// sendSlowly lets a step take its time; the host's queue keeps the order.
func (w *cloud) sendSlowly(e envelope) {
	if w.slow == nil {
		w.send(e)
		return
	}
	e.at = w.now.Add(w.slow())
	for _, before := range w.later {
		if before.to == e.to && before.at.After(e.at) {
			e.at = before.at
		}
	}
	w.later = append(w.later, e)
}

func (w *cloud) newID(prefix string) schemas.OperationID {
	w.counter++
	return schemas.OperationID(fmt.Sprintf("%s-%d", prefix, w.counter))
}

func outcomeID(o *schemas.Outcome) string {
	s := schemas.Step{
		Operation: o.Operation, Actor: o.Actor, Name: o.Name, Host: o.Host, Attempt: o.Attempt, Params: schemas.StepParams{Copy: o.Copy},
	}
	return s.ID()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func sortedRefs(m map[schemas.Ref]actor) []schemas.Ref {
	return slices.SortedFunc(maps.Keys(m), func(a, b schemas.Ref) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
}

// knownEvents are the types of events that have a schema.
var knownEvents = func() map[string]bool {
	known := map[string]bool{}
	for _, m := range catalogue.All() {
		known[m.Type()] = m.Family == catalogue.Events
	}
	return known
}()

func typeOf(ev *Event) string {
	if ev.Phase == PhaseNone {
		return "ozone." + ev.Name
	}
	return "ozone." + ev.Name + "." + string(ev.Phase)
}
