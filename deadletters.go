package ozone

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
)

// DeadLetters is how an operator reads what nobody could deal with: of the nodes, and of what programs of tenants have sent.
type DeadLetters struct {
	cfg Config
	now func() time.Time
}

// OpenDeadLetters needs the broker only. A bus in memory keeps dead letters for its tests; there the log has them.
func OpenDeadLetters(cfg Config, now func() time.Time) (*DeadLetters, error) {
	cfg = cfg.withDefaults()
	if !onRabbitMQ(cfg.Bus) {
		return nil, errors.New("dead letters are kept by RabbitMQ: name the cloud's broker with --bus amqp://USER:PASSWORD@HOST/VHOST. " +
			"Without a broker they are errors in the log of the node")
	}
	return &DeadLetters{cfg, now}, nil
}

// Each shows every dead letter until show says stop: those of the nodes, then those of tenants, each oldest first.
func (d *DeadLetters) Each(ctx context.Context, show func(bus.DeadLetter) (stop bool, err error)) error {
	return d.each(ctx, func(l bus.DeadLetter) (bool, bool, error) {
		stop, err := show(l)
		return false, stop, err
	})
}

// Replay sends a dead letter again to the queue that it came from and removes it. What a tenant's program sent only that can send
// again: the broker vouches for nobody else in its name.
func (d *DeadLetters) Replay(ctx context.Context, id string) error {
	b, err := openBus(ctx, &d.cfg, d.now, "ozone operator")
	if err != nil {
		return err
	}
	found := false
	err = d.each(ctx, func(l bus.DeadLetter) (take, stop bool, err error) {
		if l.ID != id {
			return false, false, nil
		}
		found = true
		if err := replayable(l, d.now()); err != nil {
			return false, true, err
		}
		err = bus.Send(ctx, b, l.From, l.Message)
		return err == nil, true, err
	})
	if err == nil && !found {
		err = fmt.Errorf("no dead letter %q", id)
	}
	return errors.Join(err, b.Close())
}

func replayable(l bus.DeadLetter, now time.Time) error {
	switch {
	case strings.HasPrefix(string(l.From), string(bus.IngressQueue(""))) || l.From == bus.ExpiredQueue:
		return fmt.Errorf("message %q came from a tenant's program: only that can send it again, in its own name", l.ID)
	case l.From == bus.TopicEvents || l.From == bus.TopicOps:
		return fmt.Errorf("%q is an event that could not be sent: nothing would take it again", l.ID)
	case !l.Expires.IsZero() && l.Expires.Before(now):
		return fmt.Errorf("message %q expired at %s: nobody would take it", l.ID, l.Expires.UTC().Format(time.RFC3339))
	default:
		return nil
	}
}

// each goes through both queues. The virtual host of tenants may not be there.
func (d *DeadLetters) each(ctx context.Context, look func(bus.DeadLetter) (take, stop bool, err error)) error {
	stopped := false
	until := func(l bus.DeadLetter) (bool, bool, error) {
		take, stop, err := look(l)
		stopped = stopped || stop
		return take, stop, err
	}
	read := func(where, queue string) error {
		return amqp.EachDead(ctx, amqp.Config{URL: where, Name: "ozone operator", Now: d.now, Log: d.cfg.Log}, queue, until)
	}
	if err := read(d.cfg.Bus, amqp.NodesDead); err != nil || stopped {
		return err
	}
	where, err := d.cfg.tenantsURL()
	if err != nil {
		return err
	}
	err = read(where, amqp.TenantsDead)
	if errors.Is(err, amqp.ErrNoVhost) {
		return nil
	}
	return err
}
