package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MessageType names a message on the internal bus.
type MessageType string

// The types of messages between edges, shards and host agents.
const (
	TypeCommand   MessageType = "command"        // Command: edge to account shard
	TypeAnswer    MessageType = "answer"         // Answer: account shard to edge
	TypeStep      MessageType = "step"           // Step: shard to host agent
	TypeOutcome   MessageType = "outcome"        // Outcome: host agent to shard
	TypeHeartbeat MessageType = "host.heartbeat" // Heartbeat: host agent to cluster shard
	TypeAllocate  MessageType = "allocate"       // Allocate: account shard to cluster shard
	TypeAllocated MessageType = "allocated"      // Allocated: its answer
	TypeRelease   MessageType = "release"        // Release: account shard to cluster shard
	TypeReleased  MessageType = "released"       // Released: its answer
	TypeFence     MessageType = "host.fence"     // Fence: operator to cluster shard
	TypeNotice    MessageType = "host.notice"    // HostNotice: cluster shard to a server
	TypeNoted     MessageType = "host.noted"     // HostNoted: its answer
	TypeWake      MessageType = "shard.wake"     // engine to a shard's queue: whoever gets it owns the shard; without content
)

// Message is anything that an actor can be told.
type Message interface {
	// To is the actor that decides it first.
	To() Ref
}

// Command is an order to one actor, durable from the moment it is accepted.
type Command struct {
	V       int         `json:"v"`
	ID      OperationID `json:"id"`
	Action  Action      `json:"action"`
	Account AccountID   `json:"account"`
	Target  int64       `json:"target,omitempty"` // server, image or group; 0 for creates
	Params  Params      `json:"params"`
	// Key is the SHA-256 of the client's idempotency key, nil without one. Digest is an HMAC of the
	// canonical command without what the edge made up: it tells a repetition from another command.
	Key     []byte    `json:"key,omitempty"`
	Digest  []byte    `json:"digest,omitempty"`
	Created time.Time `json:"created"`
	// Expires is when an undecided command is refused instead of decided.
	Expires time.Time `json:"expires"`
	// Payload is sealed: the password's hash, personality.
	Payload []byte `json:"payload,omitempty"`
	// TraceParent is the W3C trace context that the client gave.
	TraceParent string `json:"traceparent,omitempty"`
}

// To is the command's account: every write of a tenant passes it first.
func (c *Command) To() Ref { return c.Account.Ref() }

