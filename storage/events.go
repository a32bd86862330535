package storage

import (
	"context"
	"errors"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// ErrCursorGone says that events behind the cursor may be missing, because they were too old or because the store went back in
// time since. Whoever follows begins anew: from EventsEnd, with what rows show after it.
var ErrCursorGone = errors.New("storage: the cursor is gone")

// Cursor is a place in the log of events. What is in it is the store's affair; "" is before all that is kept.
type Cursor string

// EventPage is a part of the log.
type EventPage struct {
	Events []EventRow
	Next   Cursor // behind this page, never ""
	// More says that the log went on behind Next. A page that is not full, or empty, may have more behind it.
	More bool
}

// EventReader reads the log of events.
type EventReader interface {
	// Events is what follows a cursor of an account's events, at most limit, which is at least 1. Everybody who reads on from
	// Next to Next gets each event once and misses none, in one order, in which those of one source ascend. An event is there
	// soon after its commit: once no commit is under way that may come before it.
	// Errors: ErrCursorGone; *schemas.Error of KindInvalid for what is no cursor.
	Events(ctx context.Context, account schemas.AccountID, after Cursor, limit int) (EventPage, error)
	// EventsOfAll is Events of several accounts, in the same order.
	EventsOfAll(ctx context.Context, accounts []schemas.AccountID, after Cursor, limit int) (EventPage, error)
	// EventsEnd is about the end of the log: rows that are read from now on show everything before it, and may show already what
	// follows it.
	EventsEnd(ctx context.Context) (Cursor, error)
	// Behind tells whether place a is behind place b in the log of one store.
	Behind(a, b Cursor) bool
	// History is what is kept of the events of one source of an account, without cursors, by ascending sequence.
	History(ctx context.Context, account schemas.AccountID, f HistoryFilter) ([]EventRow, error)
}

// HistoryFilter narrows the events of a source; zero members but Limit do not narrow.
type HistoryFilter struct {
	Source schemas.Ref
	After  int64     // sequence
	Since  time.Time // at this time or later
	Until  time.Time // at this time or earlier
	Last   bool      // the last ones count, and come in descending order
	Limit  int       // at least 1
}
