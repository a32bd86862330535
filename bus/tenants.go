package bus

import (
	"context"
	"strings"
	"time"
)

// Tenants is the part of a broker where programs of tenants write and read. Nodes are guests there: they make no queues.
type Tenants interface {
	DeadLetters
	// Consume is that of Bus. Its deliveries have what their sender says in Outside.
	Consume(ctx context.Context, a Address, prefetch int) (Consumer, error)
	Poster
	// Close ends every consumer and returns when nothing moves any more. It may be called twice.
	Close() error
}

// Poster publishes to who has subscribed. The bus of nodes has it where others can reach that.
type Poster interface {
	// Post publishes in order, behind what was posted before. It need not wait until the bus vouches for it.
	Post(ctx context.Context, posts ...Post) Vouch
}

// IngressQueue is the queue of what a user of the tenants' bus submits.
func IngressQueue(user string) Address { return Address("ingress." + user) }

// RepliesQueue is where the answers to a user go when it names no other queue of its own.
func RepliesQueue(user string) Address { return Address("replies." + user) }

// EventsQueue is where a user finds the events of its account.
func EventsQueue(user string) Address { return Address("events." + user) }

// MaxName is how many bytes a name or an id in the head of a message may have: a longer one would break a connection of AMQP.
const MaxName = 255

// MaxOutside is how long the body of a message from outside may be, in bytes. Of a longer one this many come and one more: enough to
// refuse it, and no more than a process has room for. Source: docs/bus.md (1 MiB).
const MaxOutside = 1 << 20

// Owns tells whether a queue is one of those that a user reads.
func Owns(user string, a Address) bool {
	for _, own := range []Address{RepliesQueue(user), EventsQueue(user)} {
		if a == own || strings.HasPrefix(string(a), string(own)+".") {
			return true
		}
	}
	return false
}

// The topics. Nobody of the one reaches the other: they are in two virtual hosts.
const (
	// TopicEvents has the events of all accounts, on the tenants' bus.
	TopicEvents = "events"
	// TopicOps has the events of hosts, for operators, on the nodes' bus.
	TopicOps = "ozone.ops"
)

// ExpiredQueue has what expired in an ingress queue before it was taken.
const ExpiredQueue Address = "expired"

// Outside is what the sender of a message says beside it. Nobody vouches for it, but for User.
type Outside struct {
	// User is who has sent it: the broker takes no other name. "": the sender did not say.
	User            string
	ContentType     string
	ContentEncoding string
	Expiration      string            // milliseconds from its publishing on; "": never
	Timestamp       time.Time         // to the second; zero: the sender did not say
	Headers         map[string]string // those that are text
}

// Vouch gets one word, nil when the bus vouches for all that was posted together; with an error nobody knows which of them it has.
// Errors are those of Publisher's confirmations; ErrUnroutable is none for a topic that nobody has subscribed.
type Vouch <-chan error

// Wait waits for the word, or for the end of ctx.
func (v Vouch) Wait(ctx context.Context) error {
	select {
	case err := <-v:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Post is a message to whoever has subscribed. All that is under one topic arrives in the order of its publishing.
type Post struct {
	Topic         string // the topic exchange; "": the queue that Key names
	Key           string
	ID            string
	Type          string
	CorrelationID string
	ContentType   string
	Headers       map[string]string
	Body          []byte
}
