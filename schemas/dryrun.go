package schemas

// TypeDryRun is a DryRun: edge to account shard, and account shard to cluster shard when a place is wanted. It is a type of its
// own so that a program which does not know it cannot take it for the command.
const TypeDryRun MessageType = "command.dry_run"

// DryRunID is what an object is called that a dry run would make: no object has it, since ids ascend and this is the last one.
const DryRunID = MaxID

// DryRun is a command that is decided without being done: nothing of it is stored, no id is taken, and only who asks is told.
// One that is lost is not repeated.
type DryRun struct {
	V       int     `json:"v"`
	Command Command `json:"command"`
	// ReplyTo is where the answer goes once the account has passed the command on.
	ReplyTo string `json:"reply_to,omitempty"`
	// Place is what its server would ask a cluster for; nil: the command is with its account still. Clusters are those that it
	// would ask, in order, the first one now.
	Place    *Allocate   `json:"place,omitempty"`
	Clusters []ClusterID `json:"clusters,omitempty"`
	// Forecast is what everybody but the cluster has said.
	Forecast *Forecast `json:"forecast,omitempty"`
}

// To is who decides next: the account, or a cluster.
func (d *DryRun) To() Ref {
	if d.Place != nil {
		return d.Place.Cluster.Ref()
	}
	return d.Command.To()
}

// Forecast is what a command would come to at once were it done, when it would be accepted.
type Forecast struct {
	Action Action `json:"action"`
	Target Ref    `json:"target"` // its ID is 0 for what would be made
	Status string `json:"status"` // that the target would have
	// What the account's servers would have of RAM in all, and may have; a limit of 0 is none.
	UsedRAMMiB  int64 `json:"ram_used"`
	RAMLimitMiB int64 `json:"ram_limit"`
	// Placed tells that a host has room now for what needs a new place.
	Placed bool `json:"placed,omitempty"`
}
