package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

// consumeRetry is the pause before a lost queue is asked for again.
const consumeRetry = time.Second

// arrived is a delivery and what is known of it until it is acknowledged.
type arrived struct {
	consumer bus.Consumer
	delivery bus.Delivery
	message  schemas.Message
	err      error // it cannot be read
	defects  int   // see defectsRefused
	again    bool  // it was dispatched before
}

// The messages of a shard's mailbox about its queue.
type (
	hungUp struct{ consumer bus.Consumer } // nothing more comes from it
	reopen struct{}                        // try to consume again
)

// consume starts the goroutine that reads the shard's queue; it ends with the consumer.
func (s *shard) consume(ctx actor.Context) error {
	consumer, err := s.engine.cfg.Bus.Consume(context.Background(), bus.ShardQueue(s.id), prefetch)
	if err != nil {
		return fmt.Errorf("consume the queue of shard %d: %w", s.id, err)
	}
	s.consumer = consumer
	e, self := s.engine, ctx.Self()
	e.wg.Go(func() {
		for d := range consumer.Deliveries() {
			m, err := decode(&d)
			e.system.Root.Send(self, &arrived{consumer: consumer, delivery: d, message: m, err: err})
		}
		e.system.Root.Send(self, hungUp{consumer})
	})
	return nil
}

// decode reads a delivery's message, which must be for an actor that there may be.
func decode(d *bus.Delivery) (schemas.Message, error) {
	m, err := schemas.DecodeMessage(d.Type, d.Body)
	if err != nil {
		return nil, err
	}
	to := m.To()
	_, step := m.(*schemas.Step)       // is for a host's agent
	_, outcome := m.(*schemas.Outcome) // is for who sent the step
	known := to.Kind == schemas.ActorAccount || to.Kind == schemas.ActorHost || to.Kind == schemas.ActorCluster
	if to.Kind == schemas.ActorServer || to.Kind == schemas.ActorImage || known && !step && !outcome {
		return m, nil
	}
	return nil, fmt.Errorf("it is for %s", to)
}

// arrived queues a delivery. One that cannot be read is logged and acknowledged: it would poison every owner.
func (s *shard) arrived(ctx actor.Context, a *arrived) {
	if s.stopping() || a.consumer != s.consumer {
		return // not acknowledged: the next owner gets it
	}
	s.window.add(a)
	if a.err != nil {
		s.engine.cfg.Log.Error("message dropped: it cannot be read", "shard", int(s.id), "type", string(a.delivery.Type), "error", a.err)
		s.ack(a)
		return
	}
	if _, ok := a.message.(*schemas.Command); ok {
		s.engine.stats.commands.Add(1)
	}
	s.push(ctx, item{message: a.message, to: a.message.To(), arrived: a})
}

// ack marks a delivery as done and acknowledges the contiguous prefix. A delivery of a lost consumer comes again.
func (s *shard) ack(a *arrived) {
	if a == nil || a.consumer != s.consumer {
		return
	}
	if upTo, ok := s.window.done(a.delivery.Tag); ok {
		s.consumer.Ack(upTo)
	}
}

// hungUp takes up the shard's queue again when it was lost. What came from it and is not decided comes again; of
// what is decided the repetition is answered from memory or from its row.
func (s *shard) hungUp(ctx actor.Context, c bus.Consumer) {
	if c != s.consumer || s.stopping() {
		return
	}
	c.Close()
	s.consumer, s.window = nil, window{}
	s.queue = slices.DeleteFunc(s.queue, func(i item) bool { return i.arrived != nil })
	s.reopen(ctx)
}

func (s *shard) reopen(ctx actor.Context) {
	if s.consumer != nil || s.stopping() {
		return
	}
	err := s.consume(ctx)
	if err == nil || errors.Is(err, bus.ErrClosed) {
		return
	}
	s.engine.cfg.Log.Warn("queue is lost; it is asked for again", "shard", int(s.id), "error", err)
	e, self := s.engine, ctx.Self()
	time.AfterFunc(consumeRetry, func() { e.system.Root.Send(self, reopen{}) })
}

// hangUp gives what is not acknowledged back to the queue.
func (s *shard) hangUp() {
	if s.consumer != nil {
		s.consumer.Close()
	}
}

// stopping tells whether the shard takes nothing more.
func (s *shard) stopping() bool { return s.drained || s.draining != nil }
