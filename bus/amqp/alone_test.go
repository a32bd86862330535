package amqp_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/schemas"
)

func TestAQueueIsConsumedAloneByOneProcess(t *testing.T) {
	t.Parallel()
	url := shared.Vhost(t, "alone")
	first, second := open(t, amqp.Config{URL: url}), open(t, amqp.Config{URL: url})
	a := bus.HostQueue(1)
	declare(t, first, a)
	alone := func(b *amqp.Bus) bus.Consumer {
		t.Helper()
		c, err := b.ConsumeAlone(t.Context(), a, 1)
		if err != nil {
			t.Fatalf("ConsumeAlone() = %v, want a consumer", err)
		}
		return c
	}
	c := alone(first)
	for range 2 {
		if _, err := second.ConsumeAlone(t.Context(), a, 1); !errors.Is(err, bus.ErrTaken) {
			t.Fatalf("ConsumeAlone() beside another = %v, want %v", err, bus.ErrTaken)
		}
	}
	publish(t, second, a, "m", func(error) {})
	if d := <-c.Deliveries(); d.ID != "m" {
		t.Errorf("got %q, want m", d.ID)
	}
	c.Close()
	c = alone(second)
	if d := <-c.Deliveries(); d.ID != "m" || d.Redeliveries == 0 {
		t.Errorf("got %q, redelivered %d times, want m again", d.ID, d.Redeliveries)
	}
	if err := second.Close(); err != nil {
		t.Fatalf("Close() = %v, want nil", err)
	}
	alone(first)
}

func TestAQueueThatIsNotThereIsNotTaken(t *testing.T) {
	t.Parallel()
	url := shared.Vhost(t, "nothing")
	first, second := open(t, amqp.Config{URL: url}), open(t, amqp.Config{URL: url})
	a := bus.HostQueue(schemas.HostID(time.Now().UnixNano())) // also of no run before
	if _, err := first.ConsumeAlone(t.Context(), a, 1); !errors.Is(err, bus.ErrUnroutable) {
		t.Fatalf("ConsumeAlone() of nothing = %v, want %v", err, bus.ErrUnroutable)
	}
	declare(t, second, a)
	if _, err := second.ConsumeAlone(t.Context(), a, 1); err != nil {
		t.Errorf("ConsumeAlone() = %v, want a consumer", err)
	}
}
