package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/storage"
)

// put writes a change; data that cannot be stored is the fault of the unit that wanted it.
func (s *Store) put(ctx context.Context, tx *sqlx.Tx, c *change, oneByOne bool) error {
	if len(c.rows) == 0 {
		return nil
	}
	atOnce := len(c.rows)
	if oneByOne {
		atOnce = 1
	}
	stmt := s.preparedPut(ctx, tx, c.write)
	for rows := range slices.Chunk(c.rows, atOnce) {
		err := s.dialect.Put(ctx, stmt.Stmt, c.write, rows)
		if bad, ok := errors.AsType[*RowError](err); ok && bad.Row >= 0 {
			return &storage.BadUnitError{Unit: rows[bad.Row].Unit, Err: fmt.Errorf("write %s: %w", c.write.Table, bad.Err)}
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", c.write.Table, err)
		}
	}
	return nil
}

// prepared is one of commitStatements inside tx.
func (s *Store) prepared(ctx context.Context, tx *sqlx.Tx, text string) statement {
	return statement{tx.StmtxContext(ctx, s.writes[text].Stmt)}
}

// preparedPut is the statement of a Write inside tx.
func (s *Store) preparedPut(ctx context.Context, tx *sqlx.Tx, w *Write) statement {
	return statement{tx.StmtxContext(ctx, s.puts[w].Stmt)}
}
