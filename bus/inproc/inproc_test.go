package inproc_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/bustest"
	"github.com/ozonecloud/ozone/bus/inproc"
	"github.com/ozonecloud/ozone/schemas"
)

func TestBus(t *testing.T) {
	t.Parallel()
	const limit = 2500
	traits := bustest.Traits{Limit: limit, DropsExpired: true, RepliesEnd: true, Dead: func(t *testing.T, b bus.Bus) []bus.DeadLetter {
		t.Helper()
		own, ok := b.(*inproc.Bus)
		if !ok {
			t.Fatalf("the bus is a %T", b)
		}
		return own.Dead()
	}}
	bustest.Run(t, traits, func(*testing.T) bus.Bus {
		return inproc.New(inproc.Config{QueueLimit: limit, Now: time.Now})
	})
}

func TestDefaultLimitsHold(t *testing.T) {
	t.Parallel()
	for address, limit := range map[bus.Address]int{
		bus.ShardQueue(1):      inproc.DefaultQueueLimit,
		bus.HostQueue(1):       inproc.DefaultQueueLimit,
		bus.ReplyQueue("edge"): inproc.DefaultReplyLimit,
	} {
		b := inproc.New(inproc.Config{})
		if err := b.Declare(t.Context(), address); err != nil {
			t.Fatalf("Declare(%q) = %v, want nil", address, err)
		}
		refused := 0
		for range limit + 3 {
			publish(t, b, address, bus.Message{}, func(err error) {
				if err != nil {
					refused++
				}
			})
		}
		if waiting, _ := b.Depth(); waiting != limit || refused != 3 {
			t.Errorf("%s holds %d and refused %d, want %d and 3", address, waiting, refused, limit)
		}
	}
}

func TestDepthCountsWaitingAndUnacknowledged(t *testing.T) {
	t.Parallel()
	b, a := inproc.New(inproc.Config{}), bus.ShardQueue(1)
	c := consumer(t, b, a, 2)
	for range 5 {
		publish(t, b, a, bus.Message{}, func(error) {})
	}
	<-c.Deliveries()
	c.Ack(1)
	if waiting, unacked := b.Depth(); waiting != 2 || unacked != 2 {
		t.Errorf("Depth() = %d, %d, want 2, 2", waiting, unacked)
	}
}

func TestAcknowledgingTheUnreadBlocksNobody(t *testing.T) {
	t.Parallel()
	b, a := inproc.New(inproc.Config{}), bus.ShardQueue(1)
	c := consumer(t, b, a, 2)
	for range 6 {
		publish(t, b, a, bus.Message{}, func(error) {})
	}
	c.Ack(2)
	for tag := uint64(1); tag <= 6; tag++ {
		if d := <-c.Deliveries(); d.Tag != tag {
			t.Fatalf("Tag = %d, want %d", d.Tag, tag)
		}
		c.Ack(tag)
	}
}

// A message that somebody may have begun with is delivered again even when it has expired meanwhile.
func TestExpiryDoesNotTakeARedelivery(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	b, a := inproc.New(inproc.Config{Now: func() time.Time { return now }}), bus.ShardQueue(1)
	c := consumer(t, b, a, 1)
	publish(t, b, a, bus.Message{ID: "begun", Expires: now.Add(time.Second)}, func(error) {})
	publish(t, b, a, bus.Message{ID: "waiting", Expires: now.Add(time.Second)}, func(error) {})
	<-c.Deliveries()
	now = now.Add(time.Minute)
	c.Close()
	c = consumer(t, b, a, 8)
	if d := <-c.Deliveries(); d.ID != "begun" || d.Redeliveries != 1 {
		t.Errorf("got %q (redelivered %d times), want \"begun\" (once)", d.ID, d.Redeliveries)
	}
	if waiting, unacked := b.Depth(); waiting != 0 || unacked != 1 {
		t.Errorf("Depth() = %d, %d, want 0, 1: the expired message is gone", waiting, unacked)
	}
}

func BenchmarkOneQueue(b *testing.B) {
	for _, ack := range []int{1, 64} {
		b.Run(fmt.Sprintf("ack every %d", ack), func(b *testing.B) {
			box, a := inproc.New(inproc.Config{Now: time.Now}), bus.ShardQueue(1)
			c := consumer(b, box, a, 256)
			done := make(chan struct{})
			go func() { // ends with the last message
				defer close(done)
				for d := range c.Deliveries() {
					if d.Tag%uint64(ack) == 0 || d.Tag == uint64(b.N) {
						c.Ack(d.Tag)
					}
					if d.Tag == uint64(b.N) {
						return
					}
				}
			}()
			m := bus.Message{ID: "id", Type: schemas.TypeCommand, Body: make([]byte, 200)}
			b.ResetTimer()
			for range b.N {
				for !offer(b, box, a, m) {
				}
			}
			<-done
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

func offer(tb testing.TB, b bus.Bus, a bus.Address, m bus.Message) bool {
	tb.Helper()
	taken := false
	publish(tb, b, a, m, func(err error) { taken = err == nil })
	return taken
}

func publish(tb testing.TB, b bus.Bus, a bus.Address, m bus.Message, confirmed func(error)) {
	tb.Helper()
	if err := b.Publish(tb.Context(), a, m, confirmed); err != nil {
		tb.Fatalf("Publish = %v, want nil", err)
	}
}

func consumer(tb testing.TB, b bus.Bus, a bus.Address, prefetch int) bus.Consumer {
	tb.Helper()
	if err := b.Declare(tb.Context(), a); err != nil {
		tb.Fatalf("Declare(%q) = %v, want nil", a, err)
	}
	c, err := b.Consume(tb.Context(), a, prefetch)
	if err != nil {
		tb.Fatalf("Consume(%q) = %v, want a consumer", a, err)
	}
	return c
}
