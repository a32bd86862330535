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

	_ "modernc.org/sqlite" // the driver

	"github.com/ozonecloud/ozone/hosts/sim"
)

// left is what a killed node had under way.
type left struct {
	log        int64 // bytes of the write-ahead log, which the next start reads
	unfinished int
	steps      map[string]int
}

// census reads a copy of the store as the killed node left it, so that the restart finds the original. It also
// checks that no host switched a server for an operation that nobody committed.
func (r *run) census(ctx context.Context, kill int) (left, error) {
	l := left{steps: map[string]int{}}
	dir := filepath.Join(r.cfg.Dir, fmt.Sprintf("census%d", kill))
	if info, err := os.Stat(filepath.Join(r.node.Dir(), storeFile+"-wal")); err == nil {
		l.log = info.Size()
	}
	if l.log > mostLog {
		r.report.broken("the write-ahead log has %d MiB", l.log>>20)
	}
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
	if err := r.missing(ctx, db); err != nil {
		return l, err
	}
	return l, r.orphans(ctx, db)
}

// missing looks for what was accepted since the last kill and is not in the store.
func (r *run) missing(ctx context.Context, db *sql.DB) error {
	all := r.journal.all()
	for _, c := range all[r.checked:] {
		id, ok := c.accepted()
		if !ok {
			continue
		}
		found, err := has(ctx, db, id)
		if err != nil {
			return err
		}
		if !found {
			r.report.Lost++
			r.report.broken("%s %s was accepted as operation %s, which is not in the store after the kill", c.method, c.path, id)
		}
	}
	r.checked = len(all)
	return nil
}

func has(ctx context.Context, db *sql.DB, operation string) (bool, error) {
	var one int
	err := db.QueryRowContext(ctx, `SELECT 1 FROM operation WHERE id = $1`, operation).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
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

// orphans looks for hosts that did something for an operation that is not in the store: they were told before the commit.
func (r *run) orphans(ctx context.Context, db *sql.DB) error {
	did, err := sim.ReadOperations(filepath.Join(r.node.Dir(), hostsDir))
	if err != nil {
		return err
	}
	for id, host := range did {
		if r.known[id] {
			continue
		}
		r.known[id] = true // it is said once
		found, err := has(ctx, db, string(id))
		if err != nil {
			return err
		}
		if !found {
			r.report.Orphans++
			r.report.broken("host %d did something for operation %s, which no row names", host, id)
		}
	}
	return nil
}

// mostLog is how long the write-ahead log may be, some 2 s of full load: a start must not take longer the older the cloud is.
const mostLog = 256 << 20

// The store and the simulated hosts in a data directory.
const (
	storeFile = "ozone.db"
	hostsDir  = "hosts"
)

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
