// Package postgres is storage.Store in one database of PostgreSQL, which many processes share.
//
// Advisory locks keep claims of shards and commits to them apart, epochs tell who claimed last. Nothing of
// the store is kept in memory: another process may have changed it.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// Config says which database and how.
type Config struct {
	// URL of the database, as in postgres://user:password@host:5432/ozone?sslmode=verify-full. It must be there and
	// be Ozone's alone; its tables are made by the first process.
	URL string
	// Now is this process's clock, which the server's clock corrects. It must be given.
	Now func() time.Time
	// Log hears of what an operator should know; nil: nobody does.
	Log *slog.Logger
	// Name of this process in pg_stat_activity. Default "ozone".
	Name string
	// Mark is what Store.Mark returned last, to find out whether the database was put back since. What is no mark says nothing.
	Mark string
	// Readers is how many reads run at the same time, each on a connection. Default 8.
	Readers int
	// ReadOnly opens a store to look at; its schema must be this program's.
	ReadOnly bool
	// AllowUnsafe starts on a server that may lose what it has confirmed, like one with fsync=off: for tries, never for a cloud.
	AllowUnsafe bool
}

const (
	defaultName    = "ozone"
	defaultReaders = 8
	// writers is how many transactions run at the same time: the group commit, and beside it claims, leases and logins.
	writers = 4
	// gather is how many statements of each kind answer gathered reads at the same time. Source: docs/numbers.md.
	gather = 2
)

// Store is a storage.Store and a storage.Sweeper.
type Store struct {
	*sqlstore.Store
	target *target
	clock  *clock
	log    *slog.Logger
	mark   atomic.Value // a string
}

// Open opens the store and brings its schema up to date. A server or a database that cannot be used is an error
// that says what to do. The URL's password is in no error.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		return nil, errors.New("open store: Config.Now is not set")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Name == "" {
		cfg.Name = defaultName
	}
	if cfg.Readers <= 0 {
		cfg.Readers = defaultReaders
	}
	target, err := newTarget(cfg)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s, err := open(ctx, cfg, target)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", target, explain(err))
	}
	return s, nil
}

func open(ctx context.Context, cfg Config, target *target) (_ *Store, err error) {
	write := target.pool(writers)
	defer closeUnless(&err, write)
	if err := prepare(ctx, cfg, write); err != nil {
		return nil, err
	}
	read := target.pool(cfg.Readers)
	defer closeUnless(&err, read)
	clock := &clock{local: cfg.Now, db: read}
	if _, err := clock.measure(ctx); err != nil {
		return nil, err
	}
	inner, err := sqlstore.New(ctx, sqlstore.Config{
		Write: write, Read: read, Dialect: dialect{}, Joiner: &joiner{db: write}, Now: clock.now, ReadOnly: cfg.ReadOnly, Gather: gather,
	})
	if err != nil {
		return nil, err
	}
	if !cfg.ReadOnly {
		target.limit.Store(int64(silence))
	}
	return &Store{Store: inner, target: target, clock: clock, log: cfg.Log}, nil
}

func closeUnless(err *error, db *sqlx.DB) {
	if *err != nil {
		_ = db.Close() // the first error counts
	}
}

// prepare checks the server and brings the database up to date. Processes that start together do it one after the other.
func prepare(ctx context.Context, cfg Config, db *sqlx.DB) error {
	conn, err := db.Connx(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	if err := checkServer(ctx, conn, cfg); err != nil {
		return err
	}
	if cfg.ReadOnly {
		return checkSchema(ctx, conn)
	}
	if _, err := conn.ExecContext(ctx, lockSchema); err != nil {
		return err
	}
	// A connection that was lost has lost the lock too.
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), unlockSchema) }()
	if err := migrate(ctx, conn, db.DB); err != nil {
		return err
	}
	return keepIncarnation(ctx, conn, cfg.Log, cfg.Mark)
}

// Close returns when nothing is written any more. It may be called twice. A connection that cannot say goodbye loses
// nothing: what was committed was answered.
func (s *Store) Close() error {
	_ = s.Store.Close()
	return nil
}

// Clock is about the server's time, without asking it: what Now found last, carried on by this process's clock.
func (s *Store) Clock() time.Time { return s.clock.now() }

// Now is the server's clock: the cloud's time.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	now, err := s.clock.measure(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read clock: %w", explain(err))
	}
	return now, nil
}
