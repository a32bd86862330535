package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
)

// Dialect is what the databases do not share.
type Dialect interface {
	Writer
	Reader
	// Lock keeps claims of shards (exclusive) and commits to them (shared) apart until tx ends.
	Lock(ctx context.Context, tx *sqlx.Tx, shards []schemas.Shard, exclusive bool) error
	// Snapshot is how a transaction begins that reads one state of the store.
	Snapshot() *sql.TxOptions
	// IsData tells whether err is the fault of the data that was written.
	IsData(err error) bool
	// Explain adds to an error of the database what its operator can do about it.
	Explain(err error) error
}

// Writer writes many rows of one table.
type Writer interface {
	// Statement is the text that Put runs for w. It is prepared once.
	Statement(w *Write) string
	// Put writes rows, at least one, with the prepared Statement of w. When one row is at fault, and would be again,
	// the error is a *RowError; the transaction is of no use then.
	Put(ctx context.Context, stmt *sqlx.Stmt, w *Write, rows []Row) error
}

// Reader is how rows are read that one text cannot find in every database.
type Reader interface {
	Finder
	Log
}

// Finder reads rows by many keys.
type Finder interface {
	// Query is the text that Find runs for l. It is prepared once.
	Query(l *Lookup) string
	// Find calls see on each row that a key of keys finds, in any order, with the prepared Query of l.
	// A key is in the order of l.Key and comes once.
	Find(ctx context.Context, stmt *sqlx.Stmt, l *Lookup, keys [][]any, see func(rows *sqlx.Rows) error) error
}

// Joiner commits in fewer messages, where each is a way to a server and back.
type Joiner interface {
	// Begin begins a transaction with what a commit begins with, in this order: it moves the committer, locks shards like
	// Lock, not exclusively, reads the epochs of all shards, and calls see on each row that a key of keys, which are numbers,
	// finds. Each sees what was committed before it began.
	Begin(
		ctx context.Context, c Committer, shards []schemas.Shard, l *Lookup, keys [][]any, see func(rows *sqlx.Rows) error,
	) (Joined, Entry, error)
	// Close lets go of connections; no transaction is under way.
	Close()
}

// Joined is a transaction of a Joiner. Commit or Rollback is its last call.
type Joined interface {
	// PutAll writes rows of many Writes, none of which writes a row of another, with one statement. The error about data
	// that cannot be stored is a *RowError; it cannot tell which row is at fault.
	PutAll(ctx context.Context, writes []*Write, rows [][]Row) error
	Commit(ctx context.Context) error
	Rollback(ctx context.Context)
}

// Entry is what a commit has found where it began.
type Entry struct {
	Moved  bool   // the committer was at the number before the batch's
	Epochs string // what SelectEpochs found
}

// Committer is a committer at the number of a batch.
type Committer struct {
	ID     string
	Number int64
	Now    int64 // the time, as it is stored
}

// Type is how a column is passed to the database.
type Type int

// The types of columns.
const (
	Int Type = iota
	Text
	Bytes
)

// Column is one column that a Write fills.
type Column struct {
	Name string
	Type Type
}

// Lookup is a select of columns by a key that finds at most one row.
type Lookup struct {
	Table   string // or a join of tables, in which no other column is named like one of the key
	Columns string // separated by commas
	Key     []Column
	Where   string // what else must hold of the row; "": nothing
	// Parted is the column of the key by whose order the table may be in parts; "": it never is.
	Parted string
}

// Action is what a Write does.
type Action int

// The actions.
const (
	// Insert inserts rows.
	Insert Action = iota
	// Delete deletes by all columns.
	Delete
	// Add adds the columns after the first to the row that the first one names.
	Add
)

// Write is a statement that writes many rows of one table.
type Write struct {
	Table   string
	Columns []Column
	Action  Action
	// Conflict is what an insert does when the row is there: "" makes that an error.
	Conflict string
	// OrRefused adds to the condition of Conflict: or the operation that the row there names was refused.
	OrRefused bool
	// Refused is the reason when a row changes nothing; "" when that is no error.
	Refused string
}

// Row is one row of a Write and the unit of the batch that wants it.
type Row struct {
	Unit   int
	Values []any // int64, string, []byte or nil
}

// RowError says which row of a Put cannot be written.
type RowError struct {
	Row int // less than 0: any of them
	Err error
}

// Error names the row and the reason.
func (e *RowError) Error() string {
	if e.Row < 0 {
		return fmt.Sprintf("one of the rows: %v", e.Err)
	}
	return fmt.Sprintf("row %d: %v", e.Row, e.Err)
}

// Unwrap is the reason.
func (e *RowError) Unwrap() error { return e.Err }
