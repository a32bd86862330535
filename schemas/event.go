package schemas

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// Event is a fact about one source, numbered without gaps per source. Its shape is CloudEvents 1.0. Source: docs/events.md.
type Event struct {
	SpecVersion   string      `json:"specversion"`
	ID            string      `json:"id"`                // "server-1234-17": the same on every re-send
	Source        string      `json:"source"`            // "/ozone/servers/1234"
	Type          string      `json:"type"`              // "ozone.server.resize.end"
	Subject       string      `json:"subject,omitempty"` // "operations/<id>"
	Time          time.Time   `json:"time"`
	RecordedTime  time.Time   `json:"recordedtime"`
	Sequence      string      `json:"sequence"` // 20 digits
	PartitionKey  string      `json:"partitionkey"`
	CorrelationID OperationID `json:"correlationid,omitempty"`
	CausationID   string      `json:"causationid,omitempty"` // of the command that caused it
	TraceParent   string      `json:"traceparent,omitempty"` // as its command came with it
	DataSchema    string      `json:"dataschema"`
	Account       string      `json:"ozaccount,omitempty"` // "": for operators only
	Data          EventData   `json:"data"`
}

// EventData is what an event says of its source.
type EventData struct {
	// The source as it is shown from now on, under the name of its kind alone; null: it is shown no more.
	Server json.RawMessage `json:"server,omitempty"`
	Image  json.RawMessage `json:"image,omitempty"`
	Group  json.RawMessage `json:"shared_ip_group,omitempty"`
	Host   json.RawMessage `json:"host,omitempty"`
	// Before has what changed with this event, as it was shown until then; absent when nothing did.
	Before    json.RawMessage `json:"before,omitempty"`
	Operation *EventOperation `json:"operation,omitempty"`
	Error     *OperationError `json:"error,omitempty"`
	Backup    *BackupFact     `json:"backup,omitempty"`
}

// Of is where the data has a source of that kind; nil: such sources have no events.
func (d *EventData) Of(kind ActorKind) *json.RawMessage {
	switch kind {
	case ActorServer:
		return &d.Server
	case ActorImage:
		return &d.Image
	case ActorGroup:
		return &d.Group
	case ActorHost:
		return &d.Host
	default:
		return nil
	}
}

// EventOperation is how far the operation of an event has come.
type EventOperation struct {
	ID        OperationID `json:"id"`
	Action    Action      `json:"action"`
	Step      StepName    `json:"step"`
	StepIndex int         `json:"step_index"`
	StepCount int         `json:"step_count"`
	Percent   int         `json:"percent"`
	Attempt   int         `json:"attempt"`
	Reason    string      `json:"reason,omitempty"` // why Ozone has begun it by itself
}

var traceForm = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// ValidTraceParent tells whether s is a trace context of version 00. Source: W3C Trace Context, "traceparent".
func ValidTraceParent(s string) bool {
	return traceForm.MatchString(s) && strings.Trim(s[3:35], "0") != "" && strings.Trim(s[36:52], "0") != ""
}
