package sqlstore

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
)

const countTry = `INSERT INTO suspect (shard, id, tries, updated) VALUES ($1, $2, 1, $3)
	ON CONFLICT (shard, id) DO UPDATE SET tries = suspect.tries + 1, updated = excluded.updated RETURNING tries`

// Suspect counts one more try of a message of a shard.
func (s *Store) Suspect(ctx context.Context, shard schemas.Shard, e schemas.Epoch, id string) (int, error) {
	var tries int
	err := s.writing(ctx, "count a try", func(tx *sqlx.Tx) error {
		if err := s.owned(ctx, tx, shard, e); err != nil {
			return err
		}
		return tx.GetContext(ctx, &tries, countTry, int(shard), id, micros(s.now()))
	})
	return tries, err
}
