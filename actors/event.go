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

// eventData is the data member of an event: the after-image as the tenant may see it, and why.
type eventData struct {
	Object    json.RawMessage         `json:"object"` // null once it is deleted
	Operation *eventOperation         `json:"operation,omitempty"`
	Error     *schemas.OperationError `json:"error,omitempty"`
	Backup    *schemas.BackupFact     `json:"backup,omitempty"`
}

// eventBody is an event with its data not rendered yet: one pass less.
type eventBody struct {
	*schemas.Event
	Data eventData `json:"data"` // hides the event's own
}

type eventOperation struct {
	ID schemas.OperationID `json:"id"`
}

// sources are the paths under which the kinds of actors speak.
var sources = map[schemas.ActorKind]string{
	schemas.ActorServer: "servers", schemas.ActorImage: "images", schemas.ActorGroup: "shared_ip_groups", schemas.ActorAccount: "accounts",
	schemas.ActorHost: "hosts", schemas.ActorCluster: "clusters",
}

// eventRow is an event in its stored form: the same bytes on every re-send.
func (c *cell[S]) eventRow(ev core.Event, account schemas.AccountID, rendered []byte, now time.Time) (storage.EventRow, error) {
	id := strconv.FormatInt(c.ref.ID, 10)
	name := ev.Name
	if ev.Phase != core.PhaseNone {
		name += "." + string(ev.Phase)
	}
	data := eventData{Object: rendered, Error: ev.Error, Backup: ev.Backup}
	if rendered == nil {
		data.Object = json.RawMessage("null")
	}
	e := schemas.Event{
		SpecVersion: "1.0", ID: string(c.ref.Kind) + "-" + id + "-" + strconv.FormatInt(ev.Sequence, 10),
		Source: "/ozone/" + sources[c.ref.Kind] + "/" + id, Type: "ozone." + name, Time: now, RecordedTime: now,
		Sequence: fmt.Sprintf("%020d", ev.Sequence), PartitionKey: string(c.ref.Kind) + "-" + id,
		DataSchema: "/schemas/events/" + name + "/1.json",
	}
	if account != 0 {
		e.Account = strconv.FormatInt(int64(account), 10)
	}
	if ev.Operation != "" {
		e.Subject, e.CorrelationID, e.CausationID = "operations/"+string(ev.Operation), ev.Operation, string(ev.Operation)
		data.Operation = &eventOperation{ev.Operation}
	}
	body, err := json.Marshal(eventBody{&e, data})
	if err != nil {
		return storage.EventRow{}, fmt.Errorf("render event: %w", err)
	}
	return storage.EventRow{
		Ref: c.ref, Sequence: ev.Sequence, Account: account, Shard: c.shard, Type: e.Type, Time: now, Body: body,
	}, nil
}

// renderJSON is v as JSON, nil for a nil view.
func renderJSON(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case *schemas.ServerView:
		if v == nil {
			return nil, nil
		}
	case *schemas.ImageView:
		if v == nil {
			return nil, nil
		}
	case *schemas.GroupView:
		if v == nil {
			return nil, nil
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("render state: %w", err)
	}
	return b, nil
}
