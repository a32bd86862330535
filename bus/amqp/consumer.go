package amqp

import (
	"math"
	"sync"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

// maxPrefetch is what AMQP has room for.
const maxPrefetch = math.MaxUint16

// consumer is a channel with one subscription. It is bound to its session: after a loss the user consumes anew.
// Its user never waits for the network: one goroutine brings deliveries, another tells the broker.
type consumer struct {
	session    *session
	ch         *amqp091.Channel
	incoming   <-chan amqp091.Delivery // unbuffered
	deliveries chan bus.Delivery       // as large as the window, so that a reader finds batches
	quit       chan struct{}           // closed by Close
	quitOnce   sync.Once
	news       chan struct{} // holds one word: acked has moved
	quiet      chan struct{} // closed when nothing is delivered or acknowledged any more
	ended      chan struct{} // closed when the broker knows it, too

	mu        sync.Mutex
	delivered uint64 // guarded by mu; the last tag
	acked     uint64 // guarded by mu; the last acknowledged tag
	over      bool   // guarded by mu; no acknowledgement is taken any more
}

func newConsumer(s *session, queue string, prefetch int) (*consumer, error) {
	ch, err := s.conn.Channel()
	if err != nil {
		return nil, err
	}
	incoming, err := subscribe(ch, queue, prefetch)
	if err != nil {
		_ = ch.Close() // the broker has closed it already
		return nil, err
	}
	return &consumer{
		session: s, ch: ch, incoming: incoming, deliveries: make(chan bus.Delivery, prefetch),
		quit: make(chan struct{}), news: make(chan struct{}, 1), quiet: make(chan struct{}), ended: make(chan struct{}),
	}, nil
}

func subscribe(ch *amqp091.Channel, queue string, prefetch int) (<-chan amqp091.Delivery, error) {
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	return ch.Consume(queue, "", false, false, false, false, nil)
}

// Deliveries is closed when the consumer is closed, its connection is lost or its queue is deleted.
func (c *consumer) Deliveries() <-chan bus.Delivery { return c.deliveries }

// Ack acknowledges up to tag. The broker closes a channel that acknowledges what it has not delivered or what is
// acknowledged: such tags end here.
func (c *consumer) Ack(tag uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tag = min(tag, c.delivered)
	if c.over || tag <= c.acked {
		return
	}
	c.acked = tag
	select {
	case c.news <- struct{}{}:
	default: // the word is there already; it is for the highest tag
	}
}

// Close closes the channel, which gives back what is not acknowledged. It never cancels the subscription first:
// the broker would make another consumer active while this one still holds messages. When it returns nothing is
// delivered any more; the broker hears of it as soon as it can.
func (c *consumer) Close() {
	c.quitOnce.Do(func() { close(c.quit) })
	<-c.quiet
}

// relay moves deliveries into the buffer until the consumer is closed or has lost its channel.
func (c *consumer) relay() {
	for c.forward() {
	}
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.takeBack()
	close(c.deliveries)
}

// report tells the broker what is acknowledged, and closes the channel behind the last of it.
func (c *consumer) report() {
	told := uint64(0)
	for {
		select {
		case <-c.news:
			told = c.tell(told)
		case <-c.quiet:
			c.tell(told)
			_ = c.session.patiently(c.ch.Close) // fails when the connection is lost, which does the same
			return
		}
	}
}

// tell acknowledges what is not told yet, all of it at once.
func (c *consumer) tell(told uint64) uint64 {
	c.mu.Lock()
	acked := c.acked
	c.mu.Unlock()
	if acked > told {
		_ = c.ch.Ack(acked, true) // a lost connection ends the deliveries, and they come again
	}
	return acked
}

func (c *consumer) forward() bool {
	select {
	case <-c.quit:
		return false
	case d, open := <-c.incoming:
		if !open {
			return false
		}
		c.mu.Lock()
		c.delivered = d.DeliveryTag
		c.mu.Unlock()
		select {
		case c.deliveries <- delivery(&d):
			return true
		case <-c.quit:
			return false
		}
	}
}

// takeBack empties the buffer, so that no reader works on what the next consumer gets.
func (c *consumer) takeBack() {
	for {
		select {
		case <-c.deliveries:
		default:
			return
		}
	}
}
