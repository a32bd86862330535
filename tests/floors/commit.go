package floors

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// Shape is what one operation costs a store at least.
type Shape struct {
	Commits int // one after the other
	Rows    int // in all of them together
	Bytes   int // of each row
}

// What a create and a reboot write. Source: docs/numbers.md; a reboot writes its
// server and its operation twice and two events, in 2 commits.
var (
	Create = Shape{Commits: 3, Rows: 11, Bytes: 600}
	Reboot = Shape{Commits: 2, Rows: 6, Bytes: 600}
)

// Commits measures how many operations of a shape a bare loop of batched commits writes to SQLite in a second, when
// batch of them share each transaction. The settings are those of Ozone's store.
func Commits(ctx context.Context, dir string, s Shape, batch int, d time.Duration) (float64, error) {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "cache_size(-65536)"}}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "floor.db")+"?"+q.Encode())
	if err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	defer func() { _ = db.Close() }() // its file goes
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `CREATE TABLE row (id INTEGER PRIMARY KEY, account BIGINT, doc TEXT)`); err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	insert, err := db.PrepareContext(ctx, `INSERT INTO row (id, account, doc) VALUES ($1, $2, $3)`)
	if err != nil {
		return 0, fmt.Errorf("floor: %w", err)
	}
	defer func() { _ = insert.Close() }() // with its database
	return s.repeat(batch, d, func(first, n int) error { return write(ctx, db, insert, first, n, s.Bytes) })
}

// repeat commits operations for d, batch of them in each transaction, and returns how many it was in a second.
func (s Shape) repeat(batch int, d time.Duration, commit func(first, n int) error) (float64, error) {
	began, done, rows := time.Now(), 0, 0
	for time.Since(began) < d {
		for c := range s.Commits {
			n := batch * (s.Rows*(c+1)/s.Commits - s.Rows*c/s.Commits)
			if err := commit(rows, n); err != nil {
				return 0, fmt.Errorf("floor: %w", err)
			}
			rows += n
		}
		done += batch
	}
	return float64(done) / time.Since(began).Seconds(), nil
}

func write(ctx context.Context, db *sql.DB, insert *sql.Stmt, first, n, bytes int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	bound := tx.StmtContext(ctx, insert) //nolint:sqlclosecheck // it ends with its transaction
	doc := document(bytes)
	for i := range n {
		if _, err := bound.ExecContext(ctx, first+i, i, doc); err != nil {
			return fmt.Errorf("%w, %w", err, tx.Rollback())
		}
	}
	return tx.Commit()
}
