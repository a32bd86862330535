package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

var _ sqlstore.Parter = dialect{}

// There is no default part. It would take what comes when nobody has made a day in time, and then keep the day's own
// part from being made. Instead the insert fails, the part is made, and the same batch is committed again.

// lockParts is the advisory lock of whoever makes or drops a part; its key is the word "Ozone!0".
const lockParts = `SELECT pg_advisory_xact_lock(22371142172221744)`

// Lacks tells whether the server has found no part for a row.
func (dialect) Lacks(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && e.Code == pqerror.CheckViolation && e.Constraint == "" && dailyOf(e.Table) != nil
}

// MakeParts makes the parts of the days of rows.
func (dialect) MakeParts(ctx context.Context, db *sqlx.DB, w *sqlstore.Write, rows []sqlstore.Row) error {
	t := dailyOf(w.Table)
	if t == nil {
		return nil
	}
	column := slices.IndexFunc(w.Columns, func(c sqlstore.Column) bool { return c.Name == t.column })
	days := map[day]bool{}
	for i := range rows {
		if d, ok := t.of(rows[i].Values[column]); ok {
			days[d] = true
		}
	}
	for d := range days {
		if err := makePart(ctx, db, t, d); err != nil {
			return err
		}
	}
	return nil
}

// partState is a part as it may be found: made and not attached while it is being dropped.
type partState struct {
	There    bool `db:"there"`
	Attached bool `db:"attached"`
}

const selectPart = `SELECT to_regclass($1) IS NOT NULL AS there,
	EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass($1)) AS attached`

// makePart makes a day's part where it is not there.
func makePart(ctx context.Context, db *sqlx.DB, t *daily, d day) error {
	return locked(ctx, db, func(tx *sqlx.Tx) error {
		var is partState
		if err := tx.GetContext(ctx, &is, selectPart, t.part(d)); err != nil || is.Attached {
			return err
		}
		if !is.There {
			create := fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`, t.part(d), t.table)
			if _, err := tx.ExecContext(ctx, create); err != nil {
				return err
			}
			for _, statement := range t.made {
				if _, err := tx.ExecContext(ctx, fmt.Sprintf(statement, t.part(d))); err != nil {
					return err
				}
			}
		}
		return attach(ctx, tx, t, d)
	})
}

// attach makes a table a part. Unlike a part that is made at once it stops nobody who reads or writes the others.
func attach(ctx context.Context, tx *sqlx.Tx, t *daily, d day) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s %s`, t.table, t.part(d), t.bounds(d)))
	return err
}

// locked runs fn in a transaction that nobody else makes or drops parts beside.
func locked(ctx context.Context, db *sqlx.DB, fn func(tx *sqlx.Tx) error) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	if _, err := tx.ExecContext(ctx, lockParts); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
