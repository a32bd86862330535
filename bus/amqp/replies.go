package amqp

import (
	"context"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

// replyDestination is a reply queue of this process. The broker names it: after a broken connection the old queue
// may still be there for a while, locked, and its name could not be used.
type replyDestination struct {
	session   *session // it ends with it
	queue     string
	consumers int
}

// declareReply makes a queue that ends with its last consumer or with the connection. Declarations are few: they
// come one after the other, with the broker's answers waited for.
func (b *Bus) declareReply(ctx context.Context, s *session, a bus.Address) error {
	return s.control(ctx, func(ch *amqp091.Channel) error {
		if b.reply(s, a) != nil {
			return nil
		}
		q, err := ch.QueueDeclare("", false, true, true, false, amqp091.Table{
			"x-queue-type": "classic", "x-single-active-consumer": true,
			"x-max-length": replyLimit, "x-overflow": "reject-publish",
		})
		if err != nil {
			return err
		}
		if err := ch.QueueBind(q.Name, string(a), exchangeReplies, false, nil); err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.replies[a] = &replyDestination{session: s, queue: q.Name}
		return nil
	})
}

func (b *Bus) reply(s *session, a bus.Address) *replyDestination {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.live(s, a)
}

// live is called with mu held.
func (b *Bus) live(s *session, a bus.Address) *replyDestination {
	if r := b.replies[a]; r != nil && r.session == s {
		return r
	}
	return nil
}

// enter gives the name of the queue at a, and what to call when its consumer is gone. The broker may hear of that later:
// until then answers go to this queue and to the next one.
func (b *Bus) enter(s *session, a bus.Address) (queue string, left func(), err error) {
	if !a.IsReply() {
		return string(a), func() {}, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.live(s, a)
	if r == nil {
		return "", nil, bus.ErrUnroutable
	}
	r.consumers++
	return r.queue, func() { b.leave(a, r) }, nil
}

// onlyReply tells whether a is a reply queue, which nobody else can consume, with one consumer.
func (b *Bus) onlyReply(a bus.Address) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.replies[a]
	return r != nil && r.consumers == 1
}

func (b *Bus) leave(a bus.Address, r *replyDestination) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.consumers--
	if r.consumers == 0 && b.replies[a] == r {
		delete(b.replies, a)
	}
}
