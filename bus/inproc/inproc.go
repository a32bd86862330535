// Package inproc is the bus of a single process: queues in memory, nothing on disk.
//
// A message is confirmed as soon as it stands in its queue. What it held is gone with the process,
// and nobody was promised more: the store owes what was committed.
package inproc

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
)

// The bounds of a queue, counting what is delivered and not acknowledged. A full queue refuses with
// bus.ErrFull. Source: docs/numbers.md; a reply queue has one reader that does not wait.
const (
	DefaultQueueLimit = 100_000
	DefaultReplyLimit = 10_000
)

// Config sets the bounds and the clock. The zero value is useful.
type Config struct {
	// QueueLimit is how many messages a shard or host queue holds; 0 is DefaultQueueLimit.
	QueueLimit int
	// ReplyLimit is how many messages a reply queue holds; 0 is DefaultReplyLimit.
	ReplyLimit int
	// Now is the clock that expires messages; without one nothing expires.
	Now func() time.Time
}

// Bus is queues in memory. It is safe for concurrent use.
type Bus struct {
	cfg Config

	mu     sync.RWMutex
	queues map[bus.Address]*queue // guarded by mu
	dead   []bus.DeadLetter       // guarded by mu; the latest ones, oldest first
	closed bool                   // guarded by mu
}

var _ bus.Bus = (*Bus)(nil)

// New makes an empty bus.
func New(cfg Config) *Bus {
	if cfg.QueueLimit == 0 {
		cfg.QueueLimit = DefaultQueueLimit
	}
	if cfg.ReplyLimit == 0 {
		cfg.ReplyLimit = DefaultReplyLimit
	}
	return &Bus{cfg: cfg, queues: map[bus.Address]*queue{}}
}

// Publish puts m into the queue at to and confirms before it returns.
func (b *Bus) Publish(ctx context.Context, to bus.Address, m bus.Message, confirmed func(error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q, err := b.queue(to)
	if err == nil {
		err = q.publish(m)
	}
	confirmed(err)
	return nil
}

// Declare makes the queue if it is not there.
func (b *Bus) Declare(ctx context.Context, a bus.Address) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return bus.ErrClosed
	}
	if q := b.queues[a]; q == nil || q.isGone() {
		b.queues[a] = b.newQueue(a)
	}
	return nil
}

func (b *Bus) newQueue(a bus.Address) *queue {
	q := &queue{limit: b.cfg.QueueLimit, now: b.cfg.Now}
	if a.IsReply() {
		q.limit = b.cfg.ReplyLimit
		q.ended = func() { b.drop(a, q) }
	}
	return q
}

// Consume joins the line of the queue at a.
func (b *Bus) Consume(ctx context.Context, a bus.Address, prefetch int) (bus.Consumer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if prefetch < 1 {
		return nil, fmt.Errorf("consume %s: prefetch %d, want at least 1", a, prefetch)
	}
	q, err := b.queue(a)
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", a, err)
	}
	c, err := q.consume(prefetch)
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", a, err)
	}
	return c, nil
}

// Durable is false: the queues are memory of this process.
func (b *Bus) Durable() bool { return false }

// Depth is how many messages all queues hold: those that wait and those that are delivered and not acknowledged.
func (b *Bus) Depth() (waiting, unacked int) {
	for _, q := range b.all() {
		w, u := q.depth()
		waiting, unacked = waiting+w, unacked+u
	}
	return waiting, unacked
}

// Close ends every consumer and drops every message.
func (b *Bus) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	for _, q := range b.all() {
		q.close(bus.ErrClosed)
	}
	return nil
}

func (b *Bus) queue(a bus.Address) (*queue, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return nil, bus.ErrClosed
	}
	q := b.queues[a]
	if q == nil {
		return nil, bus.ErrUnroutable
	}
	return q, nil
}

func (b *Bus) all() []*queue {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := make([]*queue, 0, len(b.queues))
	for _, q := range b.queues {
		all = append(all, q)
	}
	return all
}

// drop forgets a reply queue whose last consumer is gone.
func (b *Bus) drop(a bus.Address, q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queues[a] == q {
		delete(b.queues, a)
	}
}
