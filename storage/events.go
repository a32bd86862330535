package storage

import (
	"context"
	"errors"

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
	// EventsEnd is about the end of the log: rows that are read from now on show everything before it, and may show already what
	// follows it.
	EventsEnd(ctx context.Context) (Cursor, error)
}
