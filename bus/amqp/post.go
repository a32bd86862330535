package amqp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

// errSilent is the outcome of what a broker that is there does not confirm.
var errSilent = errors.New("bus: the broker does not confirm it: a queue that is bound to the topic may hang")

// Post publishes to a topic of the nodes and returns with the outcome. It has a channel of its own for that, so that what is wrong
// with a topic, such as a right that is missing or a queue of an operator's that hangs, ends nothing else.
func (b *Bus) Post(ctx context.Context, posts ...bus.Post) bus.Vouch {
	word := make(chan error, 1) // one word, never blocks
	word <- b.post(ctx, posts)
	return word
}

func (b *Bus) post(ctx context.Context, posts []bus.Post) error {
	if len(posts) == 0 {
		return nil
	}
	s := b.publish.session()
	if s == nil || s.gate.isShut() {
		return b.away(bus.ErrFull)
	}
	ch, err := ask(ctx, s, s.confirming, hangUpChannel)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	defer hangUpChannel(ch)
	why := ch.NotifyClose(make(chan *amqp091.Error, 1))
	patience := time.NewTimer(b.cfg.Patience)
	defer patience.Stop()
	confirms := make([]*amqp091.DeferredConfirmation, len(posts))
	for i := range posts {
		p, err := posting(&posts[i])
		if err != nil {
			return err
		}
		if confirms[i], err = ch.PublishWithDeferredConfirm(p.exchange, p.key, false, false, p.Publishing); err != nil {
			return closedFor(ch, why, err)
		}
	}
	for _, c := range confirms {
		select {
		case <-c.Done():
		case <-patience.C:
			return errSilent
		case <-ctx.Done():
			return ctx.Err()
		}
		if !c.Acked() {
			return closedFor(ch, why, bus.ErrFull)
		}
	}
	return nil
}

// confirming is a new channel with confirms.
func (s *session) confirming() (*amqp091.Channel, error) {
	ch, err := s.conn.Channel()
	if err != nil {
		return nil, err
	}
	return ch, ch.Confirm(false)
}

// hangUpChannel waits for nobody: a broker that is blocked does not answer.
func hangUpChannel(ch *amqp091.Channel) {
	go func() { _ = ch.Close() }() // ends with the answer or the connection
}

// closedFor is why the broker has closed a channel, or else what became of a message while it is open.
func closedFor(ch *amqp091.Channel, why <-chan *amqp091.Error, open error) error {
	if !ch.IsClosed() {
		return open
	}
	if refused := <-why; refused != nil {
		return fmt.Errorf("post: %w", refused)
	}
	return errUnknown
}
