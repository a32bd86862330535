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
	tries    int   // of a suspect, this one included
	dead     bool  // it is being buried
}

// The messages of a shard's mailbox about its queue.
type (
	consuming struct { // what a Consume has come to: one of the two
		consumer bus.Consumer
		err      error
	}
	hungUp struct{ consumer bus.Consumer } // nothing more comes from it
	reopen struct{}                        // try to consume again
)

// consume asks for the shard's queue beside the mailbox, since a broker may take its time; the answer comes as
// consuming. It does nothing when the queue is here or is being asked for.
func (s *shard) consume(ctx actor.Context) {
	if s.consumer != nil || s.asking || !s.wantsQueue() {
		return
	}
	s.asking = true
	e, self, id := s.engine, ctx.Self(), s.id
	e.beside(func(c context.Context) {
		consumer, err := e.cfg.Bus.Consume(c, bus.ShardQueue(id), prefetch)
		if err != nil {
			e.system.Root.Send(self, consuming{err: fmt.Errorf("consume the queue of shard %d: %w", id, err)})
			return
		}
		e.system.Root.Send(self, consuming{consumer: consumer})
		e.relay(c, self, consumer)
	})
}

// relay brings a shard what its consumer gets. It ends with the consumer, which it closes at the engine's end: the
// shard may have ended before it knew of it.
func (e *Engine) relay(ctx context.Context, to *actor.PID, c bus.Consumer) {
	defer c.Close()
	for {
		select {
		case d, open := <-c.Deliveries():
			if !open {
				e.system.Root.Send(to, hungUp{c})
				return
			}
			a := &arrived{consumer: c, delivery: d}
			if !a.suspect() {
				a.message, a.err = decode(&d)
			}
			e.system.Root.Send(to, a)
		case <-ctx.Done():
			return
		}
	}
}

// consuming takes up the queue, or asks for it again after a while. A first Consume that failed is not repeated:
// whoever starts the node must know.
func (s *shard) consuming(ctx actor.Context, c consuming) {
	s.asking = false
	switch {
	case c.err != nil && s.ready != nil:
		s.lost(c.err)
	case c.err != nil:
		s.askLater(ctx, c.err)
	case !s.wantsQueue():
		c.consumer.Close() // another owner gets it
	default:
		s.consumer = c.consumer
		s.engine.queued[s.id].Store(true)
		s.tellReady()
		s.wake()
	}
}

// askLater has a lost queue asked for again, unless nobody can have it any more.
func (s *shard) askLater(ctx actor.Context, err error) {
	if s.stopping() || errors.Is(err, bus.ErrClosed) {
		return
	}
	s.engine.cfg.Log.Warn("queue is lost; it is asked for again", "shard", int(s.id), "error", err)
	e, self := s.engine, ctx.Self()
	time.AfterFunc(consumeRetry, func() { e.system.Root.Send(self, reopen{}) })
}

// decode reads a delivery's message, which must be for an actor that there may be.
func decode(d *bus.Delivery) (schemas.Message, error) {
	if d.Type == schemas.TypeWake {
		return nil, nil //nolint:nilnil // that it has come is all it says
	}
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

// arrived queues a delivery.
func (s *shard) arrived(ctx actor.Context, a *arrived) {
	if s.stopping() || a.consumer != s.consumer {
		return // not acknowledged: the next owner gets it
	}
	s.window.add(a)
	s.own(ctx)
	if a.delivery.Type == schemas.TypeCommand {
		s.engine.stats.commands.Add(1)
	}
	switch {
	case a.suspect():
		s.push(ctx, item{arrived: a})
	case a.err != nil:
		s.unread(ctx, a)
	case a.message == nil:
		s.ack(a)
	default:
		s.push(ctx, item{message: a.message, to: a.message.To(), arrived: a})
	}
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
	s.letGo()
	s.consume(ctx)
}

// hangUp gives what is not acknowledged back to the queue.
func (s *shard) hangUp() {
	if s.consumer != nil {
		s.consumer.Close()
	}
}

// letGo gives the queue back, with what is not acknowledged: it is decided by the next owner, or here when it comes again.
func (s *shard) letGo() {
	s.hangUp()
	s.consumer, s.window = nil, window{}
	s.engine.queued[s.id].Store(false)
	s.queue = slices.DeleteFunc(s.queue, func(i item) bool { return i.arrived != nil })
}

// wantsQueue tells whether the shard waits in line for its queue.
func (s *shard) wantsQueue() bool {
	return !s.stopping() && (s.rank == 1 || s.rank == standby || s.running || s.claiming)
}

// stopping tells whether the shard takes nothing more.
func (s *shard) stopping() bool { return s.drained || s.draining != nil || s.leaving }