// Params are the members of a v1.0 request body; which ones count depends on the action.
type Params struct {
	Name     *string           `json:"name,omitempty"`
	Image    ImageID           `json:"image,omitempty"`
	Flavor   FlavorID          `json:"flavor,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Password bool              `json:"password,omitempty"` // the payload has a new password's hash
	Hard     bool              `json:"hard,omitempty"`     // reboot HARD
	Force    bool              `json:"force,omitempty"`    // delete, whatever is under way
	Server   ServerID          `json:"server,omitempty"`   // the source of server.image, the first member of a group
	Group    GroupID           `json:"group,omitempty"`
	// Address is the public address to be shared, by a server that is there or from its create on.
	Address   string `json:"address,omitempty"`
	Configure bool   `json:"configure,omitempty"` // a shared address is written into the guest too
	// Operation is what operation.cancel cancels.
	Operation OperationID `json:"operation,omitempty"`
	// Backups is the schedule of backup_schedule.set.
	Backups *BackupSchedule `json:"backups,omitempty"`
	// Probe decides a resize; nil: its tenant does, or the time.
	Probe *Probe `json:"probe,omitempty"`
}

// To is the step's host agent; steps go to its queue, not to its actor.
func (s *Step) To() Ref { return s.Host.Ref() }

// To is the actor that asked for the step.
func (o *Outcome) To() Ref { return o.Actor }

// Heartbeat says that a host agent lives and what its host has.
type Heartbeat struct {
	V       int       `json:"v"`
	Host    HostID    `json:"host"`
	Cluster ClusterID `json:"cluster"`
	Name    string    `json:"name"`
	RAMMiB  int64     `json:"ram"`
	DiskGB  int64     `json:"disk"`
}

// To is the host's actor.
func (h *Heartbeat) To() Ref { return h.Host.Ref() }

// Allocate asks a cluster for a host and, unless Only addresses are kept, for addresses.
// (Operation, Copy) names it: the repeated request gets the same answer.
type Allocate struct {
	V         int         `json:"v"`
	Operation OperationID `json:"operation"`
	Cluster   ClusterID   `json:"cluster"`
	Account   AccountID   `json:"account"`
	Server    ServerID    `json:"server"`
	Copy      int         `json:"copy"`
	Flavor    Flavor      `json:"flavor"`
	Addresses bool        `json:"addresses"`       // one public and one private are wanted
	Avoid     HostID      `json:"avoid,omitempty"` // taken only when no other host has room
}

// To is the cluster's actor.
func (a *Allocate) To() Ref { return a.Cluster.Ref() }

// Allocated is a cluster's answer to Allocate. Refused is nil when there is a place.
type Allocated struct {
	V         int         `json:"v"`
	Operation OperationID `json:"operation"`
	Account   AccountID   `json:"account"`
	Server    ServerID    `json:"server"`
	Copy      int         `json:"copy"`
	Cluster   ClusterID   `json:"cluster"`
	Host      HostID      `json:"host,omitempty"`
	Public    []string    `json:"public,omitempty"`
	Private   []string    `json:"private,omitempty"`
	Refused   *Error      `json:"refused,omitempty"`
}

// To is the server that asked.
func (a *Allocated) To() Ref { return a.Server.Ref() }

// Release gives back what (Server, Copy) holds in a cluster, and with Addresses the server's addresses.
// The release of the unknown leaves a tombstone, so that a late Allocate of it is refused.
type Release struct {
	V         int         `json:"v"`
	Operation OperationID `json:"operation"`
	Cluster   ClusterID   `json:"cluster"`
	Account   AccountID   `json:"account"`
	Server    ServerID    `json:"server"`
	Copy      int         `json:"copy"`
	Addresses bool        `json:"addresses"`
	// KeepPublic: others may have the public address; its group gives it back when nobody has it any more.
	KeepPublic bool `json:"keep_public,omitempty"`
}

// To is the cluster's actor.
func (r *Release) To() Ref { return r.Cluster.Ref() }

// Released is a cluster's answer to Release.
type Released struct {
	V         int         `json:"v"`
	Operation OperationID `json:"operation"`
	Account   AccountID   `json:"account"`
	Server    ServerID    `json:"server"`
	Copy      int         `json:"copy"`
	Cluster   ClusterID   `json:"cluster"`
}

// To is the server that held it.
func (r *Released) To() Ref { return r.Server.Ref() }

// Fence is an operator's word that a host is off and will not come back with what it held.
type Fence struct {
	V       int       `json:"v"`
	Host    HostID    `json:"host"`
	Cluster ClusterID `json:"cluster"`
}

// To is the host's actor.
func (f *Fence) To() Ref { return f.Host.Ref() }

// HostNotice tells a server that its host was lost, came back or was fenced.
type HostNotice struct {
	V       int       `json:"v"`
	Host    HostID    `json:"host"`
	Cluster ClusterID `json:"cluster"`
	Account AccountID `json:"account"`
	Server  ServerID  `json:"server"`
	State   HostState `json:"state"`
	Change  int64     `json:"change"` // the host's sequence: a later notice overrides an earlier one
}

// To is the server.
func (n *HostNotice) To() Ref { return n.Server.Ref() }

// HostNoted is a server's answer to HostNotice.
type HostNoted struct {
	V       int       `json:"v"`
	Host    HostID    `json:"host"`
	Cluster ClusterID `json:"cluster"`
	Server  ServerID  `json:"server"`
	Change  int64     `json:"change"`
}

// To is the host's actor.
func (n *HostNoted) To() Ref { return n.Host.Ref() }

// ErrForeign is a message of a type or a version that this program does not know: a newer one may.
var ErrForeign = errors.New("unknown format")

// DecodeMessage reads the body of a message that a shard or a host can get. ErrForeign is for others to deal with: the shard
// is released, never the message lost.
func DecodeMessage(t MessageType, body []byte) (Message, error) {
	m, v := newMessage(t)
	if m == nil {
		return nil, fmt.Errorf("%w: message type %q", ErrForeign, string(t))
	}
	err := json.Unmarshal(body, m)
	if err != nil {
		*v = version(body) // a newer one may read otherwise
	}
	if *v > MessageV {
		return nil, fmt.Errorf("%w: version %d of %s, %d is known", ErrForeign, *v, t, MessageV)
	}
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", t, err)
	}
	return m, nil
}

// version is what a body says, 0 when it says nothing.
func version(body []byte) int {
	var b struct {
		V int `json:"v"`
	}
	if json.Unmarshal(body, &b) != nil {
		return 0
	}
	return b.V
}

// newMessage is an empty message of a type, and its version.
func newMessage(t MessageType) (m Message, v *int) {
	switch t {
	case TypeCommand:
		m := new(Command)
		return m, &m.V
	case TypeStep:
		m := new(Step)
		return m, &m.V
	case TypeOutcome:
		m := new(Outcome)
		return m, &m.V
	case TypeHeartbeat:
		m := new(Heartbeat)
		return m, &m.V
	case TypeAllocate:
		m := new(Allocate)
		return m, &m.V
	case TypeAllocated:
		m := new(Allocated)
		return m, &m.V
	case TypeRelease:
		m := new(Release)
		return m, &m.V
	case TypeReleased:
		m := new(Released)
		return m, &m.V
	case TypeFence:
		m := new(Fence)
		return m, &m.V
	case TypeNotice:
		m := new(HostNotice)
		return m, &m.V
	case TypeNoted:
		m := new(HostNoted)
		return m, &m.V
	case TypeDryRun:
		m := new(DryRun)
		return m, &m.V
	default:
		return nil, nil
	}
}
