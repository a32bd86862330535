package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// The advisory lock of the processes that run on the store: of one that runs alone, or of all that share it. Its key is the
// word "Ozone!1".
const (
	lockStore  = `SELECT pg_try_advisory_lock(22371142172221745)`
	shareStore = `SELECT pg_try_advisory_lock_shared(22371142172221745)`
)

// holdEvery is how often a holder looks whether it still is one. Source: docs/numbers.md.
const holdEvery = time.Second

// ErrHeld says that another process runs on the store and one of the two wants it for itself: its bus is in its own memory.
var ErrHeld = errors.New("another node runs on this database, and only nodes with a --bus amqp://... share one: " +
	"give both such a bus, or stop that node, or give this one another database with --store")

// Hold makes this process one that runs on the store: the only one, or one of those that share it. The lock is a session's: it
// ends with the process, and is taken again after the server was away. When that is refused by then, lost is told. The function
// gives it back. Whatever happens in between, the fence of each commit keeps two from writing.
func (s *Store) Hold(ctx context.Context, alone bool, lost func(error)) (release func(), err error) {
	lock := shareStore
	if alone {
		lock = lockStore
	}
	h, err := s.takeHold(ctx, lock)
	if err != nil {
		return nil, err
	}
	if err := s.look(ctx, h.conn); err != nil {
		h.close()
		return nil, fmt.Errorf("hold store: %w", explain(err))
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { // ends with release
		defer close(done)
		s.keepHold(ctx, lock, h, lost)
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

// hold is the session that has the lock.
type hold struct {
	db   *sqlx.DB // for this session alone: closing it ends the session
	conn *sqlx.Conn
}

func (h *hold) close() {
	if h != nil {
		_ = h.conn.Close() // nothing was written
		_ = h.db.Close()
	}
}

// takeHold takes the lock in one of its two ways.
func (s *Store) takeHold(ctx context.Context, lock string) (_ *hold, err error) {
	db := s.target.pool(1)
	defer closeUnless(&err, db)
	conn, err := db.Connx(ctx)
	if err != nil {
		return nil, fmt.Errorf("hold store: %w", explain(err))
	}
	h := &hold{db, conn}
	var taken bool
	if err := conn.GetContext(ctx, &taken, lock); err != nil {
		return nil, errors.Join(fmt.Errorf("hold store: %w", explain(err)), conn.Close())
	}
	if !taken {
		return nil, errors.Join(ErrHeld, conn.Close())
	}
	return h, nil
}

// keepHold looks after the lock until ctx ends.
func (s *Store) keepHold(ctx context.Context, lock string, h *hold, lost func(error)) {
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.close()
			return
		}
		if h != nil && s.look(ctx, h.conn) == nil {
			continue
		}
		h.close()
		var err error
		if h, err = s.takeHold(ctx, lock); errors.Is(err, ErrHeld) {
			lost(err)
			return
		}
		if h, err = s.heldAgain(ctx, h, err); err != nil && ctx.Err() == nil {
			s.log.Debug("store not held; it is tried again", "error", err)
		}
	}
}

// heldAgain looks at what has come back: it may be another server than the one that went away, or an older state of it.
func (s *Store) heldAgain(ctx context.Context, h *hold, err error) (*hold, error) {
	if err != nil {
		return nil, err
	}
	if err := keepIncarnation(ctx, h.conn, s.log, s.Mark()); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}
