package amqp_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/rig"
)

// TestABrokerThatDies harms a broker of its own, beside the one of the next test.
func TestABrokerThatDies(t *testing.T) {
	t.Parallel()
	brokerKilledUnderLoad(t, rig.StartRabbitMQ(t))
}

// TestABrokerThatIsStuck harms a broker of its own, one way after the other.
func TestABrokerThatIsStuck(t *testing.T) {
	t.Parallel()
	broker := rig.StartRabbitMQ(t)
	brokerBlocked(t, broker)
	queueFrozen(t, broker)
	nobodyWaits(t, broker)
	brokerHangs(t, broker)
}

// stream is the traffic to one shard.
type stream struct {
	a     bus.Address
	mixed bool // every second message is Direct

	mu        sync.Mutex
	confirmed map[int]bool // guarded by mu
	seen      map[int]bool // guarded by mu
	most      int          // guarded by mu; the highest number seen
	unknown   map[int]bool // guarded by mu
	late      []int        // guarded by mu; seen for the first time after a higher number
	refused   int          // guarded by mu
	repeated  int          // guarded by mu
	wrong     []string     // guarded by mu
	changed   *sync.Cond   // of mu
}

func newStream(shard int) *stream {
	s := &stream{a: bus.ShardQueue(schemas.Shard(shard)), confirmed: map[int]bool{}, seen: map[int]bool{}, unknown: map[int]bool{}}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// publish sends 1, 2, 3 ... until ctx ends, at most window at a time, and returns when all outcomes are known.
func (s *stream) publish(ctx context.Context, b bus.Bus) {
	const window = 100
	slots := make(chan struct{}, window)
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for n := 1; ctx.Err() == nil; n++ {
		slots <- struct{}{}
		full := make(chan struct{})
		m := bus.Message{ID: strconv.Itoa(n), Type: schemas.TypeCommand, Body: make([]byte, 300), Direct: s.direct(n)}
		_ = b.Publish(context.WithoutCancel(ctx), s.a, m, func(err error) {
			s.outcome(n, err)
			if errors.Is(err, bus.ErrFull) {
				close(full)
			}
			<-slots
		})
		select {
		case <-full: // the broker is away
			<-pause.C
		default:
		}
	}
	for range window {
		slots <- struct{}{}
	}
}

// direct messages come in any order, and again without a mark.
func (s *stream) direct(n int) bool { return s.mixed && n%2 == 0 }

func (s *stream) outcome(n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.confirmed[n] = true
	case errors.Is(err, bus.ErrFull):
		s.refused++
	case errors.Is(err, bus.ErrUnroutable), errors.Is(err, bus.ErrClosed):
		s.wrong = append(s.wrong, fmt.Sprintf("message %d: %v", n, err))
	default:
		s.unknown[n] = true
	}
	s.changed.Broadcast()
}

// consume reads until ctx ends, taking the queue up again whenever it is lost.
func (s *stream) consume(ctx context.Context, b bus.Bus) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		c, err := b.Consume(ctx, s.a, 64)
		if err != nil {
			<-pause.C
			continue
		}
		stop := context.AfterFunc(ctx, c.Close)
		for d := range c.Deliveries() {
			s.deliver(d)
			if d.Tag%16 == 0 || len(c.Deliveries()) == 0 {
				c.Ack(d.Tag)
			}
		}
		stop()
		c.Close()
	}
}

func (s *stream) deliver(d bus.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := number(d.ID)
	switch {
	case s.direct(n):
	case n > s.most:
		s.most = n
	case !s.seen[n]:
		s.late = append(s.late, n)
	case d.Redeliveries == 0:
		s.wrong = append(s.wrong, fmt.Sprintf("message %d comes again without a mark", n))
	default:
		s.repeated++
	}
	s.seen[n] = true
	s.changed.Broadcast()
}

