package inproc

import (
	"slices"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
)

// queue is one line of messages with one line of consumers, the first of which is active.
type queue struct {
	limit int
	now   func() time.Time // nil: nothing expires
	ended func()           // called once when a reply queue ends; nil for the others

	mu        sync.Mutex
	ready     ring[entry] // guarded by mu; not delivered yet
	unacked   ring[entry] // guarded by mu; delivered to the active consumer, by ascending tag
	consumers []*consumer // guarded by mu
	gone      error       // guarded by mu; why nothing can be done with the queue any more
}

type entry struct {
	bus.Message
	redeliveries int
}

func (q *queue) publish(m bus.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone != nil {
		return q.gone
	}
	if q.ready.n+q.unacked.n >= q.limit {
		return bus.ErrFull
	}
	q.ready.push(entry{Message: m})
	q.pump()
	return nil
}

func (q *queue) consume(prefetch int) (*consumer, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone != nil {
		return nil, q.gone
	}
	c := &consumer{queue: q, prefetch: prefetch, deliveries: make(chan bus.Delivery, prefetch)}
	q.consumers = append(q.consumers, c)
	q.pump()
	return c, nil
}

// pump delivers to the active consumer what its window takes. Called with mu held. The send never
// blocks: the channel has room for the whole window, and a consumer that acknowledges what it has not
// read waits for its own reading.
func (q *queue) pump() {
	if len(q.consumers) == 0 {
		return
	}
	c := q.consumers[0]
	for q.ready.n > 0 && q.unacked.n < c.prefetch && len(c.deliveries) < c.prefetch {
		e := q.ready.pop()
		if q.expired(e) {
			continue
		}
		q.unacked.push(e)
		c.tag++
		c.deliveries <- bus.Delivery{Message: e.Message, Tag: c.tag, Redeliveries: e.redeliveries}
	}
}

// expired never holds for what was delivered once: somebody may have begun with it.
func (q *queue) expired(e entry) bool {
	return q.now != nil && e.redeliveries == 0 && !e.Expires.IsZero() && q.now().After(e.Expires)
}

// remove takes c out of the line; what it had not acknowledged goes back in front.
func (q *queue) remove(c *consumer) {
	q.mu.Lock()
	last := q.leave(c)
	q.mu.Unlock()
	if last && q.ended != nil {
		q.ended()
	}
}

// leave tells whether c was the last one. Called with mu held.
func (q *queue) leave(c *consumer) bool {
	i := slices.Index(q.consumers, c)
	if i < 0 {
		return false // closed already
	}
	if i == 0 {
		q.requeue()
	}
	q.consumers = slices.Delete(q.consumers, i, i+1)
	c.end()
	if len(q.consumers) == 0 && q.ended != nil {
		q.gone = bus.ErrUnroutable
		q.ready = ring[entry]{}
	}
	q.pump()
	return len(q.consumers) == 0
}

func (q *queue) requeue() {
	for q.unacked.n > 0 {
		e := q.unacked.popBack()
		e.redeliveries++
		q.ready.pushFront(e)
	}
}

func (q *queue) ack(c *consumer, tag uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.consumers) == 0 || q.consumers[0] != c {
		return // closed, or nothing was delivered to it yet
	}
	for tag = min(tag, c.tag); c.acked < tag; c.acked++ {
		q.unacked.pop()
	}
	q.pump()
}

func (q *queue) isGone() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.gone != nil
}

func (q *queue) depth() (waiting, unacked int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ready.n, q.unacked.n
}

func (q *queue) close(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gone = why
	for _, c := range q.consumers {
		c.end()
	}
	q.consumers = nil
	q.ready, q.unacked = ring[entry]{}, ring[entry]{}
}

// consumer is one place in a queue's line.
type consumer struct {
	queue      *queue
	prefetch   int
	deliveries chan bus.Delivery // as large as the window
	tag        uint64            // of the last delivery; guarded by queue.mu
	acked      uint64            // the last acknowledged tag; guarded by queue.mu
}

func (c *consumer) Deliveries() <-chan bus.Delivery { return c.deliveries }

func (c *consumer) Ack(tag uint64) { c.queue.ack(c, tag) }

func (c *consumer) Close() { c.queue.remove(c) }

// end closes the channel. What nobody took out of it is taken back, so that no reader works on
// what the next consumer gets. Called with queue.mu held, once.
func (c *consumer) end() {
	for len(c.deliveries) > 0 {
		select {
		case <-c.deliveries:
		default: // a reader was quicker
		}
	}
	close(c.deliveries)
}
