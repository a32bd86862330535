package sqlstore

import (
	"context"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const selectSentEvents = `SELECT upto FROM event_sent WHERE account = $1`

// SentEvents is how far the events of an account are sent.
func (s *Store) SentEvents(ctx context.Context, account schemas.AccountID) (storage.Cursor, error) {
	return reading(s, "read how far events are sent", func() (storage.Cursor, error) {
		found, err := list[string](ctx, s, selectSentEvents, int64(account))
		if err != nil || len(found) == 0 {
			return "", err
		}
		return storage.Cursor(found[0]), nil
	})
}

// SaveSentEvents keeps how far the events of some accounts are sent.
func (s *Store) SaveSentEvents(ctx context.Context, upTo map[schemas.AccountID]storage.Cursor) error {
	c := change{write: putSentEvents}
	for _, account := range slices.Sorted(maps.Keys(upTo)) { // two who save the same must not wait for one another
		c.add(0, int64(account), string(upTo[account]))
	}
	return s.writing(ctx, "save how far events are sent", func(tx *sqlx.Tx) error { return s.put(ctx, tx, &c, false) })
}
