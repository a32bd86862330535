package amqp

import (
	"fmt"

	"github.com/ozonecloud/ozone/bus"
)

// What is in the tenants' virtual host. Admin makes it, and nodes make queues of events; tenants have no right to. Source: docs/bus.md.
//
// exchangeTenantsDead has what tenants sent and nobody could take, with a queue of the same name.
const exchangeTenantsDead = "dead"

// Bounds. Source: docs/numbers.md.
const (
	ingressLimit   = 1000
	ingressBytes   = 64 << 20
	expiredLimit   = 10_000
	tenantsDead    = 10_000
	repliesLimit   = 10_000
	repliesTTL     = 24 * 60 * 60 * 1000 // milliseconds
	eventsLimit    = 100_000
	eventsTTL      = 24 * 60 * 60 * 1000      // milliseconds
	unusedQueue    = 14 * 24 * 60 * 60 * 1000 // milliseconds without a consumer until it goes
	maxConnections = 10
	maxChannels    = 100
)

// The rights of a user: write into its own exchange, read its own queues, make nothing. Without the right to configure nobody
// binds, dead-letters or names an alternate exchange; a fanout exchange takes no routing key, CC or BCC.
func userRights(user string) rights {
	return rights{Configure: "^$", Write: `^ingress\.` + user + "$", Read: `^(events|replies)\.` + user + `(\..*)?$`}
}

// nodeRights are those of the nodes' user: beside what they need to send and to take they make subscriptions, and nothing else.
func nodeRights() rights {
	return rights{
		Configure: `^events\.[a-z0-9_-]+\.[a-z0-9_-]+$`, Write: `^(amq\.default|events(\.[a-z0-9_-]+\.[a-z0-9_-]+)?|dead)$`,
		Read: `^(ingress\..*|expired|dead|events)$`,
	}
}

type rights struct {
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

// exchange and queue are in the form of the management API; Binding is the key by which a queue is bound to an exchange.
type exchange struct {
	Type    string `json:"type"`
	Durable bool   `json:"durable"`
}

type queue struct {
	Durable   bool           `json:"durable"`
	Arguments map[string]any `json:"arguments"`
}

type binding struct{ exchange, queue, key string }

// tenantsPart is a piece of the topology.
type tenantsPart struct {
	exchanges map[string]exchange
	queues    map[string]queue
	bindings  []binding
}

func quorumQueue(args map[string]any) queue {
	args["x-queue-type"], args["x-delivery-limit"] = "quorum", deliveryLimit
	return queue{Durable: true, Arguments: args}
}

// commonPart is what all users share.
func commonPart() tenantsPart {
	return tenantsPart{
		exchanges: map[string]exchange{bus.TopicEvents: {"topic", true}, exchangeTenantsDead: {"topic", true}},
		queues: map[string]queue{
			string(bus.ExpiredQueue): quorumQueue(map[string]any{
				"x-single-active-consumer": true, "x-max-length": expiredLimit, "x-overflow": "reject-publish",
			}),
			exchangeTenantsDead: quorumQueue(map[string]any{"x-max-length": tenantsDead, "x-overflow": "drop-head", "x-message-ttl": deadTTL}),
		},
		bindings: []binding{{exchangeTenantsDead, exchangeTenantsDead, "#"}},
	}
}

// userPart is what a user has: a queue for its commands, which gives what expires in it to the edges, and one for answers.
func userPart(user string) tenantsPart {
	ingress := string(bus.IngressQueue(user))
	return tenantsPart{
		exchanges: map[string]exchange{ingress: {"fanout", true}},
		queues: map[string]queue{
			ingress: quorumQueue(map[string]any{
				"x-single-active-consumer": true, "x-max-length": ingressLimit, "x-max-length-bytes": ingressBytes, "x-overflow": "reject-publish",
				"x-dead-letter-exchange": "", "x-dead-letter-routing-key": string(bus.ExpiredQueue), "x-dead-letter-strategy": "at-least-once",
			}),
			string(bus.RepliesQueue(user)): repliesQueue(),
		},
		bindings: []binding{{ingress, ingress, ""}},
	}
}

func repliesQueue() queue {
	return quorumQueue(map[string]any{"x-max-length": repliesLimit, "x-overflow": "drop-head", "x-message-ttl": repliesTTL})
}

// eventsPart is a queue of a subscriber, bound to the events of one account. It drops its oldest when it is full: to refuse
// would stop whoever publishes for one slow reader.
func eventsPart(name string, account int64, keys []string) tenantsPart {
	part := tenantsPart{queues: map[string]queue{name: quorumQueue(map[string]any{
		"x-max-length": eventsLimit, "x-overflow": "drop-head", "x-message-ttl": eventsTTL, "x-expires": unusedQueue,
	})}}
	for _, key := range keys {
		part.bindings = append(part.bindings, binding{bus.TopicEvents, name, fmt.Sprintf("%d.%s", account, key)})
	}
	return part
}
