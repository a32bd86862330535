package sqlite

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/jmoiron/sqlx"
)

const (
	// checkpointBytes is about how much log is written between two checkpoints. Commits go on meanwhile.
	checkpointBytes = 32 << 20
	// commitBytes counts for each commit beside its rows: also the smallest one writes whole pages of every table and
	// index that it touches. Measured: 30 pages, under a load of small commits.
	commitBytes = 30 * pageSize
	// longLog is from which length on commits wait until a checkpoint has copied its end too, so that the log begins
	// anew: under load there is no other moment at which all of it is copied.
	longLog = checkpointBytes / 2
	// leftLog is how much log of an ended process a start reads without copying it.
	leftLog = 8 << 20
)

// checkpointer copies the write-ahead log into the database beside the commits: inside
// a commit it would cost every thousandth of them tens of milliseconds.
type checkpointer struct {
	side  *sqlx.DB // its own connection
	write *sqlx.DB // the writer's, for what must not run beside a commit
	log   *slog.Logger

	bytes atomic.Int64  // committed since the last checkpoint, about
	due   chan struct{} // holds one: a checkpoint that is due twice is one
	stop  context.CancelFunc
	done  chan struct{} // closed when run has returned
	once  sync.Once
}

func newCheckpointer(ctx context.Context, side, write *sqlx.DB, log *slog.Logger) *checkpointer {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &checkpointer{side: side, write: write, log: log, due: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	go c.run(ctx) // ends with close
	return c
}

// wrote counts what a commit has written.
func (c *checkpointer) wrote(bytes int) {
	if c.bytes.Add(int64(bytes)+commitBytes) < checkpointBytes {
		return
	}
	c.bytes.Store(0)
	select {
	case c.due <- struct{}{}:
	default:
	}
}

// close returns when no checkpoint is under way. It may be called twice, and on nil.
func (c *checkpointer) close() {
	if c == nil {
		return
	}
	c.once.Do(func() {
		c.stop()
		<-c.done
		_ = c.side.Close() // it only copied; the log is still there
	})
}

func (c *checkpointer) run(ctx context.Context) {
	defer close(c.done)
	for {
		select {
		case <-c.due:
		case <-ctx.Done():
			return
		}
		length, err := checkpoint(ctx, c.side, copyLog)
		if err == nil && length > longLog {
			_, err = checkpoint(ctx, c.write, copyLog)
		}
		if err != nil && ctx.Err() == nil {
			c.log.Warn("checkpoint failed; the write-ahead log grows until one succeeds", "error", err)
		}
	}
}

// clearLog copies the log that an ended process has left, when it is long, and cuts it off. Without this a process that is
// always killed early would never copy any of it, and each start would read more.
func clearLog(ctx context.Context, write *sqlx.DB, path string) error {
	info, err := os.Stat(path + "-wal")
	if err != nil || info.Size() < leftLog {
		return nil //nolint:nilerr // there is none yet
	}
	_, err = checkpoint(ctx, write, cutLog)
	return err
}

const (
	copyLog = `PRAGMA wal_checkpoint(PASSIVE)`
	cutLog  = `PRAGMA wal_checkpoint(TRUNCATE)`
)

// checkpoint copies what no reader needs to stay, by one of the statements above. It returns the length of the log in bytes.
func checkpoint(ctx context.Context, db *sqlx.DB, statement string) (int64, error) {
	var row struct {
		Busy   int   `db:"busy"` // somebody reads: the rest is copied later
		Log    int64 `db:"log"`  // pages
		Copied int   `db:"checkpointed"`
	}
	err := db.GetContext(ctx, &row, statement)
	return row.Log * pageSize, err
}
