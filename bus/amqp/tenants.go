package amqp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

// Tenants is a connection to the virtual host of tenants' programs. It connects when it is used for the first time, and
// declares nothing: see Admin.
type Tenants struct {
	cfg Config

	mu     sync.Mutex
	bus    *Bus // guarded by mu; nil: not connected yet
	closed bool // guarded by mu
}

var _ bus.Tenants = (*Tenants)(nil)

// NewTenants is not connected yet; the path of the URL is the tenants' virtual host.
func NewTenants(cfg Config) *Tenants { return &Tenants{cfg: cfg} }

// connected is the bus; the first who needs it opens it, and others wait.
func (t *Tenants) connected(ctx context.Context) (*Bus, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, bus.ErrClosed
	}
	if t.bus == nil {
		b := &Bus{read: submitted, dead: exchangeTenantsDead, sift: true}
		if err := b.open(ctx, t.cfg, func(context.Context, *session) error { return nil }); err != nil {
			return nil, err
		}
		t.bus = b
	}
	return t.bus, nil
}

// Consume joins the line of a queue.
func (t *Tenants) Consume(ctx context.Context, a bus.Address, prefetch int) (bus.Consumer, error) {
	b, err := t.connected(ctx)
	if err != nil {
		return nil, err
	}
	return b.Consume(ctx, a, prefetch)
}

// Bury keeps a dead letter in the tenants' virtual host, in a queue that drops its oldest: who sends rubbish must not fill
// the nodes' own.
func (t *Tenants) Bury(ctx context.Context, l bus.DeadLetter) error {
	b, err := t.connected(ctx)
	if err != nil {
		return err
	}
	return b.Bury(ctx, l)
}

// Post publishes in order.
func (t *Tenants) Post(ctx context.Context, posts ...bus.Post) bus.Vouch {
	v := &vouch{left: len(posts), word: make(chan error, 1)}
	b, err := t.connected(ctx)
	if len(posts) == 0 || err != nil {
		v.word <- err
		return v.word
	}
	for i := range posts {
		p, err := posting(&posts[i])
		if err == nil {
			err = b.hand(ctx, p, func(err error) { v.confirmed(1, err) })
		}
		if err != nil {
			v.confirmed(len(posts)-i, err) // of the others nothing was published
			break
		}
	}
	return v.word
}

// vouch counts confirms.
type vouch struct {
	mu   sync.Mutex
	left int        // guarded by mu; confirms that have not come
	errs []error    // guarded by mu
	word chan error // holds one
}

func (v *vouch) confirmed(n int, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.errs = append(v.errs, err)
	if v.left -= n; v.left == 0 {
		v.word <- errors.Join(v.errs...)
	}
}

func posting(m *bus.Post) (publishing, error) {
	for _, name := range []string{m.Key, m.ID, m.Type, m.CorrelationID} {
		if len(name) > bus.MaxName {
			return publishing{}, fmt.Errorf("post to %.40s: %.40s... is longer than %d bytes", m.Key, name, bus.MaxName)
		}
	}
	p := publishing{exchange: m.Topic, key: m.Key, topic: m.Topic != "", Publishing: amqp091.Publishing{
		DeliveryMode: amqp091.Persistent, MessageId: m.ID, Type: m.Type, CorrelationId: m.CorrelationID,
		ContentType: m.ContentType, Body: m.Body,
	}}
	for name, value := range m.Headers {
		if p.Headers == nil {
			p.Headers = amqp091.Table{}
		}
		p.Headers[name] = value
	}
	return p, nil
}

// Close ends the connection.
func (t *Tenants) Close() error {
	t.mu.Lock()
	t.closed = true
	b := t.bus
	t.mu.Unlock()
	if b == nil {
		return nil
	}
	return b.Close()
}

// submitted is a delivery with what its sender says.
func submitted(d *amqp091.Delivery) bus.Delivery {
	m := delivery(d)
	m.Outside = &bus.Outside{
		User: d.UserId, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
		Expiration: d.Expiration, Timestamp: d.Timestamp, Headers: map[string]string{},
	}
	for name, value := range d.Headers {
		if text, ok := value.(string); ok {
			m.Outside.Headers[name] = text
		}
	}
	return m
}
