package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// dialect writes and finds many rows with one statement, whose parameters are an array for each column.
type dialect struct{}

var _ sqlstore.Dialect = dialect{}

// Statement is the text for any number of rows.
func (d dialect) Statement(w *sqlstore.Write) string { return d.statement(w, 1) }

// statement has the parameters from the number first on.
func (dialect) statement(w *sqlstore.Write, first int) string {
	rows := unnest(w.Columns, first)
	switch w.Action {
	case sqlstore.Delete:
		return "DELETE FROM " + w.Table + " USING " + rows + " WHERE " + equals(w.Table, w.Columns)
	case sqlstore.Add:
		key, sums := w.Columns[:1], make([]string, len(w.Columns)-1)
		for i, c := range w.Columns[1:] {
			sums[i] = fmt.Sprintf("%s = %s.%[1]s + new.%[1]s", c.Name, w.Table)
		}
		return "UPDATE " + w.Table + " SET " + strings.Join(sums, ", ") + " FROM " + rows + " WHERE " + equals(w.Table, key)
	default:
		return "INSERT INTO " + w.Table + " (" + names(w.Columns) + ") SELECT " + names(w.Columns) + " FROM " + rows + " " + w.Conflict + orRefused(w)
	}
}

func orRefused(w *sqlstore.Write) string {
	if !w.OrRefused {
		return ""
	}
	return " OR refused(" + w.Table + ".account, " + w.Table + ".operation)"
}

// Query is the text for any number of keys. Each is looked up by itself: a join with all of them would be planned by the
// size that the table has now, and a plan that was made for an empty table reads all of it when it has grown.
func (dialect) Query(l *sqlstore.Lookup) string {
	terms := make([]string, 0, len(l.Key)+1)
	for _, c := range l.Key {
		terms = append(terms, c.Name+" = new."+c.Name)
	}
	if l.Where != "" {
		terms = append(terms, l.Where)
	}
	if l.Parted != "" {
		// The statement opens only the parts between two parameters; by the keys alone it would open all of them.
		terms = append(terms, fmt.Sprintf("%s BETWEEN $%d AND $%d", l.Parted, len(l.Key)+1, len(l.Key)+2))
	}
	return "SELECT found.* FROM " + unnest(l.Key, 1) + " CROSS JOIN LATERAL (SELECT " + l.Columns + " FROM " + l.Table +
		" WHERE " + strings.Join(terms, " AND ") + " LIMIT 1) AS found"
}

var arrayTypes = map[sqlstore.Type]string{sqlstore.Int: "BIGINT[]", sqlstore.Text: "TEXT[]", sqlstore.Bytes: "BYTEA[]"}

// unnest is the rows of the parameters, in their order, as the table new.
func unnest(columns []sqlstore.Column, first int) string {
	marks := make([]string, len(columns))
	for i, c := range columns {
		marks[i] = fmt.Sprintf("$%d::%s", first+i, arrayTypes[c.Type])
	}
	return "unnest(" + strings.Join(marks, ", ") + ") AS new (" + names(columns) + ")"
}

func names(columns []sqlstore.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name
	}
	return strings.Join(list, ", ")
}

func equals(table string, columns []sqlstore.Column) string {
	terms := make([]string, len(columns))
	for i, c := range columns {
		terms[i] = fmt.Sprintf("%s.%s = new.%[2]s", table, c.Name)
	}
	return strings.Join(terms, " AND ")
}

// Put writes all rows at once; of several it cannot tell which one is at fault.
func (d dialect) Put(ctx context.Context, stmt *sqlx.Stmt, w *sqlstore.Write, rows []sqlstore.Row) error {
	culprit := -1
	if len(rows) == 1 {
		culprit = 0
	}
	args, err := arrays(w.Columns, len(rows), func(row int) []any { return rows[row].Values })
	if err != nil {
		return err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if d.IsData(err) {
		return &sqlstore.RowError{Row: culprit, Err: err}
	}
	if err != nil || w.Refused == "" {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if n < int64(len(rows)) {
		return &sqlstore.RowError{Row: culprit, Err: errors.New(w.Refused)}
	}
	return nil
}

// Find looks up all keys at once.
func (dialect) Find(ctx context.Context, stmt *sqlx.Stmt, l *sqlstore.Lookup, keys [][]any, see func(*sqlx.Rows) error) error {
	args, err := arrays(l.Key, len(keys), func(row int) []any { return keys[row] })
	if err != nil {
		return err
	}
	if l.Parted != "" {
		least, greatest := span(l, keys)
		args = append(args, least, greatest)
	}
	rows, err := stmt.QueryxContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		if err := see(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// span is the least and the greatest value of the column by which the table is in parts: a text.
func span(l *sqlstore.Lookup, keys [][]any) (least, greatest string) {
	at := slices.IndexFunc(l.Key, func(c sqlstore.Column) bool { return c.Name == l.Parted })
	for i, key := range keys {
		value, _ := key[at].(string)
		if i == 0 {
			least, greatest = value, value
		}
		least, greatest = min(least, value), max(greatest, value)
	}
	return least, greatest
}

// lockClass is the first half of the keys of the shards' advisory locks: "Oz".
const lockClass = 0x4f7a

// Lock takes advisory locks in the order of the shards. What waits here sees in its next statement, not
// before, what was committed meanwhile.
func (dialect) Lock(ctx context.Context, tx *sqlx.Tx, shards []schemas.Shard, exclusive bool) error {
	if len(shards) == 0 {
		return nil
	}
	// Without parameters it is one round trip.
	_, err := tx.ExecContext(ctx, lock(shards, exclusive))
	return err
}

func lock(shards []schemas.Shard, exclusive bool) string {
	function := "pg_advisory_xact_lock_shared"
	if exclusive {
		function = "pg_advisory_xact_lock"
	}
	calls := make([]string, len(shards))
	for i, shard := range shards {
		calls[i] = fmt.Sprintf("%s(%d, %d)", function, lockClass, int(shard))
	}
	return "SELECT " + strings.Join(calls, ", ")
}

// Snapshot is a transaction whose first statement decides what all of it see.
func (dialect) Snapshot() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// IsData tells whether err is the fault of the data that was written.
func (dialect) IsData(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	if !ok {
		return false
	}
	switch e.Code.Class() {
	case pqerror.ClassDataException, pqerror.ClassIntegrityConstraintViolation, pqerror.ClassProgramLimitExceeded,
		pqerror.ClassCardinalityViolation: // two rows of one statement for one key
		return true
	default:
		return false
	}
}

// Explain adds to an error of the server what its operator can do about it.
func (dialect) Explain(err error) error { return explain(err) }
