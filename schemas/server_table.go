package schemas

// Trigger is what may move a server from one status to another.
type Trigger string

// The triggers that a tenant's or an operator's command pulls.
const (
	OnCreate     Trigger = "create"
	OnRename     Trigger = "rename"
	OnPassword   Trigger = "password"
	OnDelete     Trigger = "delete"
	OnForce      Trigger = "forced delete" // whatever is under way
	OnRebootSoft Trigger = "reboot SOFT"
	OnRebootHard Trigger = "reboot HARD"
	OnRebuild    Trigger = "rebuild"
	OnResize     Trigger = "resize"
	OnConfirm    Trigger = "confirm"
	OnRevert     Trigger = "revert"
	OnImage      Trigger = "image"
	OnShare      Trigger = "share"
	OnShareSetUp Trigger = "share, set up" // and write it into the guest
	OnUnshare    Trigger = "unshare"
	OnBackups    Trigger = "set backups" // or none
	OnCancel     Trigger = "cancel"      // the operation under way
	OnSuspend    Trigger = "suspend"
	OnResume     Trigger = "resume"
	OnRescue     Trigger = "rescue"
	OnUnrescue   Trigger = "unrescue"
)

// The triggers that the work itself pulls.
const (
	OnAllocated  Trigger = "allocated"   // the cluster has a place
	OnRefused    Trigger = "refused"     // the cluster has none, or did not say so in time
	OnPrepared   Trigger = "prepared"    // the data is at the destination, the source still runs
	OnDone       Trigger = "done"        // the last step of the plan is done
	OnFailed     Trigger = "failed"      // a host answered that a step cannot be done
	OnSilent     Trigger = "silent"      // a step's deadline passed without an answer
	OnRestored   Trigger = "restored"    // the plan that undoes a resize is done
	OnBroken     Trigger = "broken"      // a host answered that it cannot be undone
	OnHostLost   Trigger = "host lost"   // the host is silent
	OnHostBack   Trigger = "host back"   // the host speaks again
	OnHostFenced Trigger = "host fenced" // an operator vouches that the host is off
)

// Transition is one row of the state table.
type Transition struct {
	From Status
	On   Trigger
	To   Status
}

// ServerTable is the life of a server. A pair that is not in it is refused.
// Source: API guide v1.0, "Server Status" transitions; the rows beyond it are in docs/states.md.
func ServerTable() []Transition { return serverTable }

