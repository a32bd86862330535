package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

const (
	// replyPrefetch bounds the answers on their way to this edge. They are handled in microseconds.
	replyPrefetch = 256
	// replyRetry is the pause before a lost reply queue is declared again.
	replyRetry = time.Second
)

// replies brings the answers of actors to the requests that wait for them.
type replies struct {
	bus   bus.Bus
	queue bus.Address
	log   *slog.Logger

	mu      sync.Mutex
	waiting map[schemas.OperationID]chan schemas.Answer // by command; guarded by mu. One per request in flight

	quit    chan struct{} // closed by stop: ends the consumer's goroutine
	stopped sync.Once
	done    sync.WaitGroup
}

func newReplies(b bus.Bus, queue bus.Address, log *slog.Logger) *replies {
	return &replies{bus: b, queue: queue, log: log, waiting: map[schemas.OperationID]chan schemas.Answer{}, quit: make(chan struct{})}
}

// start declares the reply queue and consumes it until stop.
func (r *replies) start(ctx context.Context) error {
	c, err := r.consume(ctx)
	if err != nil {
		return err
	}
	r.done.Go(func() { r.run(ctx, c) })
	return nil
}

// stop returns when no answer is handled any more. It may be called twice, and before start.
func (r *replies) stop() {
	r.stopped.Do(func() { close(r.quit) })
	r.done.Wait()
}

func (r *replies) consume(ctx context.Context) (bus.Consumer, error) {
	if err := r.bus.Declare(ctx, r.queue); err != nil {
		return nil, fmt.Errorf("declare %s: %w", r.queue, err)
	}
	c, err := r.bus.Consume(ctx, r.queue, replyPrefetch)
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", r.queue, err)
	}
	return c, nil
}

// run handles answers, and takes the queue up again when it is lost.
func (r *replies) run(ctx context.Context, c bus.Consumer) {
	for {
		if c != nil {
			r.drain(c)
			c.Close()
		}
		if !r.pause() {
			return
		}
		var err error
		if c, err = r.consume(ctx); err != nil {
			r.log.Warn("reply queue is lost", "queue", string(r.queue), "error", err)
			c = nil
		}
	}
}

// pause waits before the next try; false: stop was called.
func (r *replies) pause() bool {
	t := time.NewTimer(replyRetry)
	defer t.Stop()
	select {
	case <-r.quit:
		return false
	case <-t.C:
		return true
	}
}

func (r *replies) drain(c bus.Consumer) {
	for {
		select {
		case <-r.quit:
			return
		case d, ok := <-c.Deliveries():
			if !ok {
				return
			}
			r.deliver(d)
			c.Ack(d.Tag)
		}
	}
}

// deliver hands an answer to its waiter. Without one it is dropped: the operation's row has it too.
func (r *replies) deliver(d bus.Delivery) {
	if d.Type != schemas.TypeAnswer {
		r.log.Warn("unexpected message on the reply queue", "type", string(d.Type))
		return
	}
	id := schemas.OperationID(d.CorrelationID)
	r.mu.Lock()
	waiter := r.waiting[id]
	delete(r.waiting, id)
	r.mu.Unlock()
	if waiter == nil {
		return
	}
	var a schemas.Answer
	if err := json.Unmarshal(d.Body, &a); err != nil {
		r.log.Error("answer is not readable", "operation", string(id), "error", err)
		return
	}
	waiter <- a // room for one, and only one finds it in the map
}

// expect registers a waiter for the answer to a command.
func (r *replies) expect(command schemas.OperationID) <-chan schemas.Answer {
	waiter := make(chan schemas.Answer, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[command] = waiter
	return waiter
}

// forget ends the wait for a command's answer.
func (r *replies) forget(command schemas.OperationID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, command)
}
