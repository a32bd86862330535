// Package amqp is the bus of many processes: RabbitMQ with quorum queues and publisher confirms.
//
// A bus has two connections, one to publish and one to consume, since the broker stops reading from those
// who publish when it runs out of memory or disk. When one is lost it is dialed again; what belonged to the
// lost session ends with it: consumers close, and messages without a confirm have an unknown outcome.
package amqp

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

// DefaultQueueLimit is how many messages a shard or host queue holds before it refuses more.
// Source: docs/numbers.md.
const DefaultQueueLimit = 100_000

// DefaultPatience is far above what a busy broker takes. Source: docs/numbers.md.
const DefaultPatience = 20 * time.Second

// Config says which broker and which clock. URL and Now are required.
type Config struct {
	// URL of the broker, amqp:// or amqps://, with the virtual host of the nodes as its path.
	URL string
	// Name is shown in the broker's list of connections; default "ozone".
	Name string
	// QueueLimit is how many messages a shard or host queue holds; 0 is DefaultQueueLimit. All nodes must agree,
	// and the queues that are there keep the limit they were declared with.
	QueueLimit int
	// Patience is how long a request may be without its answer, and a message without its confirm on a connection that is
	// not blocked, before the connection is given up for a new one; 0 is DefaultPatience.
	Patience time.Duration
	// Log hears of lost and new connections; nil is silence.
	Log *slog.Logger
	// Now is the clock that turns the time a message expires into its time to live.
	Now func() time.Time
}

