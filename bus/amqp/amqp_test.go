package amqp_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/bus/bustest"
	"github.com/ozonecloud/ozone/tests/rig"
)

func TestBus(t *testing.T) {
	t.Parallel()
	const limit = 2500
	broker := rig.StartRabbitMQ(t)
	var vhosts atomic.Int32
	traits := bustest.Traits{Limit: limit, LimitSlack: 64}
	bustest.Run(t, traits, func(t *testing.T) bus.Bus {
		url := broker.Vhost(t, fmt.Sprint("suite", vhosts.Add(1)))
		return open(t, amqp.Config{URL: url, QueueLimit: limit})
	})
}

func open(t *testing.T, cfg amqp.Config) *amqp.Bus {
	t.Helper()
	cfg.Now = time.Now
	b, err := amqp.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open = %v, want a bus", err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}
