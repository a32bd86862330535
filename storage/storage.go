// Package storage keeps the truth: snapshots of actors, operations, events, keys, reservations, addresses.
//
// The interface is a sum of small ones; storage/sqlite implements it, the suite storagetest says what
// every implementation must hold. All times are stored as microseconds of Unix time, UTC.
package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// The errors that a caller branches on.
var (
	// ErrNotFound: no such row for this account.
	ErrNotFound = errors.New("storage: not found")
	// ErrWentBack: the store is older than what this process has seen committed. Drop all shards.
	ErrWentBack = errors.New("storage: the store went back in time")
	// ErrAway: the database cannot be reached or takes nothing for now, and says so. Nothing is wrong with what was asked:
	// ask again. Of a write nobody knows whether it was done; Commit can be repeated.
	ErrAway = errors.New("storage: the database is away")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("storage: closed")
)

// FencedError names shards that somebody else has claimed since. Nothing of the batch was committed.
type FencedError struct{ Shards []schemas.Shard }

// Error names the shards.
func (e *FencedError) Error() string {
	return fmt.Sprintf("storage: fenced out of shards %v", e.Shards)
}

// BadUnitError says that the data of one unit cannot be stored, whatever is tried. Nothing of the batch was committed.
type BadUnitError struct {
	Unit int // index in Batch.Units
	Err  error
}

// Error names the unit and the reason.
func (e *BadUnitError) Error() string { return fmt.Sprintf("storage: unit %d: %v", e.Unit, e.Err) }

// Unwrap is the reason.
func (e *BadUnitError) Unwrap() error { return e.Err }

// Store is everything; each user takes the part it needs.
type Store interface { //nolint:interfacebloat // a sum of small ones
	Reader
	EventReader
	Committer
	Claims
	Suspects
	Members
	Tokens
	Limits
	LimitSetter
	BusUsers
	BusUserReader
	BusUserSetter
	Subscriptions
	EventCursors
	Backups
	Operator
	HostNumbers
	Seal
	Auditor
	// Now is the store's clock: the cloud's time.
	Now(ctx context.Context) (time.Time, error)
	// Close returns when nothing is written any more. It may be called twice.
	Close() error
}

// Reader reads committed rows, for the edge. Every query names the account; base images (account 0) are in every account.
type Reader interface {
	// Object is one row of kind (server, image, shared_ip_group) that is shown, or ErrNotFound.
	Object(ctx context.Context, kind schemas.ActorKind, account schemas.AccountID, id int64) (Object, error)
	// Objects lists the shown rows of kind by ascending id; with f.Since the servers that were deleted since then too, as DELETED.
	Objects(ctx context.Context, kind schemas.ActorKind, account schemas.AccountID, f ObjectFilter) ([]Object, error)
	// Operation is one operation with its admission answer, or ErrNotFound.
	Operation(ctx context.Context, account schemas.AccountID, id schemas.OperationID) (OperationRow, error)
	// Operations lists operations, newest first.
	Operations(ctx context.Context, account schemas.AccountID, f OperationFilter) ([]OperationRow, error)
	// Key is the operation that an idempotency key stands for, or ErrNotFound.
	Key(ctx context.Context, account schemas.AccountID, hash []byte) (Key, error)
	// Flavors lists every flavor by ascending id.
	Flavors(ctx context.Context) ([]schemas.Flavor, error)
}

// Backups reads backup schedules, for the edge.
type Backups interface {
	// BackupSchedule is that of a server which is shown, a disabled one when it never had any, or ErrNotFound.
	BackupSchedule(ctx context.Context, account schemas.AccountID, id schemas.ServerID) (schemas.BackupSchedule, error)
}

// Object is what a reader gets of an actor: its rendered form.
type Object struct {
	ID       int64
	Name     string
	Rendered []byte // the v1.0 detail form as JSON, without its envelope; not to be changed
	Updated  time.Time
}

// ObjectFilter narrows a list of objects.
type ObjectFilter struct {
	Since  time.Time // changed then or later; zero: whenever
	Offset int
	Limit  int // at least 1
}

// OperationRow is an operation as it is stored.
type OperationRow struct {
	schemas.Operation
	Answer *schemas.Answer // nil until it is decided
	Shard  schemas.Shard
	// Payload is what its steps still have to deliver, sealed. It is written only: Claims.Payload reads it. It goes
	// away when the operation ends.
	Payload []byte
	// ReplyTo is where the answer goes while it is not decided.
	ReplyTo string
}

// OperationFilter narrows a list of operations; zero members do not narrow.
type OperationFilter struct {
	State  schemas.OperationState
	Server schemas.ServerID
	After  schemas.OperationID // older than this one
	Limit  int                 // at least 1
}

// Key is an idempotency key in use.
type Key struct {
	Account   schemas.AccountID
	Hash      []byte // SHA-256 of the client's key
	Operation schemas.OperationID
	Digest    []byte
	Expires   time.Time
}

