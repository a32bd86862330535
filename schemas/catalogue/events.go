package catalogue

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// event is what may happen to sources of one kind; each of its phases is a type of event.
type event struct {
	Name   string // "server.resize"
	Source schemas.ActorKind
	Phases []string
	Says   string
	// Actions are those that its operation may be of; none: it has no operation.
	Actions []schemas.Action
	// Alone: it may have no operation, too.
	Alone bool
	// Backup is how it tells of a backup.
	Backup presence
	// Error: it may have one beside those phases that always do.
	Error bool
}

// presence is whether a member is there.
type presence int

const (
	never presence = iota
	maybe
	always
)

// What phases an event has. Source: docs/events.md.
var (
	worked    = []string{"start", "progress", "end", "error", "cancelled"} // on a host, step by step
	tornDown  = []string{"start", "end"}                                   // on a host, until it is done
	decided   = []string{"end"}                                            // without a host
	unphased  = []string{""}                                               // without an operation
	succeeded = map[string]string{
		"start": "It has begun.", "progress": "What is shown has changed on the way.", "end": "It has succeeded.", "error": "It has failed.",
		"cancelled": "It was overtaken by another one.", "": "",
	}
)

// events are all that there are.
var events = []event{
	operationOf(schemas.ServerCreate, worked, "A server is created."),
	operationOf(schemas.ServerUpdate, worked, "A server gets another name or password."),
	{Name: "server.update", Source: schemas.ActorServer, Phases: unphased, Says: "A server has changed without an operation of its own."},
	operationOf(schemas.ServerDelete, tornDown, "A server is deleted."),
	operationOf(schemas.ServerReboot, worked, "A server is rebooted."),
	operationOf(schemas.ServerRebuild, worked, "A server is made anew from an image."),
	operationOf(schemas.ServerResize, worked, "A server gets another flavor."),
	operationOf(schemas.ServerResizeConfirm, tornDown, "A resize is confirmed."),
	operationOf(schemas.ServerResizeRevert, worked, "A resize is reverted."),
	operationOf(schemas.ServerShareIP, worked, "A server gets a public address of another one."),
	operationOf(schemas.ServerUnshareIP, worked, "A shared address is taken from a server."),
	operationOf(schemas.ServerSuspend, decided, "An operator suspends a server."),
	operationOf(schemas.ServerResume, decided, "An operator resumes a server."),
	operationOf(schemas.ServerRescue, decided, "An operator puts a server into rescue mode."),
	operationOf(schemas.ServerUnrescue, decided, "An operator takes a server out of rescue mode."),
	{
		Name: "server.cancel", Source: schemas.ActorServer, Phases: tornDown, Says: "An operation of a server is cancelled.",
		Actions: []schemas.Action{schemas.OperationCancel},
	},
	{Name: "server.backup.missed", Source: schemas.ActorServer, Phases: unphased, Says: "A backup was not made.", Backup: always, Error: true},
	{Name: "server.backup.rotated", Source: schemas.ActorServer, Phases: unphased, Says: "A backup has replaced the one before.", Backup: always},
	{
		Name: "server.backup_schedule", Source: schemas.ActorServer, Phases: decided, Says: "A backup schedule was set or disabled.",
		Actions: []schemas.Action{schemas.BackupSet, schemas.BackupDisable},
	},
	{
		Name: "image.create", Source: schemas.ActorImage, Phases: worked, Says: "An image is made of a server.", Actions: []schemas.Action{schemas.ServerImage},
		Backup: maybe,
	},
	{
		Name: "image.delete", Source: schemas.ActorImage, Phases: tornDown, Says: "An image is deleted, by itself or with its server.",
		Actions: []schemas.Action{schemas.ImageDelete}, Alone: true,
	},
	{
		Name: "image.cancel", Source: schemas.ActorImage, Phases: tornDown, Says: "The making of an image is cancelled.",
		Actions: []schemas.Action{schemas.OperationCancel},
	},
	groupOf(schemas.SharedIPGroupCreate, "A shared IP group was created."),
	groupOf(schemas.SharedIPGroupDelete, "A shared IP group was deleted."),
	{Name: "shared_ip_group.member_added", Source: schemas.ActorGroup, Phases: unphased, Says: "A server has joined a group."},
	{Name: "shared_ip_group.member_removed", Source: schemas.ActorGroup, Phases: unphased, Says: "A server has left a group."},
	{Name: "host.add", Source: schemas.ActorHost, Phases: unphased, Says: "A host is there for the first time."},
	{Name: "host.lost", Source: schemas.ActorHost, Phases: unphased, Says: "A host is silent."},
	{Name: "host.back", Source: schemas.ActorHost, Phases: unphased, Says: "A lost host speaks again."},
	{Name: "host.fence", Source: schemas.ActorHost, Phases: unphased, Says: "An operator vouches that a host is off for good."},
}

func operationOf(a schemas.Action, phases []string, says string) event {
	return event{Name: string(a), Source: schemas.ActorServer, Phases: phases, Says: says, Actions: []schemas.Action{a}}
}

func groupOf(a schemas.Action, says string) event {
	return event{Name: string(a), Source: schemas.ActorGroup, Phases: decided, Says: says, Actions: []schemas.Action{a}}
}

// paths are those under which the kinds of sources speak.
var paths = map[schemas.ActorKind]string{
	schemas.ActorServer: "servers", schemas.ActorImage: "images", schemas.ActorGroup: "shared_ip_groups", schemas.ActorHost: "hosts",
}