func (c *Config) complete() error {
	if c.Now == nil {
		return fmt.Errorf("bus: a clock (Now) is missing")
	}
	if c.Name == "" {
		c.Name = "ozone"
	}
	if c.QueueLimit == 0 {
		c.QueueLimit = DefaultQueueLimit
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Bus is a pair of connections to RabbitMQ. It is safe for concurrent use.
type Bus struct {
	cfg     Config
	read    func(*amqp091.Delivery) bus.Delivery
	dead    string // the exchange of dead letters
	sift    bool   // strangers write what is read
	publish *link
	consume *link
	direct  direct
	seed    maphash.Seed // which address goes through which lane
	stop    context.CancelFunc

	mu        sync.Mutex
	closed    bool                              // guarded by mu
	consumers map[*consumer]struct{}            // guarded by mu
	replies   map[bus.Address]*replyDestination // guarded by mu; this process's own reply queues
	quiet     chan struct{}                     // closed at the end of Close
}

var _ bus.Bus = (*Bus)(nil)

// Open connects and declares the exchanges. Its error says which part of the setting is wrong.
func Open(ctx context.Context, cfg Config) (*Bus, error) {
	b := &Bus{read: delivery, dead: exchangeDead}
	if err := b.open(ctx, cfg, declareExchanges); err != nil {
		return nil, err
	}
	return b, nil
}

// open connects; prepare makes a new consuming session usable.
func (b *Bus) open(ctx context.Context, cfg Config, prepare func(context.Context, *session) error) error {
	if err := cfg.complete(); err != nil {
		return err
	}
	d, err := newDialer(cfg)
	if err != nil {
		return err
	}
	d.sift = b.sift
	b.cfg, b.seed, b.quiet = cfg, maphash.MakeSeed(), make(chan struct{})
	b.direct.here = map[bus.Address]*consumer{}
	b.consumers, b.replies = map[*consumer]struct{}{}, map[bus.Address]*replyDestination{}
	b.consume = newLink("consume", d, prepare, cfg.Log)
	b.publish = newLink("publish", d, b.openLanes, cfg.Log)
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	for _, l := range []*link{b.consume, b.publish} {
		if err := l.start(ctx, life); err != nil {
			_ = b.Close() // the first error says more
			return err
		}
	}
	return nil
}

// Publish hands m to the broker. While there is no connection, or the broker has blocked it, m is refused with bus.ErrFull.
// Beyond ctx it waits for one write at the most, see writeTime.
func (b *Bus) Publish(ctx context.Context, to bus.Address, m bus.Message, confirmed func(error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Direct && b.direct.hand(to, &m) {
		confirmed(nil)
		return nil
	}
	p, err := b.publishing(to, m)
	if err != nil {
		confirmed(err)
		return nil
	}
	return b.hand(ctx, p, confirmed)
}

// hand gives p to the lane of its key.
func (b *Bus) hand(ctx context.Context, p publishing, confirmed func(error)) error {
	s := b.publish.session()
	if s == nil {
		confirmed(b.away(bus.ErrFull))
		return nil
	}
	ordered := p.key
	if p.topic {
		ordered = p.exchange // one order for all that is under it
	}
	lane := s.lanes[maphash.String(b.seed, ordered)%uint64(len(s.lanes))]
	handed, err := lane.publish(ctx, p, confirmed)
	if err != nil || handed {
		return err
	}
	confirmed(b.away(bus.ErrFull))
	return nil
}

// send is hand that waits for the confirm.
func (b *Bus) send(ctx context.Context, p publishing) error {
	done := make(chan error, 1) // one confirmation, never blocks
	if err := b.hand(ctx, p, func(err error) { done <- err }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Declare makes the queue at a. A queue that was declared with other arguments is an error that says so.
func (b *Bus) Declare(ctx context.Context, a bus.Address) error {
	s, err := b.session(ctx)
	if err != nil {
		return fmt.Errorf("declare %s: %w", a, err)
	}
	if a.IsReply() {
		err = b.declareReply(ctx, s, a)
	} else {
		err = s.control(ctx, declareQueue(a, b.cfg.QueueLimit))
	}
	if err != nil {
		return fmt.Errorf("declare %s: %w", a, explainDeclare(err))
	}
	return nil
}

// Consume joins the line of the queue at a, on a channel of its own.
func (b *Bus) Consume(ctx context.Context, a bus.Address, prefetch int) (bus.Consumer, error) {
	s, err := b.session(ctx)
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", a, err)
	}
	c, err := ask(ctx, s, func() (*consumer, error) { return b.join(ctx, s, a, prefetch, false, func() {}) }, (*consumer).Close)
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", a, err)
	}
	return c, nil
}

// join makes a consumer, which is alone when no other one can be active; ended is called when the broker knows of its end, or
// at once when there is none.
func (b *Bus) join(
	ctx context.Context, s *session, a bus.Address, prefetch int, alone bool, ended func(),
) (*consumer, error) {
	c, left, err := b.consumer(s, a, prefetch)
	if err != nil {
		ended()
		return nil, err
	}
	c.began = sync.OnceFunc(func() { b.direct.open(a, c) })
	if alone || b.onlyReply(a) {
		c.began()
	}
	b.mu.Lock()
	b.consumers[c] = struct{}{}
	closed := b.closed
	b.mu.Unlock()
	go func() { // ends with Close or with the channel
		c.relay()
		b.direct.close(a, c)
		left()
		close(c.quiet)
	}()
	go func() { // ends after that
		c.report()
		ended()
		for _, m := range c.left() {
			b.giveBack(context.WithoutCancel(ctx), a, *m)
		}
		b.mu.Lock()
		delete(b.consumers, c)
		b.mu.Unlock()
		close(c.ended)
	}()
	if closed {
		c.Close()
		return nil, bus.ErrClosed
	}
	return c, nil
}

// consumer subscribes; left is to be called when nothing is delivered any more.
func (b *Bus) consumer(s *session, a bus.Address, prefetch int) (c *consumer, left func(), err error) {
	if prefetch < 1 || prefetch > maxPrefetch {
		return nil, nil, fmt.Errorf("prefetch %d, want 1 to %d", prefetch, maxPrefetch)
	}
	queue, left, err := b.enter(s, a)
	if err != nil {
		return nil, nil, err
	}
	if c, err = newConsumer(s, queue, prefetch, b.read); err != nil {
		left()
		return nil, nil, explainConsume(err)
	}
	return c, left, nil
}

// session is the consuming connection's.
func (b *Bus) session(ctx context.Context) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.away(nil); err != nil {
		return nil, err
	}
	s := b.consume.session()
	if s == nil {
		return nil, errAway
	}
	return s, nil
}

// away is why there is no session: the bus is closed, or else.
func (b *Bus) away(otherwise error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return bus.ErrClosed
	}
	return otherwise
}

// Durable is true: the queues of shards and hosts are quorum queues, which confirm what is on disk.
func (b *Bus) Durable() bool { return true }

// Close ends the consumers, gives the broker a while to confirm what was published, and hangs up.
func (b *Bus) Close() error {
	b.mu.Lock()
	again := b.closed
	b.closed = true
	open := make([]*consumer, 0, len(b.consumers))
	for c := range b.consumers {
		open = append(open, c)
	}
	b.mu.Unlock()
	if again {
		<-b.quiet
		return nil
	}
	b.closeAll(open)
	if s := b.publish.session(); s != nil {
		s.drain()
	}
	b.stop()
	b.publish.wait()
	b.consume.wait()
	close(b.quiet)
	return nil
}

// closeAll gives up a broker that does not answer.
func (b *Bus) closeAll(consumers []*consumer) {
	if s := b.consume.session(); s != nil {
		late := time.AfterFunc(drainTime, s.cut)
		defer late.Stop()
	}
	var wg sync.WaitGroup
	for _, c := range consumers {
		wg.Go(func() {
			c.Close()
			<-c.ended
		})
	}
	wg.Wait()
}

// Status is how a bus stands with its broker.
type Status struct {
	Consuming  bool // deliveries can come
	Publishing bool // messages can go
	Blocked    bool // the broker takes no messages for now
}

// Status tells how the bus stands with its broker at this moment.
func (b *Bus) Status() Status {
	p := b.publish.session()
	blocked := p != nil && p.gate.isShut()
	return Status{Consuming: b.consume.session() != nil, Publishing: p != nil && !blocked, Blocked: blocked}
}
