package amqp

import (
	"fmt"
	"strconv"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

const (
	// expiresHeader holds the instant, in nanoseconds since 1970: AMQP's own timestamp counts seconds.
	expiresHeader = "ozone-expires"
	// maxTTL is as long as the broker lets a message live and then die. Longer counts as for ever.
	maxTTL = (1<<32 - 1) * time.Millisecond
)

// publishing is a message on its way to an exchange.
type publishing struct {
	exchange, key string
	topic         bool // need reach no queue
	amqp091.Publishing
}

func (b *Bus) publishing(to bus.Address, m bus.Message) (publishing, error) {
	for _, name := range []string{string(to), m.ID, string(m.Type), m.CorrelationID, string(m.ReplyTo)} {
		if len(name) > bus.MaxName {
			return publishing{}, fmt.Errorf("publish to %.40s: %.40s... is longer than %d bytes", to, name, bus.MaxName)
		}
	}
	p := publishing{key: string(to), Publishing: amqp091.Publishing{
		DeliveryMode: amqp091.Persistent,
		MessageId:    m.ID, Type: string(m.Type), CorrelationId: m.CorrelationID, ReplyTo: string(m.ReplyTo), Body: m.Body,
	}}
	if to.IsReply() { // everything else goes through the default exchange, see topology.go
		p.exchange, p.DeliveryMode = exchangeReplies, amqp091.Transient
	}
	if !m.Expires.IsZero() {
		p.Headers = amqp091.Table{expiresHeader: m.Expires.UnixNano()}
		if ttl := max(0, m.Expires.Sub(b.cfg.Now())); ttl <= maxTTL {
			p.Expiration = strconv.FormatInt(int64(ttl/time.Millisecond), 10)
		}
	}
	return p, nil
}

func delivery(d *amqp091.Delivery) bus.Delivery {
	m := bus.Message{
		ID: d.MessageId, Type: schemas.MessageType(d.Type), CorrelationID: d.CorrelationId, ReplyTo: bus.Address(d.ReplyTo), Body: d.Body,
	}
	if at, ok := d.Headers[expiresHeader].(int64); ok {
		m.Expires = time.Unix(0, at)
	}
	return bus.Delivery{Message: m, Tag: d.DeliveryTag, Redeliveries: redeliveries(d)}
}

// The headers in which a quorum queue counts. From RabbitMQ 4.3 on the first one leaves out returns that are nobody's
// failure, and the second one has all.
const (
	countHeader    = "x-delivery-count"
	acquiredHeader = "x-acquired-count"
)

// redeliveries is what the broker says. A classic queue says only that it is not the first time.
func redeliveries(d *amqp091.Delivery) int {
	if !d.Redelivered {
		return 0
	}
	n := int64(1)
	for _, header := range []string{countHeader, acquiredHeader} {
		if counted, ok := d.Headers[header].(int64); ok {
			n = max(n, counted)
		}
	}
	return int(n)
}