func (e *event) message(phase string) Message {
	m := Message{Family: Events, Name: e.Name, Operators: e.Source == schemas.ActorHost, Says: e.Says}
	if phase != "" {
		m.Name += "." + phase
		m.Says += " " + succeeded[phase]
	}
	key := string(e.Source) + "-" + numberForm
	properties := Schema{
		"specversion": exactly("1.0"), "type": exactly(m.Type()), "dataschema": exactly(m.Path()),
		"id":           pattern("^" + key + "-" + numberForm + "$").says("the source and the number: the same whenever it is sent"),
		"source":       pattern("^/ozone/" + paths[e.Source] + "/" + numberForm + "$"),
		"partitionkey": pattern("^" + key + "$"),
		"sequence":     pattern("^[0-9]{20}$").says("counts from 1 for each source, without a gap"),
		"time":         plain[typeOf[time.Time]()], "recordedtime": plain[typeOf[time.Time]()],
		"causationid": plain[typeOf[schemas.OperationID]()].says("the operation whose command led to it"),
		"traceparent": pattern(traceForm),
		"data":        e.data(phase),
	}
	required := []string{"specversion", "id", "source", "type", "time", "recordedtime", "sequence", "partitionkey", "dataschema", "data"}
	if len(e.Actions) > 0 {
		properties["subject"] = pattern("^operations/" + operationForm + "$")
		properties["correlationid"] = plain[typeOf[schemas.OperationID]()].says("its operation")
		if !e.Alone {
			required = append(required, "subject", "correlationid")
		}
	}
	if !m.Operators {
		properties["ozaccount"] = pattern("^" + numberForm + "$")
		required = append(required, "ozaccount")
	}
	m.Body = object(properties, required...)
	m.Example = e.example(&m, phase)
	return m
}

// data is what an event says of its source.
func (e *event) data(phase string) Schema {
	kind := string(e.Source)
	properties, required := Schema{kind: orNull(ref(kind)).says("as it is shown from now on; null: no more"), "before": ref(kind + "Before")}, []string{kind}
	if len(e.Actions) > 0 {
		operation := of(typeOf[schemas.EventOperation]())
		members, _ := operation["properties"].(Schema)
		words := make([]string, len(e.Actions))
		for i, a := range e.Actions {
			words[i] = string(a)
		}
		members["action"] = oneOf(words...)
		properties["operation"] = operation
		if !e.Alone {
			required = append(required, "operation")
		}
	}
	failed := phase == "error" || phase == "cancelled"
	if failed || e.Error {
		properties["error"] = ref("error")
	}
	if failed {
		required = append(required, "error")
	}
	if e.Backup != never {
		properties["backup"] = ref("backup")
	}
	if e.Backup == always {
		required = append(required, "backup")
	}
	return object(properties, required...)
}

// example is an event of this type, as somebody might get it.
func (e *event) example(m *Message, phase string) schemas.Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	key := string(e.Source) + "-1234"
	x := schemas.Event{
		SpecVersion: "1.0", ID: key + "-17", Source: "/ozone/" + paths[e.Source] + "/1234", Type: m.Type(), Time: at, RecordedTime: at,
		Sequence: fmt.Sprintf("%020d", 17), PartitionKey: key, DataSchema: m.Path(),
	}
	if !m.Operators {
		x.Account = "1001"
	}
	if shown := x.Data.Of(e.Source); shown != nil {
		*shown = view(e.Source, "ACTIVE")
	}
	if len(e.Actions) > 0 {
		x.Subject, x.CorrelationID, x.CausationID = "operations/"+string(example), example, string(example)
		x.Data.Operation = &schemas.EventOperation{ID: example, Action: e.Actions[0], Percent: 100}
		if phase == "start" || phase == "progress" {
			x.Data.Operation.Step, x.Data.Operation.StepIndex, x.Data.Operation.StepCount, x.Data.Operation.Attempt = "start", 1, 3, 1
			x.Data.Operation.Percent = 40
		}
	}
	if phase == "error" || phase == "cancelled" || e.Error {
		x.Data.Error = &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: "step start failed", Retryable: true}
	}
	if e.Backup == always {
		x.Data.Backup = &schemas.BackupFact{BackupSlot: schemas.BackupSlot{Kind: schemas.BackupDaily, Start: at.Truncate(2 * time.Hour)}}
	}
	return x
}

// view is a source as examples show it.
func view(kind schemas.ActorKind, status string) json.RawMessage {
	switch kind {
	case schemas.ActorImage:
		return json.RawMessage(`{"id":1234,"name":"kept","serverId":1200,"updated":"2026-01-02T03:04:05Z","created":"2026-01-02T03:04:05Z","status":"ACTIVE","progress":100}`)
	case schemas.ActorGroup:
		return json.RawMessage(`{"id":1234,"name":"pair","servers":[1200]}`)
	case schemas.ActorHost:
		return json.RawMessage(`{"id":1234,"cluster":1,"name":"h1","state":"up","ram":65536,"disk":2000}`)
	default:
		return json.RawMessage(`{"id":1234,"name":"web","imageId":1,"flavorId":1,"hostId":"0123456789abcdef0123456789abcdef","status":"` + status + `",` +
			`"progress":100,"addresses":{"public":["198.18.0.1"],"private":["10.0.0.1"]},"metadata":{}}`)
	}
}
