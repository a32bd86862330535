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
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/ozonecloud/ozone/tests/node"
)

// embedded is a cloud in one process, with its bus and its store.
type embedded struct {
	*node.Node
	run *run
}

func (e *embedded) start(ctx context.Context) ([]string, error) {
	cfg := e.run.cfg
	n, err := node.Start(ctx, node.Config{
		Binary: cfg.Binary, Dir: filepath.Join(cfg.Dir, "data"), Env: cfg.Env,
		Args: []string{"--hosts", fmt.Sprintf("sim:%d", cfg.Hosts), "--sim-delay", cfg.Delay.String(), "--log-level", "warn"},
	})
	if err != nil {
		return nil, err
	}
	e.Node = n
	return []string{n.URL()}, nil
}

func (e *embedded) account(ctx context.Context, user string) (node.Account, error) {
	return e.Account(ctx, user, node.Unlimited)
}

// programs does nothing: a bus in the memory of a process is reached by nobody else.
func (e *embedded) programs(context.Context, []*tenant) error { return nil }

func (e *embedded) audit(ctx context.Context) (string, error) { return e.Audit(ctx) }

func (e *embedded) hosts() string { return filepath.Join(e.Dir(), hostsDir) }

func (e *embedded) stop() error { return e.Stop() }

func (e *embedded) end() {
	if e.Node != nil {
		_ = e.Kill9() // after an error; else it has ended
	}
}

// mend says that a process which is alone never ends by itself.
func (e *embedded) mend(context.Context) error {
	select {
	case <-e.Ended():
		return fmt.Errorf("the node ended by itself\n%s", tail(e.Log()))
	default:
		return nil
	}
}

// kill kills the node, looks at what it left and starts it again.
func (e *embedded) kill(ctx context.Context, i int) error {
	r := e.run
	r.gate.close()
	if err := e.Kill9(); err != nil {
		return err
	}
	left, err := e.census(ctx, i)
	if err != nil {
		return err
	}
	if i%5 == 4 {
		if err := r.killEarly(ctx, e.Node); err != nil {
			return err
		}
	}
	took, err := e.Restart(ctx)
	if err != nil {
		return err
	}
	r.gate.open()
	r.report.kill("node", left)
	r.report.ready(took)
	r.cfg.Log("kill %3d: %3d unfinished, %5d accepted so far, ready after %s", i+1, left.unfinished, r.journal.accepted(), took.Round(time.Millisecond))
	return nil
}

// sqliteRows are the statements of a census of SQLite.
var sqliteRows = statements{
	unfinished: `SELECT coalesce(json_extract(doc, '$.step'), ''), count(*) FROM operation WHERE unfinished = 1 GROUP BY 1`,
	onTrial:    `SELECT count(*) FROM server WHERE status = 'VERIFY_RESIZE' AND json_extract(state, '$.probe') IS NOT NULL`,
	absent:     `SELECT value FROM json_each($1) EXCEPT SELECT id FROM operation`,
}

// mostLog is how long the write-ahead log may be, some 2 s of full load: a start must not take longer the older the cloud is.
const mostLog = 256 << 20

// census reads a copy of the store as the killed node left it, so that the restart finds the original.
func (e *embedded) census(ctx context.Context, kill int) (left, error) {
	log := int64(0) // which the next start reads
	if info, err := os.Stat(filepath.Join(e.Dir(), storeFile+"-wal")); err == nil {
		log = info.Size()
	}
	e.run.report.Log = max(e.run.report.Log, log)
	if log > mostLog {
		e.run.report.broken("the write-ahead log has %d MiB", log>>20)
	}
	dir := filepath.Join(e.run.cfg.Dir, fmt.Sprintf("census%d", kill))
	if err := copyStore(e.Dir(), dir); err != nil {
		return left{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the run's directory goes anyway
	db, err := sql.Open("sqlite", filepath.Join(dir, storeFile))
	if err != nil {
		return left{}, err
	}
	defer func() { _ = db.Close() }() // a copy
	return e.run.census(ctx, rows{db, sqliteRows})
}

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
