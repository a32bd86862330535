package amqp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
)

// giveBackPause is between two tries to give the broker what a consumer has left.
const giveBackPause = 200 * time.Millisecond

// direct knows the consumers in this process to which the broker delivers: what is Direct goes to them without it.
// Measured: a message through the broker costs 0.26 ms of its processor time and two wake-ups of each side.
type direct struct {
	mu   sync.RWMutex
	here map[bus.Address]*consumer // guarded by mu
}

// open lets c have what is Direct: it is the active one of its queue until it ends.
func (d *direct) open(a bus.Address, c *consumer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.here[a] = c
}

func (d *direct) close(a bus.Address, c *consumer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.here[a] == c {
		delete(d.here, a)
	}
}

// hand gives m to the consumer of the queue at a; false: there is none, or it has as much as it may have.
func (d *direct) hand(a bus.Address, m *bus.Message) bool {
	d.mu.RLock()
	c := d.here[a]
	d.mu.RUnlock()
	return c != nil && c.take(m)
}

// take delivers m as if the broker had.
func (c *consumer) take(m *bus.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.direct == c.prefetch {
		return false
	}
	c.direct++
	c.deliver(bus.Delivery{Message: *m}, held{direct: m})
	return true
}

// left is what came directly and was not acknowledged; the consumer is over.
func (c *consumer) left() []*bus.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	var left []*bus.Message
	for _, h := range c.open {
		if h.direct != nil {
			left = append(left, h.direct)
		}
	}
	return left
}

// giveBack has the broker bring what a consumer has left to the next one, wherever that is. It goes on trying until the message
// expires or the bus is closed. Answers are dropped: whoever waits for one reads its operation.
func (b *Bus) giveBack(ctx context.Context, to bus.Address, m bus.Message) {
	if to.IsReply() || !m.Expires.IsZero() && b.cfg.Now().After(m.Expires) {
		return
	}
	m.Direct = false
	again := func(err error) {
		if err != nil && !errors.Is(err, bus.ErrClosed) {
			time.AfterFunc(giveBackPause, func() { b.giveBack(ctx, to, m) })
		}
	}
	if err := b.Publish(ctx, to, m, again); err != nil {
		again(err)
	}
}
