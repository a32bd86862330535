package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"sync"
)

// maxGathered bounds the keys of one statement; who comes when it is full waits for the next one. Source: docs/numbers.md.
const maxGathered = 256

// gatherer joins reads that wait at the same time into one statement for all their keys. While as many statements are
// under way as may be, the next one collects; when fewer are, a read starts at once. A read never joins a statement that
// has begun: it sees everything that was committed before it came.
type gatherer[K comparable, R any] struct {
	// find reads the rows of keys, none of which comes twice, with one statement.
	find    func(ctx context.Context, keys []K) (map[K]R, error)
	limit   int            // of statements under way
	workers sync.WaitGroup // each ends when nobody waits

	mu      sync.Mutex
	running int                // workers; guarded by mu
	waiting []*gathering[K, R] // not begun, the oldest first, all but the last one full; guarded by mu
}

// gathering is the reads of one statement.
type gathering[K comparable, R any] struct {
	readers map[K]int          // how many wait for a key; guarded by the gatherer's mu
	cancel  context.CancelFunc // of the statement, nil until it begins; guarded by the gatherer's mu
	done    chan struct{}      // closed when rows and err, which nobody reads before, are there
	rows    map[K]R
	err     error
}

func newGatherer[K comparable, R any](limit int, find func(context.Context, []K) (map[K]R, error)) *gatherer[K, R] {
	return &gatherer[K, R]{find: find, limit: limit}
}

// get is the row of key, or sql.ErrNoRows. An error of a statement is that of the reads which waited for it.
func (g *gatherer[K, R]) get(ctx context.Context, key K) (R, error) {
	var none R
	if err := ctx.Err(); err != nil {
		return none, err
	}
	q := g.join(ctx, key)
	select {
	case <-q.done:
	case <-ctx.Done():
		g.leave(q, key)
		return none, ctx.Err()
	}
	if q.err != nil {
		return none, q.err
	}
	row, ok := q.rows[key]
	if !ok {
		return none, sql.ErrNoRows
	}
	return row, nil
}

func (g *gatherer[K, R]) join(ctx context.Context, key K) *gathering[K, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := len(g.waiting) - 1
	if last < 0 || len(g.waiting[last].readers) >= maxGathered {
		g.waiting = append(g.waiting, &gathering[K, R]{readers: map[K]int{}, done: make(chan struct{})})
		last++
	}
	q := g.waiting[last]
	q.readers[key]++
	if g.running < g.limit {
		g.running++
		ctx = context.WithoutCancel(ctx) // others may join
		g.workers.Go(func() { g.work(ctx) })
	}
	return q
}

// leave takes a read out. A statement that nobody waits for any more does not begin, or is cancelled.
func (g *gatherer[K, R]) leave(q *gathering[K, R], key K) {
	g.mu.Lock()
	defer g.mu.Unlock()
	q.readers[key]--
	if q.readers[key] > 0 {
		return
	}
	delete(q.readers, key)
	switch {
	case len(q.readers) > 0:
	case q.cancel != nil:
		q.cancel()
	default:
		g.waiting = slices.DeleteFunc(g.waiting, func(other *gathering[K, R]) bool { return other == q })
	}
}

func (g *gatherer[K, R]) work(ctx context.Context) {
	for more := true; more; {
		more = g.runNext(ctx)
	}
}

// runNext runs the oldest statement that waits; false: there is none, and the worker does not count any more.
func (g *gatherer[K, R]) runNext(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q, keys := g.begin(cancel)
	if q == nil {
		return false
	}
	q.rows, q.err = g.find(ctx, keys)
	close(q.done)
	return true
}

// begin takes the oldest statement out of those that can be joined.
func (g *gatherer[K, R]) begin(cancel context.CancelFunc) (*gathering[K, R], []K) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.running--
		return nil, nil
	}
	q := g.waiting[0]
	g.waiting = slices.Delete(g.waiting, 0, 1)
	q.cancel = cancel
	keys := make([]K, 0, len(q.readers))
	for key := range q.readers {
		keys = append(keys, key)
	}
	return q, keys
}

// stop waits for the workers once nobody reads any more.
func (g *gatherer[K, R]) stop() { g.workers.Wait() }
