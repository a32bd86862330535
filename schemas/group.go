package schemas

import "time"

// What an account and a group may have. Source: API guide v1.0, "Absolute Limits" (maxIPGroups, maxIPGroupMembers).
const (
	MaxGroups       = 25
	MaxGroupMembers = 25
)

// Group is the state of a shared IP group's actor: which servers may share public addresses with one another, who
// has which, and the one cluster that they are in.
type Group struct {
	V       int         `json:"v"`
	ID      GroupID     `json:"id"`
	Account AccountID   `json:"account"`
	Name    string      `json:"name"`
	Status  GroupStatus `json:"status"`
	// Cluster is the pin: the first member that has a place sets it, and it goes with the last one. 0: not pinned.
	Cluster ClusterID `json:"cluster,omitempty"`
	Members []Member  `json:"members,omitempty"` // in the order in which they joined
	// Kept are addresses whose owner is gone and which members still have.
	Kept     []Kept    `json:"kept,omitempty"`
	Sequence int64     `json:"sequence"` // of its last event
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// Member is a server of a group.
type Member struct {
	Server ServerID    `json:"server"`
	State  MemberState `json:"state"`
	Public []string    `json:"public,omitempty"` // its own
	Shared []string    `json:"shared,omitempty"` // of others; one that a host may still answer on counts
}

// Kept is an address that outlived its owner.
type Kept struct {
	IP    string   `json:"ip"`
	Owner ServerID `json:"owner"` // the cluster holds it for this server
}

// GroupStatus is where a group stands. Tenants do not see it.
type GroupStatus string

// The statuses of a group.
const (
	GroupActive  GroupStatus = "ACTIVE"
	GroupDeleted GroupStatus = "DELETED" // shown nowhere; servers that were deleted before may still be leaving
)

// MemberState is where a server stands in its group.
type MemberState string

// The states of a member.
const (
	MemberNone      MemberState = ""          // not in the group
	MemberLaunching MemberState = "launching" // its create is not decided
	MemberLive      MemberState = "live"
	MemberLeaving   MemberState = "leaving" // deleted; a host may still answer on its addresses
)

// GroupView is a group as the v1.0 contract shows it in detail form, without the envelope.
type GroupView struct {
	ID      GroupID    `json:"id"`
	Name    string     `json:"name"`
	Servers []ServerID `json:"servers"` // always present
}
