package kills

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ozonecloud/ozone/hosts/sim"

	_ "modernc.org/sqlite" // the driver
)

// left is what a killed node had under way.
type left struct {
	unfinished int
	steps      map[string]int
}

// census reads a copy of the store as the killed node left it, so that the restart finds the original. It also
// checks that no host switched a server for an operation that nobody committed.
func (r *run) census(ctx context.Context, kill int) (left, error) {
	l := left{steps: map[string]int{}}
	dir := filepath.Join(r.cfg.Dir, fmt.Sprintf("census%d", kill))
	if err := copyStore(r.node.Dir(), dir); err != nil {
		return l, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the run's directory goes anyway
	db, err := sql.Open("sqlite", filepath.Join(dir, storeFile))
	if err != nil {
		return l, err
	}
	defer func() { _ = db.Close() }() // a copy
	if err := l.count(ctx, db); err != nil {
		return l, fmt.Errorf("census: %w", err)
	}
	return l, r.orphans(ctx, db)
}

const selectUnfinished = `SELECT coalesce(json_extract(doc, '$.step'), ''), count(*) FROM operation WHERE unfinished = 1 GROUP BY 1`

func (l *left) count(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, selectUnfinished)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err says it
	for rows.Next() {
		var step string
		var n int
		if err := rows.Scan(&step, &n); err != nil {
			return err
		}
		l.unfinished += n
		l.steps[step] += n
	}
	return rows.Err()
}

// orphans looks for power switches by operations that are not in the store: the host was told before the commit.
func (r *run) orphans(ctx context.Context, db *sql.DB) error {
	log, err := sim.ReadPowerLog(filepath.Join(r.node.Dir(), "hosts"))
	if err != nil {
		return err
	}
	known := map[string]bool{"": true}
	for _, e := range log {
		id := string(e.Operation)
		if known[id] || r.report.orphan[id] {
			continue
		}
		var one int
		err := db.QueryRowContext(ctx, `SELECT 1 FROM operation WHERE id = $1`, id).Scan(&one)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			r.report.orphan[id] = true
			r.report.broken("host %d switched server %d for operation %s, which no row names", e.Host, e.Server, id)
		case err != nil:
			return err
		default:
			known[id] = true
		}
	}
	return nil
}

// storeFile is the store in a data directory.
const storeFile = "ozone.db"

func copyStore(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal"} {
		err := copyFile(filepath.Join(from, storeFile+suffix), filepath.Join(to, storeFile+suffix))
		if err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("copy store: %w", err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from) //nolint:gosec // the test's own directory
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := os.Create(to)         //nolint:gosec // the test's own directory
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
