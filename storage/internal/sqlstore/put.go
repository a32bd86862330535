package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/storage"
)

// joinedPuts is the changes of a batch for one statement.
type joinedPuts struct {
	stmt   statement
	writes []*Write
	rows   [][]Row
}

// maxJoins bounds how many combinations of Writes have a statement of their own; a rare one is written
// statement by statement.
const maxJoins = 64

// join prepares changes for one statement: before the transaction, since to prepare may need a second connection.
// It is nil when each Write is to have its own.
func (s *Store) join(ctx context.Context, changes []change) (*joinedPuts, error) {
	j, ok := s.dialect.(Joiner)
	if !ok {
		return nil, nil //nolint:nilnil // not joined
	}
	p := new(joinedPuts)
	for i := range changes {
		if len(changes[i].rows) > 0 {
			p.writes = append(p.writes, changes[i].write)
			p.rows = append(p.rows, changes[i].rows)
		}
	}
	if len(p.writes) < 2 {
		return nil, nil //nolint:nilnil // nothing to join
	}
	var err error
	if p.stmt, ok, err = s.joins.getUpTo(ctx, maxJoins, j.Join(p.writes)); err != nil || !ok {
		return nil, err
	}
	return p, nil
}

func (s *Store) putAll(ctx context.Context, tx *sqlx.Tx, p *joinedPuts) error {
	j, ok := s.dialect.(Joiner)
	if !ok {
		return errors.New("the dialect joins nothing")
	}
	stmt := statement{tx.StmtxContext(ctx, p.stmt.Stmt)}
	if err := j.PutAll(ctx, stmt.Stmt, p.writes, p.rows); err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	return nil
}

func (s *Store) putEach(ctx context.Context, tx *sqlx.Tx, changes []change, oneByOne bool) error {
	for i := range changes {
		if err := s.put(ctx, tx, &changes[i], oneByOne); err != nil {
			return err
		}
	}
	return nil
}

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
