package schemas

import "time"

// Version numbers of the stored and sent forms. A reader accepts its own and older ones.
const (
	StateV   = 1
	MessageV = 1
)

// Server is the state of a server actor. It must not grow with the server's life:
// what grows (operations, events, reservations) are rows of their own.
type Server struct {
	V        int               `json:"v"`
	ID       ServerID          `json:"id"`
	Account  AccountID         `json:"account"`
	Name     string            `json:"name"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Image    ImageID           `json:"image"`
	Flavor   FlavorID          `json:"flavor"` // what the tenant sees
	Status   Status            `json:"status"`
	Former   Status            `json:"former,omitempty"` // what StatusFormer leads back to
	Progress int               `json:"progress"`
	Reason   string            `json:"reason,omitempty"` // why ERROR, fit for the tenant
	Hidden   bool              `json:"hidden,omitempty"` // a create that is not admitted yet

	// Home is where the server runs; Other is the second half of a resize: the destination
	// until VERIFY_RESIZE, the source from then on.
	Home    Placement  `json:"home"`
	Other   *Placement `json:"other,omitempty"`
	Copies  int        `json:"copies"`           // the highest Copy given out
	Public  []string   `json:"public,omitempty"` // its own
	Private []string   `json:"private,omitempty"`

	Group  GroupID  `json:"group,omitempty"`
	Shared []string `json:"shared,omitempty"` // public addresses of other members of its group
	// Spare is held for a server that was launched with a shared address only: it becomes its own when it has no other.
	Spare []string `json:"spare,omitempty"`

	Cursor    *Cursor   `json:"cursor,omitempty"`    // the operation under way
	Cleanups  []Cleanup `json:"cleanups,omitempty"`  // copies being torn down
	Unsettled *Waiting  `json:"unsettled,omitempty"` // a step whose host never answered
	Imaging   *Imaging  `json:"imaging,omitempty"`   // an image of it in flight
	Images    []ImageID `json:"images,omitempty"`    // images made from it, at most MaxImagesPerServer
	ConfirmAt time.Time `json:"confirm_at,omitzero"` // when VERIFY_RESIZE confirms itself, unless a probe decides
	Probe     *Probing  `json:"probe,omitempty"`     // decides in VERIFY_RESIZE
	Backups   *Backups  `json:"backups,omitempty"`   // nil: it never had a backup schedule

	QuotaRAMMiB int64     `json:"quota_ram"` // what the account holds for it
	Sequence    int64     `json:"sequence"`  // of its last event
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
}

// MaxImagesPerServer bounds a server's list of images and with it the size of its snapshot.
const MaxImagesPerServer = 200

// Placement is one copy of a server on one host.
type Placement struct {
	Cluster ClusterID `json:"cluster"`
	Host    HostID    `json:"host"`
	Copy    int       `json:"copy"` // 0: not placed
	Flavor  FlavorID  `json:"flavor"`
	// Gone: an operator vouches that the host is off for good; nothing is asked of it any more.
	Gone bool `json:"gone,omitempty"`
	// Lost: the host was silent when it was last heard of.
	Lost bool `json:"lost,omitempty"`
	// Change is the last news of the host that was taken: an older one comes late.
	Change int64 `json:"change,omitempty"`
}

// Cursor is how far an operation has come.
type Cursor struct {
	Operation OperationID `json:"operation"`
	Action    Action      `json:"action"`
	Plan      string      `json:"plan"` // the step table it follows
	Step      StepName    `json:"step"` // "" while it waits for the cluster
	Attempt   int         `json:"attempt"`
	Deadline  time.Time   `json:"deadline"`
	// Expires ends the wait for the cluster of an operation that is not admitted yet.
	Expires time.Time `json:"expires,omitzero"`
	// Failure is why a compensating plan runs: it becomes the operation's error.
	Failure *OperationError `json:"failure,omitempty"`
	// What the command asked for.
	Flavor  FlavorID  `json:"flavor,omitempty"`
	Image   ImageID   `json:"image,omitempty"`
	Cluster ClusterID `json:"cluster,omitempty"` // asked last
	Payload bool      `json:"payload,omitempty"` // a sealed payload is kept for it
	Pinned  bool      `json:"pinned,omitempty"`  // no other cluster will do: its group's
	Address string    `json:"address,omitempty"` // to be shared, or no more
	Probe   *Probe    `json:"probe,omitempty"`   // decides what follows the resize
}

// Cleanup is the teardown of one copy: stop, wipe, then release at the cluster; repeated until confirmed.
type Cleanup struct {
	Operation OperationID `json:"operation"`      // that placed or tears down the copy
	Ends      Action      `json:"ends,omitempty"` // the action of Operation, when it ends with this cleanup
	Place     Placement   `json:"place"`
	Step      StepName    `json:"step"` // stop, wipe, or "" once only the release is left
	Attempt   int         `json:"attempt"`
	RetryAt   time.Time   `json:"retry_at"`
}

// Waiting is a step whose deadline passed without an answer: what it may have done counts as done.
type Waiting struct {
	Operation OperationID `json:"operation"`
	Step      StepName    `json:"step"`
	Attempt   int         `json:"attempt"`
	Host      HostID      `json:"host"`
	Copy      int         `json:"copy"`
}

// Imaging is an image of a server in flight.
type Imaging struct {
	Image     ImageID     `json:"image"`
	Operation OperationID `json:"operation"`
	Slot      *BackupSlot `json:"slot,omitempty"` // it is the backup of
}

// ServerView is a server as the v1.0 contract shows it in detail form, without the envelope.
type ServerView struct {
	ID            ServerID          `json:"id"`
	Name          string            `json:"name"`
	ImageID       ImageID           `json:"imageId"`
	FlavorID      FlavorID          `json:"flavorId"`
	HostID        string            `json:"hostId"` // 32 hex digits, differs by account; "" before placement
	Status        Status            `json:"status"`
	Progress      int               `json:"progress"`
	SharedIPGroup GroupID           `json:"sharedIpGroupId,omitempty"`
	Addresses     AddressesView     `json:"addresses"`
	Metadata      map[string]string `json:"metadata"`
	AdminPass     string            `json:"adminPass,omitempty"` // in the answer to its create only
}

// AddressesView is both address lists; both are always present.
type AddressesView struct {
	Public  []string `json:"public"`
	Private []string `json:"private"`
}
