package sqlstore

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Log reads events in their order, which is not the same in each database.
type Log interface {
	// Page reads at most limit events of an account behind a place.
	Page(ctx context.Context, tx *sqlx.Tx, account int64, after Place, limit int) (LogPage, error)
	// End is the last place of which all that comes before it is committed.
	End(ctx context.Context, tx *sqlx.Tx) (Place, error)
}

// Place is where a reader of the log is.
type Place struct {
	Xact     uint64 // of the transaction that wrote the event; 0 where one writes at a time
	Position int64
}

// LogPage is what a reader gets.
type LogPage struct {
	Rows []EventRow
	Next Place // behind what was looked at
	More bool  // something is behind Next
	Time int64 // with More: of the last event before Next, as it is stored
}

// EventRow is a row of the log.
type EventRow struct {
	Xact     uint64 `db:"xact"`
	Position int64  `db:"position"`
	Kind     string `db:"kind"`
	Source   int64  `db:"source"`
	Sequence int64  `db:"sequence"`
	Account  int64  `db:"account"`
	Shard    int    `db:"shard"`
	Type     string `db:"type"`
	Time     int64  `db:"time"`
	Body     []byte `db:"body"`
}

// EventColumns are those of EventRow but xact.
const EventColumns = `position, kind, source, sequence, account, shard, type, time, body`

func (r *EventRow) event() storage.EventRow {
	return storage.EventRow{
		Ref: schemas.Ref{Kind: schemas.ActorKind(r.Kind), ID: r.Source}, Sequence: r.Sequence, Account: schemas.AccountID(r.Account),
		Shard: schemas.Shard(r.Shard), Type: r.Type, Time: instant(r.Time), Body: r.Body,
	}
}

// Events is what follows a cursor of an account's events.
func (s *Store) Events(ctx context.Context, account schemas.AccountID, after storage.Cursor, limit int) (storage.EventPage, error) {
	at, err := parseCursor(after)
	if err != nil {
		return storage.EventPage{}, err
	}
	return reading(s, "read events", func() (storage.EventPage, error) {
		now := micros(s.now()) // before the log is read: what is committed from now on is behind the page
		tx, err := s.read.BeginTxx(ctx, s.dialect.Snapshot())
		if err != nil {
			return storage.EventPage{}, err
		}
		defer func() { _ = tx.Rollback() }() // it only read
		kept, err := readLogState(ctx, tx)
		if err != nil {
			return storage.EventPage{}, err
		}
		if after != "" && at.gone(kept) {
			return storage.EventPage{}, storage.ErrCursorGone
		}
		p, err := s.dialect.Page(ctx, tx, int64(account), at.place, max(limit, 1))
		if err != nil {
			return storage.EventPage{}, err
		}
		next := cursor{incarnation: kept.Incarnation, place: p.Next, time: now}
		if p.More {
			next.time = p.Time
		}
		page := storage.EventPage{Events: make([]storage.EventRow, len(p.Rows)), Next: next.text(), More: p.More}
		for i := range p.Rows {
			page.Events[i] = p.Rows[i].event()
		}
		return page, nil
	})
}

// EventsEnd is about the end of the log: rows that are read from now on show everything before it.
func (s *Store) EventsEnd(ctx context.Context) (storage.Cursor, error) {
	return reading(s, "read the end of events", func() (storage.Cursor, error) {
		now := micros(s.now())
		tx, err := s.read.BeginTxx(ctx, s.dialect.Snapshot())
		if err != nil {
			return "", err
		}
		defer func() { _ = tx.Rollback() }() // it only read
		kept, err := readLogState(ctx, tx)
		if err != nil {
			return "", err
		}
		place, err := s.dialect.End(ctx, tx)
		return cursor{incarnation: kept.Incarnation, place: place, time: now}.text(), err
	})
}
