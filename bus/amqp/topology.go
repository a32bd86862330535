package amqp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

// The exchanges of the nodes' virtual host. Source: docs/numbers.md.
//
// Nodes publish to shards and hosts through the broker's default exchange, by the queue's name: a message that
// an alternate exchange takes is not returned to its publisher, who would then believe that it will be handled.
const (
	exchangeShards   = "ozone.shards"
	exchangeHosts    = "ozone.hosts"
	exchangeOps      = bus.TopicOps
	exchangeReplies  = "ozone.replies"
	exchangeDead     = "ozone.dead"
	exchangeUnrouted = "ozone.unrouted"

	shardPrefix = "ozone.shard."
	hostPrefix  = "ozone.host."
)

// Bounds. Source: docs/numbers.md; replyLimit as in the bus of one process.
const (
	// deliveryLimit is high because a channel that closes counts every message of its window.
	deliveryLimit = 1_000_000
	replyLimit    = 10_000
	deadLimit     = 100_000
	deadTTL       = 14 * 24 * 60 * 60 * 1000 // milliseconds
	unroutedLimit = 10_000
)

var (
	errAway      = errors.New("bus: no connection to the broker")
	errOtherKind = errors.New("bus: not the address of a shard, a host or a reply queue")
)

// declareExchanges prepares a consuming session.
func declareExchanges(ctx context.Context, s *session) error {
	return s.control(ctx, func(ch *amqp091.Channel) error {
		unrouted := amqp091.Table{"alternate-exchange": exchangeUnrouted}
		for _, x := range []struct {
			name, kind string
			args       amqp091.Table
		}{
			{exchangeUnrouted, amqp091.ExchangeFanout, nil},
			{exchangeShards, amqp091.ExchangeDirect, unrouted},
			{exchangeHosts, amqp091.ExchangeDirect, unrouted},
			{exchangeOps, amqp091.ExchangeTopic, nil},
			{exchangeReplies, amqp091.ExchangeDirect, nil},
			{exchangeDead, amqp091.ExchangeTopic, nil},
		} {
			if err := ch.ExchangeDeclare(x.name, x.kind, true, false, false, false, x.args); err != nil {
				return err
			}
		}
		err := declareBound(ch, exchangeUnrouted, exchangeUnrouted, "", quorum(amqp091.Table{
			"x-max-length": unroutedLimit, "x-overflow": "drop-head",
		}))
		if err != nil {
			return err
		}
		return declareBound(ch, exchangeDead, exchangeDead, "#", quorum(amqp091.Table{
			"x-max-length": deadLimit, "x-overflow": "reject-publish", "x-message-ttl": deadTTL,
		}))
	})
}

func quorum(args amqp091.Table) amqp091.Table {
	args["x-queue-type"], args["x-delivery-limit"] = "quorum", deliveryLimit
	return args
}

func declareBound(ch *amqp091.Channel, queue, exchange, key string, args amqp091.Table) error {
	if _, err := ch.QueueDeclare(queue, true, false, false, false, args); err != nil {
		return err
	}
	return ch.QueueBind(queue, key, exchange, false, nil)
}

// declareQueue makes the queue of a shard or a host.
func declareQueue(a bus.Address, limit int) func(*amqp091.Channel) error {
	return func(ch *amqp091.Channel) error {
		args := quorum(amqp091.Table{
			"x-single-active-consumer": true, "x-max-length": limit, "x-overflow": "reject-publish",
		})
		if key, ok := strings.CutPrefix(string(a), shardPrefix); ok {
			return declareBound(ch, string(a), exchangeShards, key, args)
		}
		if key, ok := strings.CutPrefix(string(a), hostPrefix); ok {
			return declareBound(ch, string(a), exchangeHosts, key, args)
		}
		return errOtherKind
	}
}

// explainDeclare says what to do about a queue that is there in another form.
func explainDeclare(err error) error {
	var refused *amqp091.Error
	if errors.As(err, &refused) && refused.Code == amqp091.PreconditionFailed {
		return fmt.Errorf("the broker has it with other arguments; delete it when it is empty, or use another virtual host: %w", err)
	}
	return err
}

// explainConsume tells a queue that is not there from one that is not up yet, after a restart of the broker.
func explainConsume(err error) error {
	var refused *amqp091.Error
	if errors.As(err, &refused) && refused.Code == amqp091.NotFound && strings.Contains(refused.Reason, "no queue") {
		return bus.ErrUnroutable
	}
	return err
}

// explainTopology is for the errors of a new session.
func (d *dialer) explainTopology(err error) error {
	var refused *amqp091.Error
	if !errors.As(err, &refused) {
		return fmt.Errorf("prepare the connection to the broker: %w", err)
	}
	switch refused.Code {
	case amqp091.AccessRefused:
		return fmt.Errorf("bus URL: user %q needs the rights to configure, write and read in virtual host %q: %w", d.uri.Username, d.uri.Vhost, err)
	case amqp091.PreconditionFailed:
		return fmt.Errorf("bus URL: virtual host %q is used by something else, or an older version: %w", d.uri.Vhost, explainDeclare(err))
	default:
		return fmt.Errorf("bus URL: virtual host %q: %w", d.uri.Vhost, err)
	}
}
