package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	codes "modernc.org/sqlite/lib"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// dialect writes row by row: measured, statements of many rows are not faster in process.
type dialect struct{}

var _ sqlstore.Dialect = dialect{}

// Statement is the text for one row.
func (dialect) Statement(w *sqlstore.Write) string {
	switch w.Action {
	case sqlstore.Delete:
		return "DELETE FROM " + w.Table + " WHERE " + equals(w.Columns)
	case sqlstore.Add:
		return add(w)
	default:
		return insert(w)
	}
}

func insert(w *sqlstore.Write) string {
	names, marks := make([]string, len(w.Columns)), make([]string, len(w.Columns))
	for i, c := range w.Columns {
		names[i], marks[i] = c.Name, "?" // a parameter without a name is the fastest to bind
	}
	return "INSERT INTO " + w.Table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ") " + w.Conflict + orRefused(w)
}

func orRefused(w *sqlstore.Write) string {
	if !w.OrRefused {
		return ""
	}
	return " OR EXISTS (SELECT 1 FROM operation AS o WHERE o.account = " + w.Table + ".account AND o.id = " + w.Table +
		".operation AND o.state IN ('rejected', 'expired'))"
}

// add numbers its parameters: the key is the first one and comes last in the text.
func add(w *sqlstore.Write) string {
	terms := make([]string, len(w.Columns)-1)
	for i, c := range w.Columns[1:] {
		terms[i] = fmt.Sprintf("%s = %[1]s + ?%d", c.Name, i+2)
	}
	return "UPDATE " + w.Table + " SET " + strings.Join(terms, ", ") + " WHERE " + w.Columns[0].Name + " = ?1"
}

func equals(columns []sqlstore.Column) string {
	terms := make([]string, len(columns))
	for i, c := range columns {
		terms[i] = c.Name + " = ?"
	}
	return strings.Join(terms, " AND ")
}

// Put writes row after row.
func (d dialect) Put(ctx context.Context, stmt *sqlx.Stmt, w *sqlstore.Write, rows []sqlstore.Row) error {
	for i := range rows {
		result, err := stmt.ExecContext(ctx, rows[i].Values...)
		if d.IsData(err) {
			return &sqlstore.RowError{Row: i, Err: err}
		}
		if err != nil {
			return err
		}
		if w.Refused == "" {
			continue
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			return &sqlstore.RowError{Row: i, Err: errors.New(w.Refused)}
		}
	}
	return nil
}

// Query is the text for one key.
func (dialect) Query(l *sqlstore.Lookup) string {
	text := "SELECT " + l.Columns + " FROM " + l.Table + " WHERE " + equals(l.Key)
	if l.Where != "" {
		text += " AND " + l.Where
	}
	return text
}

// Find looks up key after key.
func (dialect) Find(ctx context.Context, stmt *sqlx.Stmt, _ *sqlstore.Lookup, keys [][]any, see func(*sqlx.Rows) error) error {
	for _, key := range keys {
		if err := findOne(ctx, stmt, key, see); err != nil {
			return err
		}
	}
	return nil
}

func findOne(ctx context.Context, stmt *sqlx.Stmt, key []any, see func(*sqlx.Rows) error) error {
	rows, err := stmt.QueryxContext(ctx, key...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	if rows.Next() {
		if err := see(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Lock has nothing to do: an immediate transaction has the whole file.
func (dialect) Lock(context.Context, *sqlx.Tx, []schemas.Shard, bool) error { return nil }

// Snapshot begins a deferred transaction: from its first read on it sees one state and stops nobody.
func (dialect) Snapshot() *sql.TxOptions { return &sql.TxOptions{ReadOnly: true} }

// IsData tells whether err is the fault of the data that was written.
func (dialect) IsData(err error) bool {
	switch code(err) {
	case codes.SQLITE_CONSTRAINT, codes.SQLITE_MISMATCH, codes.SQLITE_TOOBIG, codes.SQLITE_RANGE:
		return true
	default:
		return false
	}
}

// Explain adds to an error of SQLite what its operator can do about it.
func (dialect) Explain(err error) error { return explain(err) }