var serverTable = []Transition{
	{"", OnCreate, StatusBuild},
	{StatusBuild, OnAllocated, StatusBuild},
	{StatusBuild, OnRefused, StatusDeleted},
	{StatusBuild, OnDone, StatusActive},
	{StatusBuild, OnFailed, StatusError},
	{StatusBuild, OnSilent, StatusError},
	{StatusBuild, OnForce, StatusDeleted},
	{StatusBuild, OnCancel, StatusDeleted}, // as if it had never been asked for

	{StatusActive, OnRename, StatusActive},
	{StatusActive, OnPassword, StatusPassword},
	{StatusActive, OnDelete, StatusDeleted},
	{StatusActive, OnBackups, StatusActive},
	{StatusActive, OnRebootSoft, StatusReboot},
	{StatusActive, OnRebootHard, StatusHardReboot},
	{StatusActive, OnRebuild, StatusRebuild},
	{StatusActive, OnResize, StatusQueueResize},
	{StatusActive, OnImage, StatusActive},
	{StatusActive, OnShare, StatusShareIPNoConfig},
	{StatusActive, OnShareSetUp, StatusShareIP},
	{StatusActive, OnUnshare, StatusDeleteIP},
	{StatusActive, OnSuspend, StatusSuspended},
	{StatusActive, OnRescue, StatusRescue},
	{StatusActive, OnHostLost, StatusUnknown},
	{StatusActive, OnHostFenced, StatusError},
	{StatusActive, OnForce, StatusDeleted},

	{StatusRebuild, OnDone, StatusActive},
	{StatusRebuild, OnFailed, StatusError},
	{StatusRebuild, OnSilent, StatusError},
	{StatusRebuild, OnForce, StatusDeleted},

	{StatusQueueResize, OnAllocated, StatusPrepResize},
	{StatusQueueResize, OnRefused, StatusActive},
	{StatusQueueResize, OnForce, StatusDeleted},
	{StatusQueueResize, OnCancel, StatusActive},
	{StatusPrepResize, OnPrepared, StatusResize},
	{StatusPrepResize, OnFailed, StatusActive}, // the source was never touched
	{StatusPrepResize, OnSilent, StatusActive},
	{StatusPrepResize, OnForce, StatusDeleted},
	{StatusPrepResize, OnCancel, StatusActive}, // from RESIZE on the source is off: too late
	{StatusResize, OnDone, StatusVerifyResize},
	{StatusResize, OnFailed, StatusResize}, // the source is started again: restored follows
	{StatusResize, OnRestored, StatusActive},
	{StatusResize, OnBroken, StatusError},
	{StatusResize, OnSilent, StatusError}, // the destination may be running: the source stays off
	{StatusResize, OnForce, StatusDeleted},

	{StatusVerifyResize, OnRename, StatusVerifyResize},
	{StatusVerifyResize, OnDelete, StatusDeleted},
	{StatusVerifyResize, OnConfirm, StatusActive},
	{StatusVerifyResize, OnRevert, StatusResize},
	{StatusVerifyResize, OnDone, StatusActive},       // the probe has held
	{StatusVerifyResize, OnFailed, StatusResize},     // it has not: back to the source
	{StatusVerifyResize, OnSilent, StatusResize},     // nor has anybody said so
	{StatusVerifyResize, OnHostFenced, StatusResize}, // the source is the last copy: back to it
	{StatusVerifyResize, OnForce, StatusDeleted},

	{StatusPassword, OnRename, StatusPassword},
	{StatusPassword, OnDelete, StatusDeleted},
	{StatusPassword, OnBackups, StatusPassword},
	{StatusPassword, OnDone, StatusActive},
	{StatusPassword, OnFailed, StatusActive},
	{StatusPassword, OnSilent, StatusActive},
	{StatusPassword, OnForce, StatusDeleted},

	{StatusShareIP, OnRename, StatusShareIP},
	{StatusShareIP, OnDelete, StatusDeleted},
	{StatusShareIP, OnBackups, StatusShareIP},
	{StatusShareIP, OnDone, StatusActive},
	{StatusShareIP, OnFailed, StatusActive},
	{StatusShareIP, OnSilent, StatusActive},
	{StatusShareIP, OnForce, StatusDeleted},

	{StatusShareIPNoConfig, OnRename, StatusShareIPNoConfig},
	{StatusShareIPNoConfig, OnDelete, StatusDeleted},
	{StatusShareIPNoConfig, OnBackups, StatusShareIPNoConfig},
	{StatusShareIPNoConfig, OnDone, StatusActive},
	{StatusShareIPNoConfig, OnFailed, StatusActive},
	{StatusShareIPNoConfig, OnSilent, StatusActive},
	{StatusShareIPNoConfig, OnForce, StatusDeleted},

	{StatusDeleteIP, OnRename, StatusDeleteIP},
	{StatusDeleteIP, OnDelete, StatusDeleted},
	{StatusDeleteIP, OnBackups, StatusDeleteIP},
	{StatusDeleteIP, OnDone, StatusActive},
	{StatusDeleteIP, OnFailed, StatusActive},
	{StatusDeleteIP, OnSilent, StatusActive},
	{StatusDeleteIP, OnForce, StatusDeleted},

	{StatusReboot, OnRename, StatusReboot},
	{StatusReboot, OnDelete, StatusDeleted},
	{StatusReboot, OnBackups, StatusReboot},
	{StatusReboot, OnRebootHard, StatusHardReboot},
	{StatusReboot, OnDone, StatusFormer},
	{StatusReboot, OnFailed, StatusHardReboot},
	{StatusReboot, OnSilent, StatusHardReboot},
	{StatusReboot, OnForce, StatusDeleted},

	{StatusHardReboot, OnRename, StatusHardReboot},
	{StatusHardReboot, OnDelete, StatusDeleted},
	{StatusHardReboot, OnBackups, StatusHardReboot},
	{StatusHardReboot, OnDone, StatusFormer},
	{StatusHardReboot, OnFailed, StatusError},
	{StatusHardReboot, OnSilent, StatusError},
	{StatusHardReboot, OnForce, StatusDeleted},

	{StatusSuspended, OnRename, StatusSuspended},
	{StatusSuspended, OnDelete, StatusDeleted},
	{StatusSuspended, OnBackups, StatusSuspended},
	{StatusSuspended, OnResume, StatusActive},
	{StatusSuspended, OnHostLost, StatusUnknown},
	{StatusSuspended, OnHostFenced, StatusError},
	{StatusSuspended, OnForce, StatusDeleted},

	{StatusRescue, OnRename, StatusRescue},
	{StatusRescue, OnDelete, StatusDeleted},
	{StatusRescue, OnBackups, StatusRescue},
	{StatusRescue, OnRebootSoft, StatusReboot},
	{StatusRescue, OnRebootHard, StatusHardReboot},
	{StatusRescue, OnUnrescue, StatusActive},
	{StatusRescue, OnHostLost, StatusUnknown},
	{StatusRescue, OnHostFenced, StatusError},
	{StatusRescue, OnForce, StatusDeleted},

	{StatusUnknown, OnRename, StatusUnknown},
	{StatusUnknown, OnDelete, StatusDeleted},
	{StatusUnknown, OnBackups, StatusUnknown},
	{StatusUnknown, OnHostBack, StatusFormer},
	{StatusUnknown, OnHostFenced, StatusError},
	{StatusUnknown, OnForce, StatusDeleted},

	{StatusError, OnRename, StatusError},
	{StatusError, OnDelete, StatusDeleted},
	{StatusError, OnBackups, StatusError},
	{StatusError, OnRebootHard, StatusHardReboot},
	{StatusError, OnRebuild, StatusRebuild},
	{StatusError, OnForce, StatusDeleted},
}

