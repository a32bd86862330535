// Package sqlstore is storage.Store over the SQL that SQLite and Postgres share.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Config is what a Store is made of.
type Config struct {
	// Write is the handle of every transaction that writes, Read of all others; Close closes both.
	Write, Read *sqlx.DB
	Dialect     Dialect
	// Joiner commits in fewer messages; nil: statement by statement.
	Joiner Joiner
	// Now is the store's clock.
	Now func() time.Time
	// CachedObjects bounds the copies that Object answers from; 0: none, as it must be when another process writes too.
	CachedObjects int
	// Gather is how many statements at a time, for each kind of row, answer reads of single rows that wait together;
	// 0: each read is a statement of its own.
	Gather int
	// ReadOnly refuses every transaction that writes.
	ReadOnly bool
	// Wrote is told how many bytes each commit wrote, about; nil: nobody is.
	Wrote func(bytes int)
}

// Store is storage.Store; the packages that open a database embed it.
type Store struct {
	write, read *sqlx.DB
	dialect     Dialect
	joiner      Joiner
	now         func() time.Time
	wrote       func(bytes int)
	readOnly    bool
	cache       *objectCache
	writes      map[string]statement // prepared on write, by text; not changed after New
	puts        map[*Write]statement // the same, by what they write
	reads       statements
	gathered    gathered
	gate        gate
	// order is held, when there is a cache, from the begin of a transaction that changes snapshots until the cache has them.
	order sync.Mutex
}

// New makes a Store over databases that have the schema.
func New(ctx context.Context, c Config) (*Store, error) {
	if c.Now == nil {
		return nil, errors.New("open store: no clock")
	}
	if c.Wrote == nil {
		c.Wrote = func(int) {}
	}
	s := &Store{
		write: c.Write, read: c.Read, readOnly: c.ReadOnly, dialect: c.Dialect, joiner: c.Joiner, now: c.Now, wrote: c.Wrote,
		cache: newObjectCache(c.CachedObjects), writes: map[string]statement{}, puts: map[*Write]statement{},
		reads: statements{db: c.Read, byText: map[string]statement{}},
	}
	s.gathered = newGathered(s, c.Gather)
	if err := s.prepareWrites(ctx); err != nil {
		return nil, fmt.Errorf("open store: %w", c.Dialect.Explain(err))
	}
	return s, nil
}

// keepOrder holds order until what it returns is called.
func (s *Store) keepOrder() func() {
	if s.cache.parts == nil {
		return func() {}
	}
	s.order.Lock()
	return s.order.Unlock
}

// prepareWrites prepares what runs often: not in a transaction, since the writing handle may have one connection.
func (s *Store) prepareWrites(ctx context.Context) (err error) {
	for _, text := range append(s.commitStatements(), countRequest(1), countRequest(2)) {
		if s.writes[text], err = prepare(ctx, s.write, text); err != nil {
			return err
		}
	}
	for _, w := range allWrites() {
		if s.puts[w], err = prepare(ctx, s.write, s.dialect.Statement(w)); err != nil {
			return err
		}
	}
	return nil
}

// Now is the store's clock: the cloud's time.
func (s *Store) Now(context.Context) (time.Time, error) { return s.now(), nil }

// Close returns when nothing is written any more. It may be called twice.
func (s *Store) Close() error {
	if !s.gate.close() {
		return nil
	}
	s.gathered.stop()
	if s.joiner != nil {
		s.joiner.Close()
	}
	return errors.Join(s.read.Close(), s.write.Close())
}

// fail is err as callers of Store get it: what they branch on unchanged, the rest with what was tried.
func (s *Store) fail(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return storage.ErrNotFound
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrClosed), errors.Is(err, storage.ErrWentBack),
		errors.Is(err, storage.ErrCursorGone):
		return err
	}
	if _, ok := errors.AsType[*schemas.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*storage.FencedError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*storage.BadUnitError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*storage.OverRateError](err); ok {
		return err
	}
	return fmt.Errorf("%s: %w", doing, s.dialect.Explain(err))
}

// get reads one row, or sql.ErrNoRows.
func get[T any](ctx context.Context, s *Store, query string, args ...any) (T, error) {
	var row T
	stmt, err := s.reads.get(ctx, query)
	if err != nil {
		return row, err
	}
	err = stmt.GetContext(ctx, &row, args...)
	return row, err
}

// list reads many rows.
func list[T any](ctx context.Context, s *Store, query string, args ...any) ([]T, error) {
	stmt, err := s.reads.get(ctx, query)
	if err != nil {
		return nil, err
	}
	var rows []T
	err = stmt.SelectContext(ctx, &rows, args...)
	return rows, err
}

// reading runs fn, an exported method that reads, while the store is open.
func reading[T any](s *Store, doing string, fn func() (T, error)) (T, error) {
	if err := s.gate.enter(); err != nil {
		var none T
		return none, err
	}
	defer s.gate.leave()
	got, err := fn()
	return got, s.fail(doing, err)
}

// writing runs fn in a transaction of its own while the store is open.
func (s *Store) writing(ctx context.Context, doing string, fn func(tx *sqlx.Tx) error) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	tx, err := s.begin(ctx)
	if err != nil {
		return s.fail(doing, err)
	}
	if err := fn(tx); err != nil {
		_ = tx.Rollback() // the first error counts; the database may have rolled back by itself
		return s.fail(doing, err)
	}
	return s.fail(doing, tx.Commit())
}

var errReadOnly = errors.New("the store was opened to be read")

// begin begins a transaction that writes.
func (s *Store) begin(ctx context.Context) (*sqlx.Tx, error) {
	if s.readOnly {
		return nil, errReadOnly
	}
	return s.write.BeginTxx(ctx, nil)
}

// statement is a prepared statement that lives as long as its handle, which closes it.
type statement struct{ *sqlx.Stmt }

func prepare(ctx context.Context, db *sqlx.DB, text string) (statement, error) {
	stmt, err := db.PreparexContext(ctx, text)
	if err != nil {
		return statement{}, fmt.Errorf("prepare %q: %w", text, err)
	}
	return statement{stmt}, nil
}

// statements prepares each text once.
type statements struct {
	db     *sqlx.DB
	mu     sync.RWMutex
	byText map[string]statement // guarded by mu
}

func (c *statements) get(ctx context.Context, text string) (statement, error) {
	c.mu.RLock()
	stmt, ok := c.byText[text]
	c.mu.RUnlock()
	if ok {
		return stmt, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if stmt, ok = c.byText[text]; ok {
		return stmt, nil
	}
	stmt, err := prepare(ctx, c.db, text)
	if err == nil {
		c.byText[text] = stmt
	}
	return stmt, err
}

// gate lets calls in until it is closed, and closes when those inside have left.
type gate struct {
	mu     sync.RWMutex // held shared by every call inside
	closed bool         // guarded by mu
}

func (g *gate) enter() error {
	g.mu.RLock()
	if g.closed {
		g.mu.RUnlock()
		return storage.ErrClosed
	}
	return nil
}

func (g *gate) leave() { g.mu.RUnlock() }

// close tells whether it was this call that closed the gate.
func (g *gate) close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.closed
	g.closed = true
	return !was
}

// micros is t as it is stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// instant is the time that micros stored.
func instant(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// flag is b as it is stored.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