// await blocks until ready holds.
func (s *stream) await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	late := false
	alarm := time.AfterFunc(time.Minute, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		late = true
		s.changed.Broadcast()
	})
	defer alarm.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !ready() {
		if late {
			t.Fatalf("%s: not %s within a minute (%d confirmed, %d seen)", s.a, what, len(s.confirmed), len(s.seen))
		}
		s.changed.Wait()
	}
}

func (s *stream) more(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	confirmed, seen := len(s.confirmed)+n, len(s.seen)+n
	s.mu.Unlock()
	s.await(t, fmt.Sprintf("%d more confirmed and seen", n), func() bool { return len(s.confirmed) >= confirmed && len(s.seen) >= seen })
}

func (s *stream) judge(t *testing.T) {
	t.Helper()
	s.await(t, "all that was confirmed seen", func() bool {
		for n := range s.confirmed {
			if !s.seen[n] {
				return false
			}
		}
		return true
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Logf("%s: %d confirmed, %d unknown (%d came late), %d refused, %d repeated, 0 lost",
		s.a, len(s.confirmed), len(s.unknown), len(s.late), s.refused, s.repeated)
	for _, n := range s.late { // what a lost connection had on its way may arrive after what the next one brought
		if !s.unknown[n] {
			t.Errorf("%s: message %d came for the first time after a later one", s.a, n)
		}
	}
	for _, w := range s.wrong[:min(3, len(s.wrong))] {
		t.Errorf("%s: %s", s.a, w)
	}
}

// traffic runs streams, one per shard, until the returned function judges them.
func traffic(t *testing.T, b bus.Bus, shards int) (streams []*stream, judge func()) {
	t.Helper()
	publishing, stopPublishing := context.WithCancel(t.Context())
	consuming, stopConsuming := context.WithCancel(t.Context())
	var publishers, consumers sync.WaitGroup
	for i := range shards {
		s := newStream(i)
		s.mixed = i%2 == 1
		declare(t, b, s.a)
		publishers.Go(func() { s.publish(publishing, b) })
		consumers.Go(func() { s.consume(consuming, b) })
		streams = append(streams, s)
	}
	return streams, func() {
		stopPublishing()
		publishers.Wait()
		for _, s := range streams {
			s.judge(t)
		}
		stopConsuming()
		consumers.Wait()
	}
}

func logged(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func brokerKilledUnderLoad(t *testing.T, broker *rig.RabbitMQ) {
	t.Helper()
	b := open(t, amqp.Config{URL: broker.Vhost(t, "kill"), Log: logged(t)})
	streams, judge := traffic(t, b, 4)
	if err := broker.Settle(t.Context()); err != nil { // the queues are new
		t.Fatal(err)
	}
	for range 3 {
		for _, s := range streams {
			s.more(t, 500)
		}
		broker.Kill9()
		if err := broker.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		listens := time.Now()
		for _, s := range streams {
			s.more(t, 1)
		}
		t.Logf("all shards confirm and deliver %v after the broker listens", time.Since(listens).Round(time.Millisecond))
	}
	judge()
}

func brokerBlocked(t *testing.T, broker *rig.RabbitMQ) {
	t.Helper()
	b := open(t, amqp.Config{URL: broker.Vhost(t, "block"), Log: logged(t)})
	streams, judge := traffic(t, b, 2)
	for _, s := range streams {
		s.more(t, 100)
	}
	if err := broker.Block(t.Context()); err != nil {
		t.Fatal(err)
	}
	closing := open(t, amqp.Config{URL: broker.Vhost(t, "block"), Log: logged(t)})
	for _, other := range []bus.Bus{b, closing} {
		declare(t, other, bus.ShardQueue(9)) // consumed by nobody
		untilRefused(t, other, bus.ShardQueue(9))
	}
	if got, want := b.Status(), (amqp.Status{Consuming: true, Blocked: true}); got != want {
		t.Errorf("Status() = %+v, want %+v", got, want)
	}
	began := time.Now()
	if err := bus.Send(t.Context(), b, streams[0].a, bus.Message{ID: "0"}); !errors.Is(err, bus.ErrFull) {
		t.Errorf("confirmation while the broker is blocked = %v, want %v", err, bus.ErrFull)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("the refusal took %v, want it at once", took)
	}
	began = time.Now()
	if err := closing.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("Close took %v while the broker is blocked", took)
	}
	declare(t, b, bus.HostQueue(1)) // the other connection is not blocked
	if err := broker.Unblock(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		s.more(t, 100)
	}
	judge()
}

// queueFrozen has one queue answer nothing while the broker is well: what waits for its confirms must not wait for ever.
func queueFrozen(t *testing.T, broker *rig.RabbitMQ) {
	t.Helper()
	const vhost = "frozen"
	b := open(t, amqp.Config{URL: broker.Vhost(t, vhost), Log: logged(t), Patience: time.Second})
	frozen, well := bus.ShardQueue(1), bus.ShardQueue(2)
	declare(t, b, frozen)
	declare(t, b, well)
	raw(t, broker.URLOf(vhost), func(ch *amqp091.Channel) error { return ch.QueueBind(string(frozen), "#", bus.TopicOps, false, nil) })
	if err := broker.Freeze(t.Context(), vhost, string(frozen)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := b.Post(ctx, bus.Post{Topic: bus.TopicOps, Key: "-.host.1.add.-", ID: "host-1-1"}).Wait(ctx)
	if err == nil || ctx.Err() != nil || !b.Status().Publishing {
		t.Errorf("outcome of a post to a frozen queue = %v, want an error that costs no connection", err)
	}
	if err := bus.Send(ctx, b, well, bus.Message{ID: "0", Type: schemas.TypeCommand}); err != nil {
		t.Errorf("confirmation to another queue after that = %v, want nil", err)
	}
	err = bus.Send(ctx, b, frozen, bus.Message{ID: "1", Type: schemas.TypeCommand})
	if err == nil || ctx.Err() != nil || errors.Is(err, bus.ErrFull) || errors.Is(err, bus.ErrUnroutable) {
		t.Errorf("outcome of a message to a frozen queue = %v, want one that says that nobody knows", err)
	}
	within(t, 10*time.Second, "Consume of a frozen queue", func() {
		ours, end := context.WithTimeout(ctx, 300*time.Millisecond)
		defer end()
		if c, err := b.Consume(ours, frozen, 1); err == nil {
			t.Errorf("Consume() of a frozen queue = %v, want an error", c)
		}
	})
	if err := broker.Thaw(t.Context(), vhost, string(frozen)); err != nil {
		t.Fatal(err)
	}
	for _, a := range []bus.Address{well, frozen} {
		if err := untilTaken(ctx, b, a); err != nil {
			t.Errorf("confirmation to %s on the next connection = %v, want nil", a, err)
		}
	}
}

// untilTaken sends a message until the next connection is there, or ctx ends.
func untilTaken(ctx context.Context, b bus.Bus, a bus.Address) error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := bus.Send(ctx, b, a, bus.Message{ID: "2", Type: schemas.TypeCommand})
		if !errors.Is(err, bus.ErrFull) || ctx.Err() != nil {
			return err
		}
		<-again.C
	}
}

// within fails the test when what takes longer than it may.
func within(t *testing.T, bound time.Duration, what string, do func()) {
	t.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > bound {
		t.Errorf("%s took %v, want at most %v", what, took, bound)
	}
}

// nobodyWaits stops the broker in its tracks: who closes and acknowledges goes on at once, who asks waits for his context.
func nobodyWaits(t *testing.T, broker *rig.RabbitMQ) {
	t.Helper()
	const ours, soon, sent = 300 * time.Millisecond, 2 * time.Second, 10
	b := open(t, amqp.Config{URL: broker.Vhost(t, "waits"), Log: logged(t)})
	a := bus.ShardQueue(1)
	declare(t, b, a)
	for n := 1; n <= sent; n++ {
		if err := bus.Send(t.Context(), b, a, bus.Message{ID: strconv.Itoa(n), Type: schemas.TypeCommand}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := b.Consume(t.Context(), a, 2*sent)
	if err != nil {
		t.Fatal(err)
	}
	for range sent {
		<-c.Deliveries()
	}
	broker.Pause()
	within(t, soon, "Ack and Close", func() {
		c.Ack(3)
		c.Ack(5)
		c.Close()
	})
	asks := map[string]func(ctx context.Context) error{
		"Consume":            func(ctx context.Context) error { _, err := b.Consume(ctx, a, 2*sent); return err },
		"Declare":            func(ctx context.Context) error { return b.Declare(ctx, bus.ShardQueue(2)) },
		"Declare of replies": func(ctx context.Context) error { return b.Declare(ctx, bus.ReplyQueue("e")) },
		"Send": func(ctx context.Context) error {
			return bus.Send(ctx, b, a, bus.Message{ID: "x", Type: schemas.TypeCommand})
		},
		"Open": func(ctx context.Context) error {
			_, err := amqp.Open(ctx, amqp.Config{URL: broker.URLOf("waits"), Now: time.Now})
			return err
		},
	}
	for name, ask := range asks {
		within(t, ours+soon, name, func() {
			ctx, cancel := context.WithTimeout(t.Context(), ours)
			defer cancel()
			if err := ask(ctx); err == nil || ctx.Err() == nil {
				t.Errorf("%s() of a broker that hangs = %v before the context's end, want an error at its end", name, err)
			}
		})
	}
	broker.Resume()
	next, err := b.Consume(t.Context(), a, 2*sent) // waits in line behind the Consume that nobody waited for
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	first := <-next.Deliveries()
	if n := number(first.ID); n != 6 || first.Redeliveries == 0 {
		t.Errorf("the first delivery after the pause is %d, redelivered %d times, want 6, what comes behind the acknowledged ones, again", n, first.Redeliveries)
	}
	for n := 7; n <= sent; n++ {
		if d := <-next.Deliveries(); number(d.ID) != n {
			t.Errorf("delivery %s, want %d", d.ID, n)
		}
	}
}

// untilRefused publishes until the bus says that its broker takes nothing. What was on its way when the broker began to
// block is answered only when it no longer does, so each try is a message of its own.
func untilRefused(t *testing.T, b bus.Bus, a bus.Address) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := 0; ; n++ {
		try, end := context.WithTimeout(ctx, 100*time.Millisecond)
		err := bus.Send(try, b, a, bus.Message{ID: fmt.Sprint("try ", n), Type: schemas.TypeCommand})
		end()
		if errors.Is(err, bus.ErrFull) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the last of %d messages to a blocked broker: %v, want %v", n+1, err, bus.ErrFull)
		}
	}
}

// brokerHangs stops the broker in its tracks while bodies large enough to fill every buffer are on their way.
func brokerHangs(t *testing.T, broker *rig.RabbitMQ) {
	t.Helper()
	if testing.Short() {
		return // it takes the time of three heartbeats
	}
	b := open(t, amqp.Config{URL: broker.Vhost(t, "hang"), Log: logged(t)})
	streams, judge := traffic(t, b, 2)
	for _, s := range streams {
		s.more(t, 100)
	}
	large := bus.HostQueue(1)
	declare(t, b, large)
	broker.Pause()
	hung := time.Now()
	outcomes := make(chan error, 64)
	for range cap(outcomes) {
		go func() {
			m := bus.Message{ID: "0", Type: schemas.TypeCommand, Body: make([]byte, 1<<20)}
			if err := b.Publish(t.Context(), large, m, func(err error) { outcomes <- err }); err != nil {
				outcomes <- err
			}
		}()
	}
	for range cap(outcomes) {
		if err := <-outcomes; err == nil {
			t.Error("a broker that hangs confirmed, want another outcome")
		}
	}
	t.Logf("the last outcome came %v after the broker hung", time.Since(hung).Round(time.Millisecond))
	broker.Resume()
	for _, s := range streams {
		s.more(t, 100)
	}
	judge()
}