// Refusal is one row of the refusals: the fault for commands that come at the wrong time.
type Refusal struct {
	In    []Status
	On    []Trigger
	Kind  Kind
	Fault Fault
}

// ServerRefusals are the cells of the admission matrix that are not in ServerTable. Together they say
// something about every status that is emitted and every command of a tenant.
func ServerRefusals() []Refusal { return serverRefusals }

var serverRefusals = []Refusal{
	{
		In:   []Status{StatusBuild, StatusRebuild},
		On:   []Trigger{OnRename, OnPassword, OnDelete, OnRebootSoft, OnRebootHard, OnRebuild, OnResize, OnImage, OnShare, OnShareSetUp, OnUnshare, OnBackups},
		Kind: KindConflict, Fault: FaultBuildInProgress,
	},
	{
		In:   []Status{StatusQueueResize, StatusPrepResize, StatusResize},
		On:   []Trigger{OnRename, OnPassword, OnDelete, OnRebootSoft, OnRebootHard, OnRebuild, OnImage, OnShare, OnShareSetUp, OnUnshare, OnBackups},
		Kind: KindConflict, Fault: FaultBackupOrResize,
	},
	{
		In:   []Status{StatusVerifyResize},
		On:   []Trigger{OnPassword, OnRebootSoft, OnRebootHard, OnRebuild, OnImage, OnShare, OnShareSetUp, OnUnshare, OnBackups},
		Kind: KindConflict, Fault: FaultBackupOrResize,
	},
	{
		In:   []Status{StatusQueueResize, StatusPrepResize, StatusResize, StatusVerifyResize},
		On:   []Trigger{OnResize},
		Kind: KindForbidden, Fault: FaultResizeNotAllowed,
	},
	{
		In: []Status{
			StatusActive, StatusBuild, StatusRebuild, StatusQueueResize, StatusPrepResize, StatusResize, StatusReboot,
			StatusHardReboot, StatusPassword, StatusShareIP, StatusShareIPNoConfig, StatusDeleteIP, StatusSuspended, StatusRescue,
			StatusError, StatusUnknown,
		},
		On:   []Trigger{OnConfirm, OnRevert},
		Kind: KindForbidden, Fault: FaultResizeNotAllowed,
	},
	{
		In: []Status{
			StatusReboot, StatusHardReboot, StatusPassword, StatusShareIP, StatusShareIPNoConfig, StatusDeleteIP, StatusSuspended, StatusUnknown,
		},
		On:   []Trigger{OnPassword, OnRebootSoft, OnRebuild, OnResize, OnImage, OnShare, OnShareSetUp, OnUnshare},
		Kind: KindConflict, Fault: FaultCloudServers,
	},
	{
		In: []Status{
			StatusHardReboot, StatusPassword, StatusShareIP, StatusShareIPNoConfig, StatusDeleteIP, StatusSuspended, StatusUnknown,
		},
		On:   []Trigger{OnRebootHard},
		Kind: KindConflict, Fault: FaultCloudServers,
	},
	{
		In:   []Status{StatusRescue},
		On:   []Trigger{OnPassword, OnRebuild, OnResize, OnImage, OnShare, OnShareSetUp, OnUnshare},
		Kind: KindConflict, Fault: FaultCloudServers,
	},
	{
		In:   []Status{StatusError},
		On:   []Trigger{OnPassword, OnRebootSoft, OnResize, OnImage, OnShare, OnShareSetUp, OnUnshare},
		Kind: KindConflict, Fault: FaultCloudServers,
	},
	{
		In: []Status{
			StatusActive, StatusRebuild, StatusResize, StatusVerifyResize, StatusReboot, StatusHardReboot, StatusPassword, StatusShareIP,
			StatusShareIPNoConfig, StatusDeleteIP, StatusSuspended, StatusRescue, StatusError, StatusUnknown,
		},
		On:   []Trigger{OnCancel},
		Kind: KindConflict, Fault: FaultCloudServers,
	},
}

