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
type consumer struct {
	ch         *amqp091.Channel
	incoming   <-chan amqp091.Delivery // unbuffered
	deliveries chan bus.Delivery       // as large as the window, so that a reader finds batches
	quit       chan struct{}           // closed by Close
	quitOnce   sync.Once
	ended      chan struct{} // closed when all is over

	mu        sync.Mutex
	delivered uint64 // guarded by mu; the last tag
	acked     uint64 // guarded by mu; the last acknowledged tag
	over      bool   // guarded by mu; no acknowledgement goes out any more
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
		ch: ch, incoming: incoming, deliveries: make(chan bus.Delivery, prefetch),
		quit: make(chan struct{}), ended: make(chan struct{}),
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
	_ = c.ch.Ack(tag, true) // a lost connection ends the deliveries, and they come again
}

// Close closes the channel, which gives back what is not acknowledged. It never cancels the subscription first:
// the broker would make another consumer active while this one still holds messages.
func (c *consumer) Close() {
	c.quitOnce.Do(func() { close(c.quit) })
	<-c.ended
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
	_ = c.ch.Close() // fails when the connection is lost, which does the same
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
