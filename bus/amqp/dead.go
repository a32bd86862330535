package amqp

import (
	"context"
	"fmt"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

// The headers of a dead letter beside those it had. Its routing key is the queue that it came from, its timestamp its end.
const (
	reasonHeader       = "ozone-reason"
	redeliveriesHeader = "ozone-redeliveries"
)

// Bury publishes the message once more, to the exchange of dead letters. Its queue keeps them for 14 days, and refuses
// more than it has room for: the oldest tell how it began.
func (b *Bus) Bury(ctx context.Context, l bus.DeadLetter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := b.publishing(l.From, l.Message)
	if err != nil {
		return fmt.Errorf("bury: %w", err)
	}
	p.exchange, p.DeliveryMode, p.Expiration, p.Timestamp = b.dead, amqp091.Persistent, "", l.Died
	if p.Headers == nil {
		p.Headers = amqp091.Table{}
	}
	p.Headers[reasonHeader], p.Headers[redeliveriesHeader] = l.Reason, int64(l.Redeliveries)
	return b.send(ctx, p)
}
