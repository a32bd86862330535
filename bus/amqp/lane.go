package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
)

const (
	// lanes is how many publishing channels there are. All messages to one address use the same, which keeps their order.
	lanes = 4
	// laneWindow is how many messages of a lane may wait for their confirm; more wait in Publish.
	laneWindow = 1024
	// drainTime bounds the wait for confirms when the bus closes.
	drainTime = 5 * time.Second
)

// errUnknown is the outcome of a message whose confirm was lost: the broker may have it or not.
var errUnknown = errors.New("bus: connection lost before the confirm")

// lane is a publishing channel. Confirms are told in the order of publishing.
type lane struct {
	session  *session
	ch       *amqp091.Channel
	patience time.Duration // see Config.Patience
	log      *slog.Logger
	slots    chan struct{} // holds one word per message on its way
	turn     chan struct{} // holds one word while a message is written; a lock that minds contexts
	pending  chan outgoing // as large as the window: never blocks
	// returns is as large as the window, too: the library drops what it cannot hand over, and the confirm that
	// follows a dropped return would vouch for a message that is nowhere.
	returns  chan amqp091.Return
	returned []amqp091.Return // taken from returns, not matched; belongs to the goroutine that tells
	told     sync.WaitGroup   // that goroutine
}

// outgoing is a message that the broker has not confirmed.
type outgoing struct {
	key, id   string
	confirm   *amqp091.DeferredConfirmation
	confirmed func(error)
}

// openLanes prepares a publishing session.
func (b *Bus) openLanes(_ context.Context, s *session) error {
	for range lanes {
		ch, err := s.conn.Channel()
		if err != nil {
			return err
		}
		if err := ch.Confirm(false); err != nil {
			return err
		}
		l := &lane{
			session: s, ch: ch, patience: b.cfg.Patience, log: b.cfg.Log,
			slots: make(chan struct{}, laneWindow), turn: make(chan struct{}, 1),
			pending: make(chan outgoing, laneWindow),
			returns: ch.NotifyReturn(make(chan amqp091.Return, laneWindow)),
		}
		go l.guard(ch.NotifyClose(make(chan *amqp091.Error, 1)))
		l.told.Go(l.tell)
		s.lanes = append(s.lanes, l)
	}
	return nil
}

// guard gives up the connection when the broker closes the lane's channel for an error; it ends with the channel.
func (l *lane) guard(closed <-chan *amqp091.Error) {
	for range closed {
		l.session.cut()
	}
}

// publish writes a message and sees to it that confirmed is called. handed is false when it was not written:
// the connection is blocked or gone. An error is the context's; confirmed will not be called then, either.
func (l *lane) publish(ctx context.Context, p publishing, confirmed func(error)) (handed bool, err error) {
	if handed, err = l.acquire(ctx, l.slots); !handed {
		return false, err
	}
	if handed, err = l.acquire(ctx, l.turn); !handed {
		<-l.slots
		return false, err
	}
	defer func() { <-l.turn }()
	confirm, err := l.ch.PublishWithDeferredConfirm(p.exchange, p.key, !p.topic, false, p.Publishing)
	if err == nil {
		l.pending <- outgoing{key: p.key, id: p.MessageId, confirm: confirm, confirmed: confirmed}
		return true, nil
	}
	<-l.slots
	if errors.Is(err, amqp091.ErrClosed) {
		return false, nil // refused before the first byte
	}
	l.session.cut()
	confirmed(fmt.Errorf("%w: %w", errUnknown, err))
	return true, nil
}

// acquire puts a word into c unless the lane is blocked or gone, or ctx ends.
func (l *lane) acquire(ctx context.Context, c chan struct{}) (bool, error) {
	shut := l.session.gate.shutting()
	select {
	case <-shut:
		return false, nil
	case <-l.session.gone:
		return false, nil
	default:
	}
	select {
	case c <- struct{}{}:
		return true, nil
	default:
	}
	select {
	case c <- struct{}{}:
		return true, nil
	case <-shut:
		return false, nil
	case <-l.session.gone:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// tell calls back, in order of publishing. It ends when the connection is gone and everything is told.
func (l *lane) tell() {
	for {
		select {
		case o := <-l.pending:
			l.settle(o)
		case <-l.session.gone:
			l.turn <- struct{}{} // nobody writes any more: the channel refuses, and so does acquire
			for len(l.pending) > 0 {
				l.settle(<-l.pending)
			}
			<-l.turn
			return
		}
	}
}

func (l *lane) settle(o outgoing) {
	l.await(o)
	o.confirmed(l.outcome(o))
	<-l.slots
}

// await returns when o is confirmed, by the broker or by the channel's end. A queue that has lost its leader takes
// messages and never answers: without an end to the wait its lane's others would never be told, either.
func (l *lane) await(o outgoing) {
	select {
	case <-o.confirm.Done():
		return
	default:
	}
	for {
		patience := time.NewTimer(l.patience)
		select {
		case <-o.confirm.Done():
			patience.Stop()
			return
		case <-patience.C:
			if !l.session.gate.isShut() {
				l.log.Error("broker does not confirm; the connection is given up", "queue", o.key, "waited", l.patience)
				l.session.cut()
			}
		}
	}
}

func (l *lane) outcome(o outgoing) error {
	switch {
	case l.wasReturned(o): // a return comes before the confirm of its message
		return bus.ErrUnroutable
	case o.confirm.Acked():
		return nil
	case l.ch.IsClosed(): // the library says no for all that were open
		return errUnknown
	default:
		return bus.ErrFull
	}
}

// wasReturned takes the return that belongs to o. Of repetitions of one message to one address it does not matter
// which is taken for the returned one.
func (l *lane) wasReturned(o outgoing) bool {
	for more := true; more; {
		select {
		case r, open := <-l.returns:
			if more = open; open {
				l.returned = append(l.returned, r)
			}
		default:
			more = false
		}
	}
	i := slices.IndexFunc(l.returned, func(r amqp091.Return) bool { return r.RoutingKey == o.key && r.MessageId == o.id })
	if i < 0 {
		return false
	}
	l.returned = slices.Delete(l.returned, i, i+1)
	return true
}

// drain waits until everything published is confirmed, the connection is gone, or patience is over.
func (s *session) drain() {
	patience := time.NewTimer(drainTime)
	defer patience.Stop()
	for _, l := range s.lanes {
		for range laneWindow { // who holds all slots knows that nobody else does
			select {
			case l.slots <- struct{}{}:
			case <-s.gone:
				return
			case <-patience.C:
				return
			}
		}
	}
}

// wait returns when all outcomes of a lost session are told.
func (s *session) wait() {
	for _, l := range s.lanes {
		l.told.Wait()
	}
}
