// Package sqlite is storage.Store in one SQLite file.
//
// One connection writes, a pool of others reads beside it, and a third kind moves the write-ahead log
// into the database while commits go on. One process at a time may write; who may is its caller's business.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/jmoiron/sqlx"
	sqlite3 "modernc.org/sqlite"

	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// Config says which file and how.
type Config struct {
	// Path of the database file; its directory must be there. The write-ahead log lies beside it.
	Path string
	// Now is the store's clock. It must be given.
	Now func() time.Time
	// Log hears of the file's upkeep; nil: nobody does.
	Log *slog.Logger
	// CachedObjects bounds the shown objects that are kept in memory, about 1 KB each. Default 100,000; less than 0: none.
	CachedObjects int
	// ReadOnly opens a store to look at, also beside the process that writes it; its schema must be this program's.
	ReadOnly bool
}

const (
	defaultCachedObjects = 100_000
	// readers is how many reads run at the same time. Source: docs/numbers.md.
	readers = 4
	// pageSize in bytes. Measured: pages of 8 KiB take a tenth less time a create than 4 KiB, since each
	// page of a commit costs two writes to the log; larger ones make small commits dearer.
	pageSize = 8192
	// Page caches in KiB: the writer meets every page that it changes again at the next change.
	writerCache, readerCache = 64 << 10, 8 << 10
)

// Store is a storage.Store and a storage.Sweeper.
type Store struct {
	*sqlstore.Store
	checkpoints *checkpointer
}

// Open opens the store and brings its schema up to date. A file that cannot be used is an error that says what to do.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		return nil, errors.New("open store: Config.Now is not set")
	}
	if cfg.CachedObjects == 0 {
		cfg.CachedObjects = defaultCachedObjects
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := checkFile(cfg.Path, cfg.ReadOnly); err != nil {
		return nil, err
	}
	// Without it every commit waits for the file's times too. Where the system lacks it, nothing is lost but time.
	_, _ = sqlite3.Fdatasync(true)
	s, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", cfg.Path, explain(err))
	}
	return s, nil
}

func open(ctx context.Context, cfg Config) (_ *Store, err error) {
	write, err := connect(ctx, cfg.Path, 1, writerCache, cfg.ReadOnly)
	if err != nil {
		return nil, err
	}
	defer closeUnless(&err, write)
	if err := migrate(ctx, write.DB, cfg.ReadOnly); err != nil {
		return nil, err
	}
	if err := quickCheck(ctx, write); err != nil {
		return nil, err
	}
	read, err := connect(ctx, cfg.Path, readers, readerCache, true)
	if err != nil {
		return nil, err
	}
	defer closeUnless(&err, read)
	s := &Store{}
	wrote := func(int) {}
	if !cfg.ReadOnly {
		if err := clearLog(ctx, write, cfg.Path); err != nil {
			return nil, err
		}
		side, err := connect(ctx, cfg.Path, 1, readerCache, false)
		if err != nil {
			return nil, err
		}
		s.checkpoints = newCheckpointer(ctx, side, write, cfg.Log)
		wrote = s.checkpoints.wrote
	}
	s.Store, err = sqlstore.New(ctx, sqlstore.Config{
		Write: write, Read: read, Dialect: dialect{}, Now: cfg.Now, CachedObjects: cfg.CachedObjects, Wrote: wrote,
	})
	if err != nil {
		s.checkpoints.close()
		return nil, err
	}
	return s, nil
}

func closeUnless(err *error, db *sqlx.DB) {
	if *err != nil {
		_ = db.Close() // the first error counts
	}
}

// Close returns when nothing is written any more. It may be called twice.
func (s *Store) Close() error {
	s.checkpoints.close()
	return s.Store.Close()
}

// connect opens a pool of n connections.
func connect(ctx context.Context, path string, n, cacheKiB int, readOnly bool) (*sqlx.DB, error) {
	db, err := sqlx.Open("sqlite", dsn(path, cacheKiB, readOnly))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// dsn is the data source name. Foreign keys stay off: rows are written in the order of their tables.
func dsn(path string, cacheKiB int, readOnly bool) string {
	q := url.Values{"_txlock": {"immediate"}}
	q.Add("_pragma", "busy_timeout(5000)")
	if !readOnly {
		q.Add("_pragma", fmt.Sprintf("page_size(%d)", pageSize)) // of a new file
		q.Add("_journal_mode", "WAL")                            // after the page size, which it fixes
	}
	q.Add("_pragma", "synchronous(FULL)")
	q.Add("_pragma", "foreign_keys(0)")
	q.Add("_pragma", fmt.Sprintf("cache_size(-%d)", cacheKiB))
	q.Add("_pragma", "temp_store(MEMORY)")
	q.Add("_pragma", "wal_autocheckpoint(0)") // the checkpointer does it
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	}
	file := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}
	return file.String()
}
