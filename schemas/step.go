package schemas

import "time"

// StepName names one thing that a host does. Steps are named, never numbered, so that
// a newer table can resume what an older one began.
type StepName string

// The steps.
const (
	StepFetchImage  StepName = "fetch_image"
	StepCreateDisk  StepName = "create_disk"
	StepStart       StepName = "start"
	StepStop        StepName = "stop"
	StepWipe        StepName = "wipe"
	StepRestartSoft StepName = "restart_soft"
	StepRestartHard StepName = "restart_hard"
	StepSetPassword StepName = "set_password"
	StepSnapshot    StepName = "snapshot"
	StepCopy        StepName = "copy"
	StepCopyDelta   StepName = "copy_delta"
	StepSave        StepName = "save"
	StepRemove      StepName = "remove" // the stored files of an image
	StepShareIP     StepName = "share_ip"
	StepUnshareIP   StepName = "unshare_ip"
	StepProbe       StepName = "probe" // one look at a running server
)

// Step is an order to one host agent. (Operation, Actor, Name, Host, Copy, Attempt) is its identity:
// the agent does it once and answers every repetition with the same outcome.
type Step struct {
	V         int         `json:"v"`
	Operation OperationID `json:"operation"`
	Name      StepName    `json:"name"`
	Attempt   int         `json:"attempt"` // from 1
	Host      HostID      `json:"host"`    // who does it
	Shard     Shard       `json:"shard"`   // where the outcome goes
	Actor     Ref         `json:"actor"`   // who asked: a server or an image
	Account   AccountID   `json:"account"`
	// Epoch and Version fence: an agent that has seen a higher pair for this actor refuses the step.
	Epoch   Epoch         `json:"epoch"`
	Version int64         `json:"version"`
	Timeout time.Duration `json:"timeout_ns"`
	Params  StepParams    `json:"params"`
	// Then is what the host goes on with by itself: one step after another, each at attempt 1 and with the same Params,
	// up to the first that fails or until its actor says something newer.
	Then []NextStep `json:"then,omitempty"`
}

// NextStep is a step that follows another one on the same host.
type NextStep struct {
	Name    StepName      `json:"name"`
	Timeout time.Duration `json:"timeout_ns"`
}

// Next is the step that follows s; false when none does.
func (s *Step) Next() (Step, bool) {
	if len(s.Then) == 0 {
		return Step{}, false
	}
	next := *s
	next.Name, next.Timeout, next.Attempt, next.Then = s.Then[0].Name, s.Then[0].Timeout, 1, s.Then[1:]
	return next, true
}

// TakesPayload tells whether a step delivers what its operation has sealed.
func (n StepName) TakesPayload() bool { return n == StepCreateDisk || n == StepSetPassword }

// ID is the identity of a step as text, unique over all steps that are not repetitions of one another.
func (s *Step) ID() string {
	return string(s.Operation) + "/" + s.Actor.String() + "/" + string(s.Name) + "/" + itoa(int64(s.Host)) + "/" + itoa(int64(s.Params.Copy)) + "/" + itoa(int64(s.Attempt))
}

// StepParams is what a step works on; which members count depends on its name.
type StepParams struct {
	Server ServerID `json:"server"`
	// Copy tells the halves of a resize apart: each placement of a server has its own number, from 1.
	Copy    int      `json:"copy"`
	Image   ImageID  `json:"image,omitempty"`
	Flavor  *Flavor  `json:"flavor,omitempty"`
	Public  []string `json:"public,omitempty"`
	Private []string `json:"private,omitempty"`
	// Address is what share_ip adds to the server's public addresses and unshare_ip takes away: Public is how they are
	// to be afterwards. Configure writes it into the guest too.
	Address   string `json:"address,omitempty"`
	Configure bool   `json:"configure,omitempty"`
	Name      string `json:"name,omitempty"`
	// SourceHost and SourceCopy say where copy and copy_delta take the data from.
	SourceHost HostID `json:"source_host,omitempty"`
	SourceCopy int    `json:"source_copy,omitempty"`
	// Probe is what probe asks of the server, and Metadata what its tenant has written on it.
	Probe    *Probe            `json:"probe,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	// WantsPayload makes the engine add the operation's sealed payload when it sends the step.
	WantsPayload bool `json:"wants_payload,omitempty"`
	// Payload is the sealed secret part (a schemas.Payload): only the agent opens it.
	Payload []byte `json:"payload,omitempty"`
}

// Payload is what a step must deliver and nobody may read on the way. It travels and rests sealed.
type Payload struct {
	PasswordHash string `json:"password_hash,omitempty"` // crypt(3)
	Personality  []File `json:"personality,omitempty"`
}

// File is one file to be written into a new server.
type File struct {
	Path     string `json:"path"`
	Contents []byte `json:"contents"`
}

// Outcome is a host agent's answer to a step. Where one step follows another on its host, the answer to the later one
// says that the earlier one is done.
type Outcome struct {
	V         int         `json:"v"`
	Operation OperationID `json:"operation"`
	Name      StepName    `json:"name"`
	Attempt   int         `json:"attempt"`
	Host      HostID      `json:"host"`
	Copy      int         `json:"copy"`
	Actor     Ref         `json:"actor"`
	Account   AccountID   `json:"account"`
	// Failure is nil when the step is done.
	Failure *StepFailure `json:"failure,omitempty"`
}

// StepFailure says why a host did not do a step.
type StepFailure struct {
	Reason FailureReason `json:"reason"`
	// Message is for operators: it may name hosts and files. Of FailureUnhealthy it is what the probe met, in words for the tenant.
	Message string `json:"message"`
}

// FailureReason is a class of step failures that a tenant may see.
type FailureReason string

// The reasons.
const (
	FailureFault     FailureReason = "host_fault"  // the host tried and could not
	FailureNoSpace   FailureReason = "no_space"    // the data does not fit
	FailureNoImage   FailureReason = "no_image"    // the image's files are gone
	FailureFenced    FailureReason = "fenced"      // a newer owner has spoken to this host
	FailureUnknown   FailureReason = "unsupported" // the driver has no such power
	FailureMissing   FailureReason = "missing"     // the host knows no such server
	FailureUnhealthy FailureReason = "unhealthy"   // a probe met something else than it asked for
)

// Passes tells whether another attempt may succeed where one failed for this reason: the host may do better, and a
// step that was fenced off is sent again under the present owner's epoch.
func (r FailureReason) Passes() bool { return r == FailureFault || r == FailureFenced }
