// Package bus carries messages between edges, engines and host agents.
//
// Its shape is that of RabbitMQ with quorum queues and publisher confirms; bus/inproc is the same
// thing in one process. The suite bustest says what both must hold.
package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// The errors that a caller branches on.
var (
	// ErrClosed: the bus or the consumer was closed; nothing more will come or go.
	ErrClosed = errors.New("bus: closed")
	// ErrUnroutable: no queue is there for the address; the message was kept nowhere.
	ErrUnroutable = errors.New("bus: no such queue")
	// ErrFull: the queue or the broker takes nothing more for now; the message was kept nowhere.
	ErrFull = errors.New("bus: queue is full")
	// ErrTaken: another process has the queue for itself.
	ErrTaken = errors.New("bus: another process has the queue")
)

// Address names a queue.
type Address string

// ShardQueue is the queue of the commands and answers for a shard's actors.
func ShardQueue(s schemas.Shard) Address { return Address(fmt.Sprintf("ozone.shard.%03d", int(s))) }

// HostQueue is the queue of the steps for a host's agent.
func HostQueue(h schemas.HostID) Address { return Address(fmt.Sprintf("ozone.host.%d", int64(h))) }

// ReplyQueue is the queue of the answers to one edge process.
func ReplyQueue(edge string) Address { return Address(replyPrefix + edge) }

const replyPrefix = "ozone.replies."

// IsReply tells whether a is a reply queue: one that ends with its last consumer.
func (a Address) IsReply() bool { return strings.HasPrefix(string(a), replyPrefix) }

// Message is what travels. The bus does not look into Body.
type Message struct {
	ID            string // unique over all messages that are not repetitions of one another
	Type          schemas.MessageType
	CorrelationID string    // answers: the ID of the message they answer
	ReplyTo       Address   // where an answer is wanted; "" nowhere
	Expires       time.Time // a message not delivered by then may be dropped; zero: never
	Body          []byte    // owned by the bus from Publish on
	// Direct lets it go straight to a consumer in this process, past the broker and past what waits there. It is for what is
	// made good when it is lost with the process, by the next owner of the shard that sent it or was to get it, and for what
	// nobody was promised when it is.
	Direct bool
}

// Delivery is a message as it arrives.
type Delivery struct {
	Message
	Tag uint64 // ascending per consumer from 1, without gaps
	// Redeliveries is how often it may have been delivered before, as far as the bus knows; 0: never. Being in the
	// window of a consumer that has ended counts, whether it was read or not.
	Redeliveries int
	// Outside is nil on the queues of nodes.
	Outside *Outside
}

// Publisher sends messages.
type Publisher interface {
	// Publish hands m to the queue at to and calls confirmed exactly once: with nil when the bus
	// vouches for m, with ErrUnroutable, ErrFull or ErrClosed when it does not have it, with another
	// error when nobody knows. Confirmations of one Publisher may come on any goroutine and must not block;
	// messages of one Publisher to one address arrive in the order of the calls, but a Direct one may overtake others.
	// Publish itself returns an error only when ctx ends before m could be handed over; confirmed is not called then.
	Publish(ctx context.Context, to Address, m Message, confirmed func(error)) error
}

// Consumer gets the messages of one queue, in order.
type Consumer interface {
	// Deliveries is closed when the consumer is closed or has lost its queue.
	// At most prefetch messages are delivered and not yet acknowledged.
	Deliveries() <-chan Delivery
	// Ack acknowledges every delivery up to and including tag. It may be called with any tag, also an
	// acknowledged one; after Close it does nothing.
	Ack(tag uint64)
	// Close ends the consumer. What was not acknowledged is delivered again, first and in order and with
	// one more of Redeliveries, to the next consumer. It may be called twice.
	Close()
}

// Bus is a connection to the broker.
type Bus interface {
	Publisher
	DeadLetters
	// Declare makes the queue if it is not there. Shard and host queues outlive their consumers,
	// reply queues end with theirs.
	Declare(ctx context.Context, a Address) error
	// Consume waits in line for the queue at a: of several consumers one is active, the others get
	// nothing until it closes or its process dies. prefetch is at least 1.
	Consume(ctx context.Context, a Address, prefetch int) (Consumer, error)
	// Durable tells whether what the bus has confirmed outlives every process, the broker's too.
	Durable() bool
	// Close ends every consumer and returns when nothing moves any more. It may be called twice.
	Close() error
}

// Sole is what a bus has beside Bus when several processes are on it.
type Sole interface {
	// ConsumeAlone is Consume of a shard's or host's queue that is this process's alone: it does not wait in line behind
	// another process that consumes it so, but fails with ErrTaken. The others' turn comes soon after the consumer is closed, and
	// some seconds after its process has died or was cut off. A process has one such consumer of a queue at a time.
	ConsumeAlone(ctx context.Context, a Address, prefetch int) (Consumer, error)
}

// Send publishes m and waits until it is confirmed.
func Send(ctx context.Context, p Publisher, to Address, m Message) error {
	done := make(chan error, 1) // one confirmation, never blocks
	if err := p.Publish(ctx, to, m, func(err error) { done <- err }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
