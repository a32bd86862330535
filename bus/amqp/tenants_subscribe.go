package amqp

import (
	"context"
	"errors"
	"fmt"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

var _ bus.Subscriptions = (*Tenants)(nil)

// Subscribe makes the queue of a subscription, in the same form as Admin.
func (t *Tenants) Subscribe(ctx context.Context, account schemas.AccountID, s schemas.Subscription) error {
	part := eventsPart(string(bus.SubscriptionQueue(s)), int64(account), bus.SubscriptionKeys(s))
	return t.control(ctx, func(ch *amqp091.Channel) error {
		for name, q := range part.queues {
			if _, err := ch.QueueDeclare(name, q.Durable, false, false, false, amqp091.Table(q.Arguments)); err != nil {
				return explainDeclare(err)
			}
		}
		for _, b := range part.bindings {
			if err := ch.QueueBind(b.queue, b.key, b.exchange, false, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// Unsubscribe ends the queue of a subscription.
func (t *Tenants) Unsubscribe(ctx context.Context, a bus.Address) error {
	return t.control(ctx, func(ch *amqp091.Channel) error {
		_, err := ch.QueueDelete(string(a), false, false, false)
		return err
	})
}

func (t *Tenants) control(ctx context.Context, do func(*amqp091.Channel) error) error {
	b, err := t.connected(ctx)
	if err != nil {
		return err
	}
	s, err := b.session(ctx)
	if err != nil {
		return err
	}
	err = s.control(ctx, do)
	if refused, ok := errors.AsType[*amqp091.Error](err); ok && refused.Code == amqp091.AccessRefused {
		return fmt.Errorf("%w: %w", bus.ErrForbidden, err)
	}
	return err
}
