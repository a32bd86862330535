package sqlstore

import (
	"cmp"
	"context"
	"math"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Log reads events in their order, which is not the same in each database.
type Log interface {
	// Page reads at most limit events of accounts, at least one, behind a place.
	Page(ctx context.Context, tx *sqlx.Tx, accounts []int64, after Place, limit int) (LogPage, error)
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
	return s.EventsOfAll(ctx, []schemas.AccountID{account}, after, limit)
}

// EventsOfAll is Events of several accounts, in the same order.
func (s *Store) EventsOfAll(
	ctx context.Context, accounts []schemas.AccountID, after storage.Cursor, limit int,
) (storage.EventPage, error) {
	at, err := parseCursor(after)
	if err != nil {
		return storage.EventPage{}, err
	}
	ids := make([]int64, len(accounts))
	for i, id := range accounts {
		ids[i] = int64(id)
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
		p, err := s.dialect.Page(ctx, tx, ids, at.place, max(limit, 1))
		if err != nil {
			return storage.EventPage{}, err
		}
		return p.page(kept.Incarnation, now), nil
	})
}

// page is what a reader at the time now gets.
func (p *LogPage) page(incarnation string, now int64) storage.EventPage {
	next := cursor{incarnation: incarnation, place: p.Next, time: now}
	if p.More {
		next.time = p.Time
	}
	page := storage.EventPage{Events: make([]storage.EventRow, len(p.Rows)), Next: next.text(), More: p.More}
	for i := range p.Rows {
		r := &p.Rows[i]
		page.Events[i] = r.event()
		page.Events[i].Cursor = cursor{incarnation: incarnation, place: Place{r.Xact, r.Position}, time: r.Time}.text()
	}
	return page
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

// Behind tells whether place a is behind place b in the log of one store.
func (s *Store) Behind(a, b storage.Cursor) bool {
	of, err := parseCursor(a)
	if err != nil {
		return false
	}
	than, err := parseCursor(b)
	return err == nil && cmp.Or(cmp.Compare(of.place.Xact, than.place.Xact), cmp.Compare(of.place.Position, than.place.Position)) > 0
}

const (
	selectHistory = `SELECT ` + EventColumns + ` FROM event WHERE kind = $1 AND source = $2 AND account = $3 AND sequence > $4
		AND time >= $5 AND time <= $6 ORDER BY sequence LIMIT $7`
	selectLast = `SELECT ` + EventColumns + ` FROM event WHERE kind = $1 AND source = $2 AND account = $3 AND sequence > $4
		AND time >= $5 AND time <= $6 ORDER BY sequence DESC LIMIT $7`
)

// History is what is kept of the events of one source of an account.
func (s *Store) History(ctx context.Context, account schemas.AccountID, f storage.HistoryFilter) ([]storage.EventRow, error) {
	query := selectHistory
	if f.Last {
		query = selectLast
	}
	until := int64(math.MaxInt64)
	if !f.Until.IsZero() {
		until = micros(f.Until)
	}
	return reading(s, "read history", func() ([]storage.EventRow, error) {
		rows, err := list[EventRow](ctx, s, query,
			string(f.Source.Kind), f.Source.ID, int64(account), f.After, micros(f.Since), until, max(f.Limit, 1))
		if err != nil {
			return nil, err
		}
		events := make([]storage.EventRow, len(rows))
		for i := range rows {
			events[i] = rows[i].event()
		}
		return events, nil
	})
}
