package schemas

import "time"

// Cluster is the state of a cluster actor: the one allocator of capacity and addresses of its hosts.
// Reservations and addresses are rows of their own; their sums are kept in memory.
type Cluster struct {
	V       int       `json:"v"`
	ID      ClusterID `json:"id"`
	Public  Pool      `json:"public"`
	Private Pool      `json:"private"`
}

// Pool is a range of IPv4 addresses that are given out in order; released ones come back
// after their quarantine.
type Pool struct {
	CIDR string `json:"cidr"`
	Next uint32 `json:"next"` // offset of the first address never given out
}

// Host is the state of a host actor: what is physical.
type Host struct {
	V        int       `json:"v"`
	ID       HostID    `json:"id"`
	Cluster  ClusterID `json:"cluster"`
	Name     string    `json:"name"`
	State    HostState `json:"state"`
	RAMMiB   int64     `json:"ram"`
	DiskGB   int64     `json:"disk"`
	Sequence int64     `json:"sequence"`
	Updated  time.Time `json:"updated"`
	// LastSeen is when its agent last spoke; kept in memory, stored only with a change of State.
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// HostView is a host as events show it to operators.
type HostView struct {
	ID      HostID    `json:"id"`
	Cluster ClusterID `json:"cluster"`
	Name    string    `json:"name"`
	State   HostState `json:"state"`
	RAMMiB  int64     `json:"ram"`
	DiskGB  int64     `json:"disk"`
}

// HostState is what the cloud believes of a host.
type HostState string

// The states of a host.
const (
	HostUp     HostState = "up"
	HostLost   HostState = "lost"   // silent: what it did last counts as done
	HostFenced HostState = "fenced" // an operator vouches that it is off: what it held is gone
)

// Reservation is what one copy of a server holds on its host.
type Reservation struct {
	Cluster   ClusterID   `json:"cluster"`
	Host      HostID      `json:"host"`
	Account   AccountID   `json:"account"`
	Server    ServerID    `json:"server"`
	Copy      int         `json:"copy"`
	Operation OperationID `json:"operation"` // that asked for it
	RAMMiB    int64       `json:"ram"`
	DiskGB    int64       `json:"disk"`
	// Released marks the tombstone of a reservation that was given back, perhaps before it was asked for.
	Released bool `json:"released,omitempty"`
}

// Address is one address in use or in quarantine.
type Address struct {
	IP      string    `json:"ip"`
	Cluster ClusterID `json:"cluster"`
	Public  bool      `json:"public"`
	Server  ServerID  `json:"server"`           // 0: in quarantine
	FreeAt  time.Time `json:"free_at,omitzero"` // when the quarantine ends
}
