package actors

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// sources are the paths under which the kinds of actors speak.
var sources = map[schemas.ActorKind]string{
	schemas.ActorServer: "servers", schemas.ActorImage: "images", schemas.ActorGroup: "shared_ip_groups", schemas.ActorHost: "hosts",
}

// addEvents puts the events of a decision into the unit, after what it did to its operations. All of them show the source
// as the decision left it; the first one says what it was before.
func (s *shard) addEvents(t *turn, d *decided) {
	cause := causeOf(t.item.message)
	for i := range d.effects.Events {
		row := s.eventRow(t, d, &d.effects.Events[i], cause)
		t.unit.rows.Events = append(t.unit.rows.Events, row)
		d.before = nil
	}
}

// eventRow is an event in its stored form: the same bytes on every re-send.
func (s *shard) eventRow(t *turn, d *decided, ev *core.Event, cause schemas.OperationID) storage.EventRow {
	id := strconv.FormatInt(d.ref.ID, 10)
	key := string(d.ref.Kind) + "-" + id
	name := ev.Name
	if ev.Phase != core.PhaseNone {
		name += "." + string(ev.Phase)
	}
	now := t.now.UTC().Truncate(time.Microsecond) // as the row has it
	e := schemas.Event{
		SpecVersion: "1.0", ID: key + "-" + strconv.FormatInt(ev.Sequence, 10), Source: "/ozone/" + sources[d.ref.Kind] + "/" + id,
		Type: "ozone." + name, Time: now, RecordedTime: now, Sequence: fmt.Sprintf("%020d", ev.Sequence), PartitionKey: key,
		CausationID: string(cause), DataSchema: "/schemas/events/" + name + "/1.json",
		Data: schemas.EventData{Before: d.before, Error: ev.Error, Backup: ev.Backup},
	}
	if d.account != 0 {
		e.Account = strconv.FormatInt(int64(d.account), 10)
	}
	if image := e.Data.Of(d.ref.Kind); d.rendered != nil {
		*image = d.rendered
	} else {
		*image = json.RawMessage("null")
	}
	s.nameOperation(&e, ev.Operation)
	body, err := json.Marshal(&e)
	if err != nil { // texts, numbers and JSON that was rendered before: it cannot happen
		s.engine.cfg.Log.Error("event cannot be rendered", "shard", int(s.id), "event", e.ID, "error", err)
	}
	return storage.EventRow{
		Ref: d.ref, Sequence: ev.Sequence, Account: d.account, Shard: s.id, Type: e.Type, Time: now, Body: body,
	}
}

// nameOperation says in an event which operation it is of, and how far that has come. One that nothing else caused
// was caused by the operation's own command.
func (s *shard) nameOperation(e *schemas.Event, id schemas.OperationID) {
	if id == "" {
		return
	}
	e.Subject, e.CorrelationID = "operations/"+string(id), id
	if e.CausationID == "" {
		e.CausationID = string(id)
	}
	e.Data.Operation = &schemas.EventOperation{ID: id}
	if o := s.ops[id]; o != nil {
		op := &o.row.Operation
		e.TraceParent = op.TraceParent
		*e.Data.Operation = schemas.EventOperation{
			ID: id, Action: op.Action, Step: op.Step, StepIndex: op.StepIndex, StepCount: op.StepCount, Percent: op.Percent, Attempt: op.Attempt,
			Reason: op.Reason,
		}
	}
}

// causeOf is the command behind a message; "": it is a timer's, or a host's own.
func causeOf(m any) schemas.OperationID {
	switch m := m.(type) {
	case *schemas.Command:
		return m.ID
	case *schemas.Outcome:
		return m.Operation
	case *schemas.Allocated:
		return m.Operation
	case *schemas.Released:
		return m.Operation
	default:
		return ""
	}
}
