package ozone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/hosts/agent"
	"github.com/ozonecloud/ozone/schemas"
)

// inboxWindow is how many steps of a host may be out and not done. A step that takes an hour keeps its
// followers from being acknowledged, not from being done, until the window is full.
const inboxWindow = 1024

// takenPatience is how long another process may have the queue of a host of ours: a broker notices a process that died with its
// machine only after a while. Source: docs/numbers.md.
const takenPatience = 20 * time.Second

// inbox gives an agent the steps of its host's queue and acknowledges what is done without a gap. A queue that was
// lost is consumed again: what was not done comes again.
type inbox struct {
	bus   bus.Bus
	queue bus.Address
	host  schemas.HostID
	clock func() time.Time
	taken time.Time   // since when another process has the queue; zero: none has; only receive changes it
	lost  func(error) // told when another process keeps it
	bury  func(context.Context, bus.DeadLetter) error
	now   *window // what the agent receives from; only receive changes it
}

// window is one consumer of the queue.
type window struct {
	*bus.Window

	consumer bus.Consumer
}

// openInbox waits for another process of this host to end, and fails when it does not.
func (n *Node) openInbox(ctx context.Context, host schemas.HostID) (*inbox, error) {
	in := &inbox{bus: n.bus, queue: bus.HostQueue(host), host: host, clock: n.local, lost: n.fail, bury: n.bury}
	patience := time.NewTimer(takenPatience)
	defer patience.Stop()
	tick := time.NewTicker(takenPause)
	defer tick.Stop()
	for told := false; ; told = true {
		err := in.open(ctx)
		if !errors.Is(err, bus.ErrTaken) {
			return in, err
		}
		if !told {
			n.cfg.Log.Warn("another process is this host; waiting for its end", "host", int64(host))
		}
		select {
		case <-tick.C:
		case <-patience.C:
			return nil, in.twice()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// takenPause is between two looks at a queue that another process has.
const takenPause = 200 * time.Millisecond

// twice is the error of a host that two processes are.
func (in *inbox) twice() error {
	return fmt.Errorf("another process is host %d: stop that one, or give this one other hosts with --hosts", in.host)
}

func (in *inbox) open(ctx context.Context) error {
	if err := in.bus.Declare(ctx, in.queue); err != nil {
		return fmt.Errorf("declare %s: %w", in.queue, err)
	}
	consume := in.bus.Consume
	if sole, ok := in.bus.(bus.Sole); ok {
		consume = sole.ConsumeAlone
	}
	c, err := consume(ctx, in.queue, inboxWindow)
	if err != nil {
		return fmt.Errorf("consume %s: %w", in.queue, err)
	}
	in.now, in.taken = &window{bus.NewWindow(c), c}, time.Time{}
	return nil
}

// missed counts how long another process has the queue: the node must not go on as if it were that host.
func (in *inbox) missed(err error) {
	switch {
	case !errors.Is(err, bus.ErrTaken):
		in.taken = time.Time{}
	case in.taken.IsZero():
		in.taken = in.clock()
	case in.clock().Sub(in.taken) > takenPatience:
		in.lost(in.twice())
	}
}

// receive waits for the next step. A message that is none is a dead letter: no other process could take it, and it would come
// for ever.
func (in *inbox) receive(ctx context.Context) (agent.Delivery, error) {
	if in.now == nil {
		if err := in.open(ctx); err != nil {
			in.missed(err)
			return agent.Delivery{}, err
		}
	}
	w := in.now
	select {
	case d, open := <-w.consumer.Deliveries():
		if !open {
			w.consumer.Close()
			in.now = nil
			return agent.Delivery{}, fmt.Errorf("receive from %s: its consumer has ended", in.queue)
		}
		step, err := decodeStep(d.Message)
		if err != nil {
			return agent.Delivery{}, in.reject(ctx, w, &d, err)
		}
		return agent.Delivery{Step: *step, Done: func() { w.Finish(d.Tag) }}, nil
	case <-ctx.Done():
		return agent.Delivery{}, ctx.Err()
	}
}

func decodeStep(m bus.Message) (*schemas.Step, error) {
	decoded, err := schemas.DecodeMessage(m.Type, m.Body)
	if err != nil {
		return nil, err
	}
	step, ok := decoded.(*schemas.Step)
	if !ok {
		return nil, fmt.Errorf("it is of type %s, a host takes steps", m.Type)
	}
	return step, nil
}

// reject buries a message and acknowledges it then, as a shard does. The steps behind it wait meanwhile.
func (in *inbox) reject(ctx context.Context, w *window, d *bus.Delivery, why error) error {
	err := in.bury(ctx, bus.DeadLetter{Message: d.Message, From: in.queue, Redeliveries: d.Redeliveries, Reason: why.Error(), Died: in.clock()})
	if ctx.Err() == nil && !errors.Is(err, bus.ErrClosed) {
		w.Finish(d.Tag)
	}
	return fmt.Errorf("message %q is no step: %w", d.ID, errors.Join(why, err))
}

// bury keeps a dead letter of a host.
func (n *Node) bury(ctx context.Context, l bus.DeadLetter) error {
	n.dead.Add(1)
	n.cfg.Log.Error("dead letter", "queue", string(l.From), "message", l.ID, "type", string(l.Type), "reason", l.Reason)
	err := bus.Bury(ctx, n.bus, l)
	if err != nil {
		n.cfg.Log.Error("dead letter not kept", "message", l.ID, "error", err)
	}
	return err
}

// close ends the consumer; nobody receives any more.
func (in *inbox) close() {
	if in.now != nil {
		in.now.consumer.Close()
	}
}
