// Package bustest says what every bus must hold.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

// Traits says what an implementation can promise; the tests of the rest are skipped.
type Traits struct {
	// Limit is how many messages a shard queue of the opened bus takes before it refuses: 2,500 or more,
	// since the suite's own rushes must fit; 0: not tried.
	Limit int
	// LimitSlack is how many more it may take, for a broker that counts late.
	LimitSlack int
	// Durable: what is confirmed outlives the process.
	Durable bool
	// DropsExpired: a message that had expired when it was published is never delivered.
	DropsExpired bool
	// RepliesEnd: a message to a reply queue whose consumer was closed is unroutable at once, not some time later.
	RepliesEnd bool
	// Dead reads what a bus that open has made has buried, in the way of its operator. It is called once for a bus.
	Dead func(t *testing.T, b bus.Bus) []bus.DeadLetter
}

// Run runs the suite. Every call of open gives a bus without queues, closed by the test that asked for it.
func Run(t *testing.T, traits Traits, open func(t *testing.T) bus.Bus) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &suite{Traits: traits, t: t, bus: open(t)}
			t.Cleanup(func() { _ = s.bus.Close() })
			c.run(s)
		})
	}
}

type suite struct {
	Traits
	t   *testing.T
	bus bus.Bus
}

var cases = []struct {
	name string
	run  func(*suite)
}{
	{"a message arrives whole", arrivesWhole},
	{"every message is confirmed once", confirmedOnce},
	{"one publisher's messages to one address keep their order", keepsOrder},
	{"publishers do not lose one another's messages", manyPublishers},
	{"tags ascend from 1 without gaps", tagsAscend},
	{"no such queue is refused", unroutable},
	{"a queue is declared twice without harm", declaredTwice},
	{"a queue keeps its messages without a consumer", keepsWithoutConsumer},
	{"a full queue refuses and keeps nothing of it", fullRefuses},
	{"direct messages mix with others", directMixes},
	{"a direct message waits for a consumer", directWithoutConsumer},
	{"direct messages beyond the window wait", directBeyondWindow},
	{"a direct message that was not acknowledged comes again", directComesAgain},
	{"no direct message is lost when consumers change", directUnderChange},
	{"an ended context publishes nothing", endedContext},
	{"an expired message may go, the next one comes", expires},
	{"a body of 1 MiB passes", largeBody},
	{"a bus says whether it keeps what it has confirmed", saysDurable},

	{"at most the window is delivered unacknowledged", windowHolds},
	{"an acknowledgement covers all before it", ackCumulative},
	{"an acknowledgement may be repeated", ackRepeated},
	{"an acknowledgement beyond the last delivery counts up to it", ackBeyond},
	{"an acknowledged message never comes again", ackedIsGone},
	{"a prefetch below 1 is refused", prefetchRefused},

	{"one consumer at a time is active", singleActive},
	{"what was not acknowledged comes first, in order, marked", redelivers},
	{"the next in line takes over on close", takesOver},
	{"a waiting consumer that closes is skipped", waitingCloses},
	{"closing a consumer closes its channel", closesChannel},
	{"a closed consumer acknowledges nothing", ackAfterClose},
	{"a slow consumer holds up nobody else", slowHarmsNobody},
	{"consumers that come and go lose nothing", churn},
	{"every end of a consumer counts", countsRedeliveries},

	{"a dead letter is kept whole, with its reason", buries},
	{"an ended context buries nothing", buriesNothing},

	{"a reply queue ends with its consumer", replyEnds},
	{"a closed bus ends its consumers and takes nothing", closedBus},
	{"a bus closes while others publish and consume", closesUnderLoad},
}

// patience bounds the wait for anything that must come. Generous: a loaded machine is no failure.
const patience = 30 * time.Second

// silence is how long nothing must come where nothing may. Short: it delays every run, and a bus
// that is wrong shows it at once.
const silence = 50 * time.Millisecond

func (s *suite) shard(t *testing.T, n int) bus.Address {
	t.Helper()
	a := bus.ShardQueue(schemas.Shard(n))
	s.declare(t, a)
	return a
}

func (s *suite) declare(t *testing.T, a bus.Address) {
	t.Helper()
	if err := s.bus.Declare(t.Context(), a); err != nil {
		t.Fatalf("Declare(%q) = %v, want nil", a, err)
	}
}

func (s *suite) consume(t *testing.T, a bus.Address, prefetch int) bus.Consumer {
	t.Helper()
	c, err := s.bus.Consume(t.Context(), a, prefetch)
	if err != nil {
		t.Fatalf("Consume(%q, %d) = %v, want a consumer", a, prefetch, err)
	}
	return c
}

func message(n int) bus.Message {
	return bus.Message{ID: fmt.Sprintf("m-%d", n), Type: schemas.TypeCommand, Body: []byte(`{}`)}
}

func (s *suite) send(t *testing.T, a bus.Address, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := s.sendOne(t, a, message(n)); err != nil {
			t.Fatalf("message %d to %q was confirmed with %v, want nil", n, a, err)
		}
	}
}

func (s *suite) sendOne(t *testing.T, a bus.Address, m bus.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return bus.Send(ctx, s.bus, a, m)
}

// receive waits for one delivery.
func receive(t *testing.T, c bus.Consumer) bus.Delivery {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case d, open := <-c.Deliveries():
		if !open {
			t.Fatal("the deliveries were closed, want a message")
		}
		return d
	case <-timer.C:
		t.Fatalf("no message within %v", patience)
	}
	panic("unreachable")
}

// expect receives the messages from..to in order, all marked or all unmarked, and gives the last tag.
func expect(t *testing.T, c bus.Consumer, from, to int, redelivered bool) uint64 {
	t.Helper()
	var tag uint64
	for n := from; n <= to; n++ {
		d := receive(t, c)
		if want := message(n).ID; d.ID != want || (d.Redeliveries > 0) != redelivered {
			t.Fatalf("got %s (redelivered %d times), want %s (redelivered %v)", d.ID, d.Redeliveries, want, redelivered)
		}
		tag = d.Tag
	}
	return tag
}

// expectEither receives message n, marked or not, and gives its tag.
func expectEither(t *testing.T, c bus.Consumer, n int) uint64 {
	t.Helper()
	d := receive(t, c)
	if d.ID != message(n).ID {
		t.Fatalf("got %s, want %s", d.ID, message(n).ID)
	}
	return d.Tag
}

func expectNothing(t *testing.T, c bus.Consumer) {
	t.Helper()
	timer := time.NewTimer(silence)
	defer timer.Stop()
	select {
	case d, open := <-c.Deliveries():
		t.Fatalf("got %q (open %v), want nothing", d.ID, open)
	case <-timer.C:
	}
}

// expectClosed reads the channel to its end.
func expectClosed(t *testing.T, c bus.Consumer) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case _, open := <-c.Deliveries():
			if !open {
				return
			}
		case <-timer.C:
			t.Fatalf("the deliveries were not closed within %v", patience)
		}
	}
}

func want(t *testing.T, what string, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Fatalf("%s = %v, want %v", what, err, wanted)
	}
}
