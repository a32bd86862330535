package ozone

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/hosts/agent"
	"github.com/ozonecloud/ozone/schemas"
)

// inboxWindow is how many steps of a host may be out and not done. A step that takes an hour keeps its
// followers from being acknowledged, not from being done, until the window is full.
const inboxWindow = 1024

// inbox gives an agent the steps of its host's queue and acknowledges what is done without a gap.
type inbox struct {
	consumer bus.Consumer

	mu    sync.Mutex
	acked uint64          // guarded by mu; everything up to it is done
	done  map[uint64]bool // guarded by mu; done behind a gap; no larger than the window
}

func openInbox(ctx context.Context, b bus.Bus, host schemas.HostID) (*inbox, error) {
	queue := bus.HostQueue(host)
	if err := b.Declare(ctx, queue); err != nil {
		return nil, fmt.Errorf("declare %s: %w", queue, err)
	}
	c, err := b.Consume(ctx, queue, inboxWindow)
	if err != nil {
		return nil, err
	}
	return &inbox{consumer: c, done: map[uint64]bool{}}, nil
}

// receive waits for the next step. A message that is none is done with: it would come for ever.
func (in *inbox) receive(ctx context.Context) (agent.Delivery, error) {
	select {
	case d, open := <-in.consumer.Deliveries():
		if !open {
			return agent.Delivery{}, bus.ErrClosed
		}
		step, err := decodeStep(d.Message)
		if err != nil {
			in.finish(d.Tag)
			return agent.Delivery{}, err
		}
		return agent.Delivery{Step: *step, Done: func() { in.finish(d.Tag) }}, nil
	case <-ctx.Done():
		return agent.Delivery{}, ctx.Err()
	}
}

func decodeStep(m bus.Message) (*schemas.Step, error) {
	if m.Type != schemas.TypeStep {
		return nil, fmt.Errorf("message %q of type %q dropped: want a step", m.ID, m.Type)
	}
	var step schemas.Step
	if err := json.Unmarshal(m.Body, &step); err != nil {
		return nil, fmt.Errorf("message %q dropped: %w", m.ID, err)
	}
	return &step, nil
}

// finish marks a delivery as done. It is harmless when called twice.
func (in *inbox) finish(tag uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if tag <= in.acked {
		return
	}
	in.done[tag] = true
	before := in.acked
	for in.done[in.acked+1] {
		in.acked++
		delete(in.done, in.acked)
	}
	if in.acked > before {
		in.consumer.Ack(in.acked)
	}
}

func (in *inbox) close() { in.consumer.Close() }
