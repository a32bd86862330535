package schemas

import (
	"encoding/json"
	"time"
)

// Event is a fact about one source, numbered without gaps per source. Its shape is CloudEvents 1.0.
type Event struct {
	SpecVersion   string          `json:"specversion"`
	ID            string          `json:"id"`     // "server-1234-17": the same on every re-send
	Source        string          `json:"source"` // "/ozone/servers/1234"
	Type          string          `json:"type"`   // "ozone.server.resize.end"
	Subject       string          `json:"subject,omitempty"`
	Time          time.Time       `json:"time"`
	RecordedTime  time.Time       `json:"recordedtime"`
	Sequence      string          `json:"sequence"` // 20 digits
	PartitionKey  string          `json:"partitionkey"`
	CorrelationID OperationID     `json:"correlationid,omitempty"`
	CausationID   string          `json:"causationid,omitempty"`
	DataSchema    string          `json:"dataschema"`
	Account       string          `json:"ozaccount,omitempty"`
	Data          json.RawMessage `json:"data"`
}
