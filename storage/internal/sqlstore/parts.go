package sqlstore

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/storage"
)

// Parter is what a Dialect is, too, whose tables may be in parts that have to be there before their rows.
type Parter interface {
	// Lacks tells whether err says that the part of a row is not there.
	Lacks(err error) bool
	// MakeParts makes the parts of rows that are not there. A row that no part could hold gets none.
	MakeParts(ctx context.Context, db *sqlx.DB, w *Write, rows []Row) error
}

// commitInParts is commit, once more when nobody has made the parts of its rows in time.
func (s *Store) commitInParts(ctx context.Context, b *storage.Batch, p *plan, changes []change, oneByOne bool) error {
	err := s.commit(ctx, b, p, changes, oneByOne)
	maker, ok := s.dialect.(Parter)
	if !ok || !maker.Lacks(err) {
		return err
	}
	for i := range changes {
		c := &changes[i]
		if err := maker.MakeParts(ctx, s.write, c.write, c.rows); err != nil {
			return fmt.Errorf("make parts of %s: %w", c.write.Table, err)
		}
	}
	return s.commit(ctx, b, p, changes, oneByOne)
}