// Committer writes what actors decided.
type Committer interface {
	// Commit writes all units in order in one transaction, or nothing. (Committer, Number) makes it safe to
	// repeat after any error: a batch that had been committed is not written again.
	// Errors: *FencedError, *BadUnitError (take the unit out and go on), ErrWentBack, ErrClosed; any other, ErrAway too: repeat the same batch.
	Commit(ctx context.Context, b Batch) error
}

// Batch is one group commit. Its bytes must not be changed any more once it was handed over.
type Batch struct {
	Committer string // of this process run
	Number    int64  // 1, 2, 3 ... without gaps
	Units     []Unit
}

// Unit is what one turn of one shard decided: committed whole or not at all. Within a batch later units
// override the rows of earlier ones (the last snapshot, operation, reservation, address of a key counts).
type Unit struct {
	Shard        schemas.Shard
	Epoch        schemas.Epoch // that the shard was claimed with
	Snapshots    []Snapshot
	Operations   []OperationRow              // inserted or replaced; without an answer or payload the stored one stays
	Keys         []Key                       // inserted
	Events       []EventRow                  // inserted
	Outbox       []OutboxRow                 // inserted, or replaced by ID
	Answered     []string                    // ids of outbox rows of Shard that are done
	Reservations []schemas.Reservation       // by (server, copy): replaced; Released keeps a tombstone
	Addresses    []schemas.Address           // by IP: replaced
	NextIDs      map[schemas.ActorKind]int64 // first id of the shard's block not given out yet
	Cleared      []string                    // ids of suspects of Shard that are done with: their tries are forgotten
}

// Snapshot is the stored form of an actor.
type Snapshot struct {
	Ref      schemas.Ref
	Account  schemas.AccountID
	Shard    schemas.Shard
	Epoch    schemas.Epoch // of the commit that wrote it
	Version  int64         // 1, 2, 3 ...: written only over a lower one
	V        int           // format of State
	State    []byte        // JSON text
	Name     string
	Parent   int64  // images: the server they were made from
	Status   string // as shown
	Rendered []byte // nil: shown nowhere
	Created  time.Time
	Updated  time.Time
	WakeAt   time.Time // the earliest timer; zero: quiet
	Remove   bool      // the row goes away (a create that was refused)
}

// EventRow is an event to be kept and sent.
type EventRow struct {
	Ref      schemas.Ref // the source
	Sequence int64
	Account  schemas.AccountID
	Shard    schemas.Shard
	Type     string
	Time     time.Time
	Body     []byte // a schemas.Event
	// Cursor is the place behind it in the log, from EventReader alone.
	Cursor Cursor
}

// OutboxRow is a request to another shard that is repeated until it is answered.
type OutboxRow struct {
	ID      string        // of the message
	Shard   schemas.Shard // who asks
	To      schemas.Shard
	Type    schemas.MessageType
	Body    []byte
	Created time.Time
	// New says that the store has no row with this ID: when the same batch has the answer, there is nothing to write.
	New bool
}

// Claims is for the owners of shards.
type Claims interface {
	// Claim makes this process the owner of a shard: the epoch goes up by one, and what the shard owes comes back.
	Claim(ctx context.Context, s schemas.Shard, node string) (Claim, error)
	// LeaseIDs takes the next block of ids of a kind for a shard, in a transaction of its own.
	LeaseIDs(ctx context.Context, s schemas.Shard, e schemas.Epoch, kind schemas.ActorKind) (IDBlock, error)
	// Load reads snapshots by ref in the shard; what is not there is left out of the answer.
	Load(ctx context.Context, s schemas.Shard, refs []schemas.Ref) ([]Snapshot, error)
	// LoadCluster reads what a cluster's actor keeps in memory.
	LoadCluster(ctx context.Context, c schemas.ClusterID) (ClusterRows, error)
	// Payload is the sealed payload of an operation, or ErrNotFound.
	Payload(ctx context.Context, account schemas.AccountID, id schemas.OperationID) ([]byte, error)
	// Known reads the operation and the key that a command may repeat; absent parts are zero (OperationRow.ID == "", Key.Operation == "").
	Known(ctx context.Context, account schemas.AccountID, id schemas.OperationID, keyHash []byte) (OperationRow, Key, error)
}

// Suspects is for messages that may have ended the processes which handled them.
type Suspects interface {
	// Suspect counts one more try of a message of a shard, in a transaction of its own, and returns how many there were,
	// this one included. A unit that clears the message makes it none. id is clean text.
	Suspect(ctx context.Context, s schemas.Shard, e schemas.Epoch, id string) (int, error)
}

// Members is for the engines that share the shards.
type Members interface {
	// Beat says that a node lives and which queues it waits in line for. It returns who has said so within the last
	// while by the store's clock, the node itself included.
	Beat(ctx context.Context, n Node, within time.Duration) (Membership, error)
	// Leave takes a node out, so that nobody waits for it.
	Leave(ctx context.Context, name string) error
}

