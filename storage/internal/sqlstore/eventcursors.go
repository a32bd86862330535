package sqlstore

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	selectSentEvents = `SELECT upto FROM event_sent WHERE account = $1`
	putSentEvents    = `INSERT INTO event_sent (account, upto) VALUES ($1, $2) ON CONFLICT (account) DO UPDATE SET upto = excluded.upto`
)

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

// SaveSentEvents keeps how far the events of an account are sent.
func (s *Store) SaveSentEvents(ctx context.Context, account schemas.AccountID, upTo storage.Cursor) error {
	return s.writing(ctx, "save how far events are sent", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, putSentEvents, int64(account), string(upTo))
		return err
	})
}