// Overlay is a condition beside the status that refuses what the status would allow.
type Overlay string

// The overlays.
const (
	OverlayImaging Overlay = "imaging" // an image of the server is in flight
	OverlayWaiting Overlay = "waiting" // a silent host may still run a copy of it
)

// OverlayRefusals are the cells that an overlay takes back from ServerTable.
func OverlayRefusals() map[Overlay]Refusal { return overlayRefusals }

var overlayRefusals = map[Overlay]Refusal{
	OverlayImaging: {On: []Trigger{OnRebuild, OnResize, OnImage}, Kind: KindConflict, Fault: FaultBackupOrResize},
	OverlayWaiting: {
		In: []Status{StatusError}, On: []Trigger{OnRebuild, OnRebootHard},
		Kind: KindConflict, Fault: FaultCloudServers,
	},
}

// Passing tells whether a server in status s is on its way to another: somebody owes it a step.
// VERIFY_RESIZE counts: its automatic confirm is owed.
func (s Status) Passing() bool {
	switch s {
	case StatusBuild, StatusRebuild, StatusQueueResize, StatusPrepResize, StatusResize, StatusVerifyResize,
		StatusPassword, StatusReboot, StatusHardReboot, StatusShareIP, StatusShareIPNoConfig, StatusDeleteIP:
		return true
	default:
		return false
	}
}

// ImageTransition is one row of an image's state table.
type ImageTransition struct {
	From ImageStatus
	On   Trigger
	To   ImageStatus
}

// ImageTable is the life of an image that is made from a server.
func ImageTable() []ImageTransition { return imageTable }

// OnServerGone reaches the images of a server whose delete was accepted.
const OnServerGone Trigger = "server gone"

var imageTable = []ImageTransition{
	{"", OnCreate, ImageQueued},
	{ImageQueued, OnPrepared, ImagePreparing},
	{ImageQueued, OnServerGone, ImageDeleted},
	{ImageQueued, OnCancel, ImageFailed},
	{ImagePreparing, OnPrepared, ImageSaving},
	{ImagePreparing, OnFailed, ImageFailed},
	{ImagePreparing, OnSilent, ImageFailed},
	{ImagePreparing, OnServerGone, ImageDeleted},
	{ImagePreparing, OnCancel, ImageFailed},
	{ImageSaving, OnDone, ImageActive},
	{ImageSaving, OnFailed, ImageFailed},
	{ImageSaving, OnSilent, ImageFailed},
	{ImageSaving, OnServerGone, ImageDeleted},
	{ImageSaving, OnCancel, ImageFailed},
	{ImageActive, OnDelete, ImageDeleted},
	{ImageActive, OnServerGone, ImageDeleted},
	{ImageFailed, OnDelete, ImageDeleted},
	{ImageFailed, OnServerGone, ImageDeleted},
}
