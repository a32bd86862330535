package schemas

import "time"

// Action is what a command does to its target; the same words name operations, events and AMQP types.
type Action string

// The actions. Adding one needs a row in the tables of its actor and of the edge.
const (
	ServerCreate        Action = "server.create"
	ServerUpdate        Action = "server.update"
	ServerDelete        Action = "server.delete"
	ServerReboot        Action = "server.reboot"
	ServerRebuild       Action = "server.rebuild"
	ServerResize        Action = "server.resize"
	ServerResizeConfirm Action = "server.resize_confirm"
	ServerResizeRevert  Action = "server.resize_revert"
	ServerImage         Action = "server.image"
	ServerShareIP       Action = "server.share_ip"
	ServerUnshareIP     Action = "server.unshare_ip"
	ImageDelete         Action = "image.delete"
	SharedIPGroupCreate Action = "shared_ip_group.create"
	SharedIPGroupDelete Action = "shared_ip_group.delete"
	BackupSet           Action = "backup_schedule.set"
	BackupDisable       Action = "backup_schedule.disable"
	OperationCancel     Action = "operation.cancel"

	// ServerSuspend and the three below are the operator's: no v1.0 request makes them.
	ServerSuspend  Action = "server.suspend"
	ServerResume   Action = "server.resume"
	ServerRescue   Action = "server.rescue"
	ServerUnrescue Action = "server.unrescue"
)

// OperationState is where an operation stands.
type OperationState string

// The states of an operation. Source: docs/api.md.
const (
	OperationQueued    OperationState = "queued"    // not decided yet
	OperationAdmitting OperationState = "admitting" // decided but for the cluster; shown as queued
	OperationRunning   OperationState = "running"
	OperationSucceeded OperationState = "succeeded"
	OperationFailed    OperationState = "failed"
	OperationCancelled OperationState = "cancelled"
	OperationRejected  OperationState = "rejected" // refused at admission: never accepted
	OperationExpired   OperationState = "expired"  // not decided in time: never accepted
)

// Terminal tells whether an operation in state s has ended.
func (s OperationState) Terminal() bool {
	switch s {
	case OperationSucceeded, OperationFailed, OperationCancelled, OperationRejected, OperationExpired:
		return true
	default:
		return false
	}
}

// Accepted tells whether a command whose operation is in state s was accepted.
func (s OperationState) Accepted() bool {
	switch s {
	case OperationRunning, OperationSucceeded, OperationFailed, OperationCancelled:
		return true
	default:
		return false
	}
}

// Operation is the public record of one command that reached an actor.
type Operation struct {
	ID        OperationID     `json:"id"`
	Account   AccountID       `json:"-"`
	Action    Action          `json:"action"`
	State     OperationState  `json:"state"`
	Target    Ref             `json:"target"`
	Step      StepName        `json:"step"` // "" when no step is under way
	StepIndex int             `json:"step_index"`
	StepCount int             `json:"step_count"`
	Attempt   int             `json:"attempt"`
	Percent   int             `json:"percent"`
	Created   time.Time       `json:"created"`
	Updated   time.Time       `json:"updated"`
	Deadline  *time.Time      `json:"deadline"`
	Ended     *time.Time      `json:"ended"`
	Error     *OperationError `json:"error"`
	// Reason is why Ozone has begun it by itself, fit for the tenant; "": a command did.
	Reason string `json:"reason,omitempty"`
	// TraceParent is the W3C trace context that the command came with; tenants see it in events.
	TraceParent string `json:"traceparent,omitempty"`
}

// OperationError says why an operation did not succeed, fit for the tenant.
type OperationError struct {
	Fault     Fault  `json:"fault"`
	Message   string `json:"message"`
	Details   string `json:"details,omitempty"`
	Retryable bool   `json:"retryable"`
}

// Answer is the decision of admission, as it goes to the edge and as the operation keeps it.
// Exactly one of Fault and acceptance holds: a nil Fault means accepted.
type Answer struct {
	V         int         `json:"v"`
	Operation OperationID `json:"operation"` // of the first command when this one repeated its key
	Target    Ref         `json:"target"`
	Repeated  bool        `json:"repeated,omitempty"`
	Fault     *Error      `json:"fault,omitempty"`
	// Representation is the object in v1.0 detail form without its envelope, without adminPass;
	// only creates have one.
	Representation []byte `json:"representation,omitempty"`
	// Forecast is there in the answer to a dry run that would be accepted.
	Forecast *Forecast `json:"forecast,omitempty"`
}
