package amqp

import (
	"context"
	"errors"
	"fmt"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

var _ bus.Sole = (*Bus)(nil)

// tokenSuffix names the token of a queue that is consumed alone: an empty queue that is locked by its connection and
// ends with it. The broker refuses exclusive consumers of quorum queues.
const tokenSuffix = ".alone"

// ConsumeAlone is Consume unless another process has the queue so.
func (b *Bus) ConsumeAlone(ctx context.Context, a bus.Address, prefetch int) (bus.Consumer, error) {
	s, err := b.session(ctx)
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", a, err)
	}
	token := string(a) + tokenSuffix
	if err := s.control(ctx, takeToken(token)); err != nil {
		return nil, fmt.Errorf("consume %s: %w", a, explainTaken(err))
	}
	giveBack := func() { // fails when the session is lost, which does the same
		_ = s.control(context.WithoutCancel(ctx), func(ch *amqp091.Channel) error {
			_, err := ch.QueueDelete(token, false, false, false)
			return err
		})
	}
	c, err := ask(ctx, s, func() (*consumer, error) { return b.join(ctx, s, a, prefetch, true, giveBack) }, (*consumer).Close)
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", a, err)
	}
	return lone{c}, nil
}

// lone is a consumer that has a token.
type lone struct{ *consumer }

// Close returns when the token is given back, or when the broker has left that without an answer for too long: who
// consumed again before would lose the token that he takes for his.
func (c lone) Close() {
	c.consumer.Close()
	<-c.ended
}

func takeToken(name string) func(*amqp091.Channel) error {
	return func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclare(name, false, false, true, false, amqp091.Table{"x-queue-type": "classic"})
		return err
	}
}

// explainTaken tells a token that another connection has from other refusals.
func explainTaken(err error) error {
	var refused *amqp091.Error
	if errors.As(err, &refused) && refused.Code == amqp091.ResourceLocked {
		return bus.ErrTaken
	}
	return err
}