// Node is a process that has an engine.
type Node struct {
	Name       string // of this run of it
	Subscribed []schemas.Shard
	Seen       time.Time // set by Beat, by the store's clock
}

// Membership is who shares the shards, and with which epochs they were claimed last.
type Membership struct {
	Nodes  []Node // by name
	Epochs map[schemas.Shard]schemas.Epoch
}

// Claim is what an owner starts from.
type Claim struct {
	Epoch      schemas.Epoch
	Snapshots  []Snapshot     // with a timer
	Operations []OperationRow // not terminal
	Outbox     []OutboxRow
	IDs        map[schemas.ActorKind]IDBlock
}

// IDBlock is a range of ids [Next, End).
type IDBlock struct{ Next, End int64 }

// IDBlockSize is how many ids a shard leases at a time. Source: docs/numbers.md.
const IDBlockSize = 1000

// ClusterRows is what a cluster's actor keeps in memory beside its state.
type ClusterRows struct {
	Hosts        []Snapshot
	Reservations []schemas.Reservation
	Addresses    []schemas.Address
}

// Tokens is the edge's: users, keys and tokens. Hashes are SHA-256.
type Tokens interface {
	// User finds a user by name with its live keys' hashes, or ErrNotFound.
	User(ctx context.Context, name string) (User, error)
	// SaveToken stores a token.
	SaveToken(ctx context.Context, t Token) error
	// TokenByHash finds a token that is not expired and whose generation is the user's, or ErrNotFound.
	TokenByHash(ctx context.Context, hash []byte) (Token, error)
}

// User is who may log in for an account.
type User struct {
	Name       string
	Account    schemas.AccountID
	RateLimits schemas.RateLimits // of the account, where they differ from the usual
	KeyHash    []byte
	Generation int64 // goes up when the key is rotated
}

// Token is a login.
type Token struct {
	Hash       []byte
	User       string
	Account    schemas.AccountID
	RateLimits schemas.RateLimits // of the account, where they differ from the usual; not saved with the token
	Generation int64
	Expires    time.Time
}

// Operator is for whoever runs the cloud.
type Operator interface {
	// CreateAccount makes the account with one user; account.ID 0 takes the next free number from 1001.
	// An existing user name or account number is a *schemas.Error of KindConflict.
	CreateAccount(ctx context.Context, account schemas.Account, user string, keyHash []byte) (schemas.AccountID, error)
	// Accounts lists every account with its users.
	Accounts(ctx context.Context) ([]AccountRow, error)
	// RotateKey replaces a user's key and ends its tokens.
	RotateKey(ctx context.Context, user string, keyHash []byte) error
	// Hosts lists the hosts' states.
	Hosts(ctx context.Context) ([]schemas.Host, error)
	// Seed stores the catalogue where it is not there yet; what is there stays. Clusters are stored all or, when there is one, not at all.
	Seed(ctx context.Context, c Catalogue) error
	// Clusters lists the clusters' states.
	Clusters(ctx context.Context) ([]schemas.Cluster, error)
}

// HostNumbers gives the hosts of many processes their numbers.
type HostNumbers interface {
	// LeaseHosts takes count numbers in a row, the first of which it returns: above all that were taken before and above those
	// of the hosts that are known. They are taken for good. count is at least 1.
	LeaseHosts(ctx context.Context, count int) (schemas.HostID, error)
}

// Seal remembers which key payloads are sealed with.
type Seal interface {
	// SealedWith records the fingerprint of the key when none is recorded yet, and returns the recorded one.
	SealedWith(ctx context.Context, fingerprint string) (string, error)
}

// AccountRow is an account for the operator's list.
type AccountRow struct {
	Account    schemas.Account
	Users      []string
	RateLimits schemas.RateLimits // where they differ from the usual
}

// Catalogue is what a new cloud starts with.
type Catalogue struct {
	Flavors  []schemas.Flavor
	Images   []schemas.Image // base images, account 0
	Clusters []schemas.Cluster
}

// Auditor checks the laws of conservation over committed rows, in one snapshot of the store.
type Auditor interface {
	Audit(ctx context.Context) (Report, error)
}

// Report is what an audit found.
type Report struct {
	Checked map[string]int64 // law -> rows looked at
	Broken  []Violation
	// Unfinished counts operations that are not terminal; laws that hold only once quiet are checked when it is 0.
	Unfinished int64
	// Copies is every copy of a server that rows know, for the comparison with the hosts' inventories.
	Copies []schemas.Reservation
}

// Violation is one broken law.
type Violation struct {
	Law  string
	What string
}

// Sweeper is what a store has beside Store when it forgets old rows itself.
type Sweeper interface {
	// Sweep deletes, in small transactions, what is older at now than its retention, and returns how many
	// rows went: events and suspects 14 days, ended operations, deleted servers and images 30 days, expired keys and tokens.
	Sweep(ctx context.Context, now time.Time) (int64, error)
}
