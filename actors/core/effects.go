// Package core decides what actors do: pure functions from a state and a message to the next state and its effects.
//
// Nothing here has a clock, I/O, a goroutine or randomness that was not passed in; a reader can check
// it on paper, beside the tables in schemas and the plans in plan.go.
package core

import (
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Input is what a decision may use beside the state and the message.
type Input struct {
	Now   time.Time
	Rules *Rules
	// NewOperation is the id for an operation that nobody asked for, as an automatic confirm or a backup; see MayOpen.
	NewOperation schemas.OperationID
}

// Rules are the numbers and catalogues that decisions use; they do not change while a node runs.
type Rules struct {
	Flavors    map[schemas.FlavorID]schemas.Flavor
	BaseImages map[schemas.ImageID]bool
	Clusters   []schemas.ClusterID // ascending
	// Timeouts override a step's own deadline. Default: the plan's.
	Timeouts map[schemas.StepName]time.Duration
	// ConfirmAfter is how long VERIFY_RESIZE waits for the tenant. Default 24 h; source: API guide v1.0, "Resize Server".
	ConfirmAfter time.Duration
	// RetryEvery is how long a teardown waits after a host's refusal before it asks again. Default 10 s.
	RetryEvery time.Duration
	// Quarantine is how long a released address rests. Default 60 s; source: docs/numbers.md.
	Quarantine time.Duration
	// LostAfter is how long a host may be silent before it counts as lost. Default 20 s, four heartbeats.
	LostAfter time.Duration
	// HostKey keys the hash that hides host numbers from tenants.
	HostKey []byte
}

// Attempts is how often a step is tried; the next try follows only an answer. Source: docs/numbers.md.
const Attempts = 3

// Effects is what a decision wants done once it is committed. The order inside each list counts.
type Effects struct {
	Save   bool // the state changed
	Remove bool // the actor's row goes away: a create that was refused

	Tell     []Told         // actors of the same shard, in the same turn
	Ask      []Request      // other shards: repeated until Answered names it
	Answered []string       // ids of requests that are done
	Letters  []Letter       // answers to other shards: not repeated
	Steps    []schemas.Step // host agents; the shell adds shard, epoch and version

	Open     []Opened
	Progress []Progress // of open ones
	Answers  []Decision // for the edge
	// Forecasts are for the edges that ask for dry runs.
	Forecasts []ForecastFor
	Keys      []Key
	Events    []Event
	Used      []schemas.ActorKind // kinds of which the offered id was taken

	Reservations []schemas.Reservation
	Addresses    []schemas.Address
	Hosts        []schemas.Host // what a cluster learned of its hosts: for its index only, stored by the hosts themselves
}

// Told is a message inside the shard.
type Told struct {
	To      schemas.Ref
	Message any
}

// Request is a message to another shard that is repeated until it is answered. ID names it for ever.
type Request struct {
	ID      string
	To      schemas.Shard
	Type    schemas.MessageType
	Message schemas.Message
}

// Letter is a message to another shard that nobody repeats: its loss makes the asker ask again.
type Letter struct {
	To      schemas.Shard
	Type    schemas.MessageType
	Message schemas.Message
}

// Opened is a new operation, and what its command carries sealed until it has ended.
type Opened struct {
	schemas.Operation
	Payload []byte
}

// Progress is a change of an open operation. Terminal states end it.
type Progress struct {
	Operation schemas.OperationID
	State     schemas.OperationState
	Step      schemas.StepName
	Index     int
	Count     int
	Attempt   int
	Percent   int
	Deadline  time.Time // zero: none
	Error     *schemas.OperationError
}

// Decision is the admission's answer to one operation. With Show the shell adds the actor's rendered form.
type Decision struct {
	Answer schemas.Answer
	Show   bool
}

// ForecastFor is the answer to a dry run.
type ForecastFor struct {
	Of     *schemas.DryRun
	Answer schemas.Answer
}

// Key is an idempotency key that now stands for an operation.
type Key struct {
	Hash      []byte
	Operation schemas.OperationID
	Digest    []byte
	Create    bool // kept longer
}

// Phase is the last word of an event's type.
type Phase string

// The phases. Source: docs/events.md.
const (
	PhaseStart     Phase = "start"
	PhaseProgress  Phase = "progress"
	PhaseEnd       Phase = "end"
	PhaseError     Phase = "error"
	PhaseCancelled Phase = "cancelled"
	PhaseNone      Phase = ""
)

// Event is a fact about the actor that decided; the shell renders the after-image.
type Event struct {
	Sequence  int64
	Name      string // "server.resize"
	Phase     Phase
	Operation schemas.OperationID
	Error     *schemas.OperationError
	Backup    *schemas.BackupFact
}

// refuse is the whole answer to a command that is not accepted; nothing else of the actor changes.
func (e *Effects) refuse(a *Admit, err *schemas.Error) {
	c := a.Command
	state := schemas.OperationRejected
	if a.Expired {
		state = schemas.OperationExpired
	}
	e.open(a, c.Target, state, err)
	e.Answers = append(e.Answers, Decision{Answer: schemas.Answer{V: schemas.MessageV, Operation: c.ID, Target: a.target(c.Target), Fault: err}})
	if a.Holds {
		e.tell(c.Account.Ref(), Settle{Operation: c.ID})
	}
	if keeps(err) {
		e.key(c)
	}
}

// Refuse is the refusal of a command that its actors were not asked about.
func Refuse(a *Admit, err *schemas.Error) Effects {
	var e Effects
	e.refuse(a, err)
	return e
}

// keeps tells whether a refusal is remembered for the idempotency key: what passes by itself is not.
func keeps(err *schemas.Error) bool {
	switch err.Kind {
	case schemas.KindLimit, schemas.KindCapacity, schemas.KindUnavailable, schemas.KindInternal:
		return false
	default:
		return true
	}
}

// open records a new operation.
func (e *Effects) open(a *Admit, target int64, state schemas.OperationState, err *schemas.Error) {
	c := a.Command
	op := schemas.Operation{
		ID: c.ID, Account: c.Account, Action: c.Action, State: state, Target: a.target(target),
		Created: c.Created, TraceParent: c.TraceParent,
	}
	if err != nil {
		op.Error = operationError(err)
		e.Open = append(e.Open, Opened{Operation: op})
		return
	}
	e.Open = append(e.Open, Opened{Operation: op, Payload: c.Payload})
}

// key records the command's idempotency key, if it has one.
func (e *Effects) key(c *schemas.Command) {
	if len(c.Key) == 0 {
		return
	}
	create := c.Action == schemas.ServerCreate || c.Action == schemas.ServerImage || c.Action == schemas.SharedIPGroupCreate
	e.Keys = append(e.Keys, Key{Hash: c.Key, Operation: c.ID, Digest: c.Digest, Create: create})
}

// accept admits a command that nothing more is asked about: its operation runs, its key is kept, and the edge is answered.
func (e *Effects) accept(a *Admit, target int64, show bool) {
	e.open(a, target, schemas.OperationRunning, nil)
	e.key(a.Command)
	e.Answers = append(e.Answers, Decision{
		Answer: schemas.Answer{V: schemas.MessageV, Operation: a.Command.ID, Target: a.target(target)},
		Show:   show,
	})
}

// release gives back what a server holds in a cluster, repeated until it is answered.
func (e *Effects) release(m *schemas.Release) {
	e.Ask = append(e.Ask, Request{
		ID: releaseID(m.Server, m.Cluster, m.Copy), To: schemas.ShardOfCluster(m.Cluster), Type: schemas.TypeRelease, Message: m,
	})
}

func (e *Effects) tell(to schemas.Ref, m any) { e.Tell = append(e.Tell, Told{to, m}) }

// event appends the next event of the source whose last number is in sequence.
func (e *Effects) event(sequence *int64, name string, p Phase, op schemas.OperationID, err *schemas.OperationError) {
	*sequence++
	e.Events = append(e.Events, Event{Sequence: *sequence, Name: name, Phase: p, Operation: op, Error: err})
}

// backup appends the next event of a source, about a backup.
func (e *Effects) backup(sequence *int64, name string, fact schemas.BackupFact, err *schemas.OperationError) {
	e.event(sequence, name, PhaseNone, "", err)
	e.Events[len(e.Events)-1].Backup = &fact
}

func operationError(err *schemas.Error) *schemas.OperationError {
	return &schemas.OperationError{
		Fault: err.Fault, Message: err.Message, Details: err.Details,
		Retryable: err.Kind == schemas.KindUnavailable || err.Kind == schemas.KindCapacity || err.Kind == schemas.KindConflict,
	}
}

// target is the object that a command works on, as its operation shows it.
func (a *Admit) target(id int64) schemas.Ref {
	switch a.Command.Action {
	case schemas.OperationCancel:
		return a.Subject
	case schemas.ServerImage, schemas.ImageDelete:
		return schemas.ImageID(id).Ref()
	case schemas.SharedIPGroupCreate, schemas.SharedIPGroupDelete:
		return schemas.GroupID(id).Ref()
	default:
		return schemas.ServerID(id).Ref()
	}
}
