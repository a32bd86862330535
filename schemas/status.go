package schemas

// Status is what a tenant sees of a server's state. Source: API guide v1.0, schema type ServerStatus.
type Status string

// Every status of the contract.
const (
	StatusBuild           Status = "BUILD"
	StatusActive          Status = "ACTIVE"
	StatusRebuild         Status = "REBUILD"
	StatusSuspended       Status = "SUSPENDED"
	StatusQueueResize     Status = "QUEUE_RESIZE"
	StatusPrepResize      Status = "PREP_RESIZE"
	StatusResize          Status = "RESIZE"
	StatusVerifyResize    Status = "VERIFY_RESIZE"
	StatusPassword        Status = "PASSWORD"
	StatusReboot          Status = "REBOOT"
	StatusHardReboot      Status = "HARD_REBOOT"
	StatusShareIP         Status = "SHARE_IP"
	StatusShareIPNoConfig Status = "SHARE_IP_NO_CONFIG"
	StatusDeleteIP        Status = "DELETE_IP"
	StatusRescue          Status = "RESCUE"
	StatusError           Status = "ERROR"
	StatusDeleted         Status = "DELETED"
	StatusUnknown         Status = "UNKNOWN"

	// StatusRestoring and the rest are in the contract's schema, but nothing emits them.
	StatusRestoring     Status = "RESTORING"
	StatusAddIP         Status = "ADD_IP"
	StatusAddIPNoConfig Status = "ADD_IP_NO_CONFIG"
	StatusQueueMove     Status = "QUEUE_MOVE"
	StatusPrepMove      Status = "PREP_MOVE"
	StatusMove          Status = "MOVE"
	StatusVerifyMove    Status = "VERIFY_MOVE"
	StatusPending       Status = "PENDING"
)

// StatusFormer stands in the state table for "the status before this one": the resting status that
// the server kept in Former, ACTIVE when it kept none. No server ever has it.
const StatusFormer Status = "(former)"

// ImageStatus is what a tenant sees of an image's state.
type ImageStatus string

// The statuses of an image. Source: API guide v1.0, schema type ImageStatus.
const (
	ImageQueued    ImageStatus = "QUEUED"
	ImagePreparing ImageStatus = "PREPARING"
	ImageSaving    ImageStatus = "SAVING"
	ImageActive    ImageStatus = "ACTIVE"
	ImageFailed    ImageStatus = "FAILED"
	ImageUnknown   ImageStatus = "UNKNOWN"
	ImageDeleted   ImageStatus = "DELETED" // only events show it; the files may still be going
)
