package edge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

// ingressPause is between two tries to consume a queue, and before what could not be dealt with comes again.
const ingressPause = time.Second

var (
	errQueueLost = errors.New("its consumer has ended")
	errOtherUser = errors.New("its user is another account's than when its consumer began")
)

// ingress is a queue of commands. One edge has it at a time; the others wait in line.
type ingress struct {
	*door

	queue bus.Address
	user  string // whose queue it is; "": everybody's
	// account is the user's, asked for when the consumer had begun. A name may be given to another account when its user is gone;
	// what waits in the queue then was sent by the new one.
	account schemas.AccountID
}

// run takes the queue up again when it is lost, until life ends.
func (i *ingress) run(life context.Context) {
	pause := time.NewTicker(ingressPause)
	defer pause.Stop()
	for {
		if err := i.consume(life); err != nil && life.Err() == nil {
			i.server.config.Log.Warn("commands come again", "queue", string(i.queue), "error", err)
		}
		select {
		case <-life.Done():
			return
		case <-pause.C:
		}
	}
}

// consume takes commands in their order and acknowledges each when it is answered. At the first that cannot be answered now
// it ends: that one and those behind it come again, and those that were decided meanwhile are answered as repetitions.
func (i *ingress) consume(life context.Context) error {
	c, err := i.Bus.Consume(life, i.queue, ingressWindow)
	if err != nil {
		return err
	}
	defer c.Close()
	if i.user != "" {
		u, err := i.Users.BusUser(life, i.user)
		if err != nil {
			return err
		}
		i.account = u.Account
	}
	ctx, giveUp := context.WithCancelCause(life)
	var running sync.WaitGroup
	defer running.Wait()
	defer giveUp(nil)
	window, own := bus.NewWindow(c), &underway{shares: i.shares, queue: i.queue, done: make(chan struct{}, ingressWindow)}
	for {
		select {
		case m, open := <-c.Deliveries():
			if !open {
				return errQueueLost
			}
			if !own.enter(ctx) {
				return context.Cause(ctx)
			}
			finish := i.take(ctx, &m)
			running.Go(func() {
				defer own.leave()
				if err := finish(); err != nil {
					giveUp(fmt.Errorf("command %.64q: %w", m.ID, err))
					return
				}
				window.Finish(m.Tag)
			})
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take sends a command on its way, in the order of the calls; finish returns when its sender has the answer, or with the
// reason why it must come again.
func (i *ingress) take(ctx context.Context, m *bus.Delivery) (finish func() error) {
	user, reason := i.from(m)
	if reason != "" {
		return func() error { return i.bury(ctx, m, reason) }
	}
	if i.user != "" && user.Account != i.account {
		return func() error { return errOtherUser } // one of the two is outdated
	}
	t := &taken{ingress: i, message: m, user: user, replyTo: bus.RepliesQueue(user.Name)}
	way, err := t.send(ctx)
	return func() error {
		if err != nil {
			return t.reject(ctx, err)
		}
		a, err := way.decision(ctx)
		if err == nil && a.Fault != nil {
			err = a.Fault
		}
		if err != nil {
			return t.reject(ctx, err)
		}
		return t.accept(ctx, a)
	}
}
