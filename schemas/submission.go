package schemas

import "encoding/json"

// The types of messages on the tenants' bus beside those of commands, which are their actions.
const (
	TypeCommandAccepted = "command.accepted"
	TypeCommandRejected = "command.rejected"
)

// CommandAccepted is the answer to a command that came over the tenants' bus and was accepted.
type CommandAccepted struct {
	Operation OperationID `json:"operation"` // of the first command when this one repeated its message id
	Target    Ref         `json:"target"`
	// Representation is the new object of a create in v1.0 detail form, without envelope and password.
	Representation json.RawMessage `json:"representation,omitempty"`
}

// CommandRejected is the answer to one that was refused, in the words of a v1.0 fault.
type CommandRejected struct {
	Fault      Fault  `json:"fault"`
	Message    string `json:"message"`
	Details    string `json:"details,omitempty"`
	RetryAfter int64  `json:"retry_after,omitempty"` // seconds; absent: do not say
}
