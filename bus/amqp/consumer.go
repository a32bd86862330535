package amqp

import (
	"math"
	"slices"
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
	prefetch   int
	read       func(*amqp091.Delivery) bus.Delivery
	began      func()                  // hears that the broker delivers: no other consumer of the queue is active
	incoming   <-chan amqp091.Delivery // unbuffered
	deliveries chan bus.Delivery       // has room for the broker's window and for as much that comes directly
	quit       chan struct{}           // closed by Close
	quitOnce   sync.Once
	news       chan struct{} // holds one word: acked has moved
	quiet      chan struct{} // closed when nothing is delivered or acknowledged any more
	ended      chan struct{} // closed when the broker knows it, too

	mu     sync.Mutex
	open   []held // guarded by mu; delivered and not acknowledged, by tag
	acked  uint64 // guarded by mu; the last acknowledged tag
	answer uint64 // guarded by mu; the last acknowledged tag of the broker
	direct int    // guarded by mu; how many of open came directly
	over   bool   // guarded by mu; nothing is delivered and no acknowledgement is taken any more
}

// held is a delivery that is not acknowledged: the broker's, or one that came directly.
type held struct {
	tag    uint64       // the broker's, whose tags do not count what came directly; 0: it came directly
	direct *bus.Message // nil: the broker has it
}

func newConsumer(s *session, queue string, prefetch int, read func(*amqp091.Delivery) bus.Delivery) (*consumer, error) {
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
		session: s, ch: ch, prefetch: prefetch, read: read, began: func() {}, incoming: incoming, deliveries: make(chan bus.Delivery, 2*prefetch),
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
	if c.over || tag <= c.acked {
		return
	}
	n := min(tag-c.acked, uint64(len(c.open)))
	before := c.answer
	for _, h := range c.open[:n] {
		if h.direct == nil {
			c.answer = h.tag
		} else {
			c.direct--
		}
	}
	c.open = slices.Delete(c.open, 0, int(n)) //nolint:gosec // at most two windows
	c.acked += n
	if c.answer == before {
		return
	}
	select {
	case c.news <- struct{}{}:
	default: // the word is there already; it is for the highest tag
	}
}

// deliver puts d into the buffer, which has room for all that may be open. The caller holds mu, and c is not over.
func (c *consumer) deliver(d bus.Delivery, h held) {
	c.open = append(c.open, h)
	d.Tag = c.acked + uint64(len(c.open))
	c.deliveries <- d
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
	answer := c.answer
	c.mu.Unlock()
	if answer > told {
		_ = c.ch.Ack(answer, true) // a lost connection ends the deliveries, and they come again
	}
	return answer
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
		c.deliver(c.read(&d), held{tag: d.DeliveryTag}) // only this goroutine makes it over
		c.mu.Unlock()
		c.began()
		return true
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
