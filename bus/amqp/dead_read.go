package amqp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

// The queues of dead letters: of the nodes, and of what came over the tenants' bus.
const (
	NodesDead   = exchangeDead
	TenantsDead = exchangeTenantsDead
)

// EachDead goes through the dead letters of a queue, oldest first, until look says stop. Those that look takes are removed; the others
// are back in their places at its end, and hidden from others until then.
func EachDead(ctx context.Context, cfg Config, queue string, look func(bus.DeadLetter) (take, stop bool, err error)) error {
	if err := cfg.complete(); err != nil {
		return err
	}
	d, err := newDialer(cfg)
	if err != nil {
		return err
	}
	conn, bare, err := d.dial(ctx, "dead letters")
	if err != nil {
		return err
	}
	end := context.AfterFunc(ctx, func() { _ = bare.Close() })
	defer end()
	defer func() { _ = conn.Close() }() // gives back what was not taken
	ch, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("read %s: %w", queue, err)
	}
	for {
		m, there, err := ch.Get(queue, false)
		if err != nil {
			return fmt.Errorf("read %s: %w", queue, explainConsume(err))
		}
		if !there {
			return nil
		}
		take, stop, err := look(deadLetter(&m))
		if take {
			err = errors.Join(err, m.Ack(false))
		}
		if stop || err != nil {
			return err
		}
	}
}

// deadLetter is what Bury has written.
func deadLetter(d *amqp091.Delivery) bus.DeadLetter {
	l := bus.DeadLetter{Message: delivery(d).Message, From: bus.Address(d.RoutingKey), Died: d.Timestamp.In(time.UTC)}
	l.Reason, _ = d.Headers[reasonHeader].(string)
	times, _ := d.Headers[redeliveriesHeader].(int64)
	l.Redeliveries = int(times)
	return l
}
