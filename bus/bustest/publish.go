package bustest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

// Instants on both sides of every run.
var (
	past = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	far  = time.Date(2100, 2, 3, 4, 5, 6, 0, time.UTC)
)

func arrivesWhole(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	sent := bus.Message{
		ID: "id-1", Type: schemas.TypeAnswer, CorrelationID: "c-1", ReplyTo: bus.ReplyQueue("edge"),
		Expires: far, Body: []byte("\x00body\xff"),
	}
	want(t, "confirmation", s.sendOne(t, a, sent), nil)
	got := receive(t, s.consume(t, a, 1)).Message
	if !got.Expires.Equal(sent.Expires) {
		t.Errorf("Expires = %v, want %v", got.Expires, sent.Expires)
	}
	got.Expires = sent.Expires
	if !reflect.DeepEqual(got, sent) {
		t.Errorf("got %+v, want %+v", got, sent)
	}
}

func confirmedOnce(s *suite) {
	t := s.t
	const n = 500
	a := s.shard(t, 1)
	var wg sync.WaitGroup
	var counts [n]atomic.Int32
	for i := range n {
		wg.Add(1)
		err := s.bus.Publish(t.Context(), a, message(i), func(err error) {
			if err != nil {
				t.Errorf("message %d was confirmed with %v, want nil", i, err)
			}
			if counts[i].Add(1) == 1 {
				wg.Done()
			}
		})
		if err != nil {
			t.Fatalf("Publish = %v, want nil", err)
		}
	}
	wg.Wait()
	expect(t, s.consume(t, a, n), 0, n-1, false)
	for i := range n {
		if got := counts[i].Load(); got != 1 {
			t.Errorf("message %d was confirmed %d times, want 1", i, got)
		}
	}
}

func keepsOrder(s *suite) {
	t := s.t
	const n = 2000
	a, other := s.shard(t, 1), s.shard(t, 2)
	c, d := s.consume(t, a, 32), s.consume(t, other, 32)
	go func() { // ends with its messages
		for i := 1; i <= n; i++ {
			_ = s.bus.Publish(t.Context(), a, message(i), func(error) {})
			_ = s.bus.Publish(t.Context(), other, message(i), func(error) {})
		}
	}()
	for i := 1; i <= n; i++ {
		c.Ack(expect(t, c, i, i, false))
		d.Ack(expect(t, d, i, i, false))
	}
}

func manyPublishers(s *suite) {
	t := s.t
	const publishers, each = 8, 250
	a := s.shard(t, 1)
	c := s.consume(t, a, 16)
	for p := range publishers {
		go func() { // ends with its messages
			for i := range each {
				m := bus.Message{ID: fmt.Sprintf("%d/%d", p, i), Type: schemas.TypeCommand}
				_ = s.bus.Publish(t.Context(), a, m, func(error) {})
			}
		}()
	}
	var next [publishers]int
	for range publishers * each {
		d := receive(t, c)
		var p, i int
		if _, err := fmt.Sscanf(d.ID, "%d/%d", &p, &i); err != nil {
			t.Fatalf("message id %q: %v", d.ID, err)
		}
		if i != next[p] {
			t.Fatalf("publisher %d: got message %d, want %d", p, i, next[p])
		}
		next[p]++
		c.Ack(d.Tag)
	}
}

func tagsAscend(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 20)
	c := s.consume(t, a, 5)
	for n := uint64(1); n <= 20; n++ {
		if d := receive(t, c); d.Tag != n {
			t.Fatalf("Tag = %d, want %d", d.Tag, n)
		}
		c.Ack(n)
	}
	c.Close()
	s.send(t, a, 21, 21)
	if d := receive(t, s.consume(t, a, 5)); d.Tag != 1 {
		t.Errorf("the next consumer's first Tag = %d, want 1", d.Tag)
	}
}

func unroutable(s *suite) {
	t := s.t
	for _, a := range []bus.Address{bus.ShardQueue(9), bus.HostQueue(9), bus.ReplyQueue("nobody")} {
		want(t, "confirmation of a message to "+string(a), s.sendOne(t, a, message(1)), bus.ErrUnroutable)
	}
	_, err := s.bus.Consume(t.Context(), bus.ShardQueue(9), 1)
	want(t, "Consume without a queue", err, bus.ErrUnroutable)
	a := s.shard(t, 9)
	expectNothing(t, s.consume(t, a, 1))
}

func declaredTwice(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 3)
	s.declare(t, a)
	expect(t, s.consume(t, a, 8), 1, 3, false)
}

func keepsWithoutConsumer(s *suite) {
	t := s.t
	for _, a := range []bus.Address{bus.ShardQueue(1), bus.HostQueue(1)} {
		s.declare(t, a)
		s.consume(t, a, 8).Close()
		s.send(t, a, 1, 3)
		c := s.consume(t, a, 8)
		for n := 1; n <= 3; n++ {
			expectEither(t, c, n) // a broker may have sent it to the consumer that was leaving
		}
	}
}

func fullRefuses(s *suite) {
	t := s.t
	if s.Limit == 0 {
		t.Skip("this bus promises no limit")
	}
	a, other := s.shard(t, 1), s.shard(t, 2)
	kept := 0
	for ; kept <= s.Limit+s.LimitSlack; kept++ {
		err := s.sendOne(t, a, message(kept+1))
		if err != nil {
			want(t, "confirmation of a message to a full queue", err, bus.ErrFull)
			break
		}
	}
	if kept < s.Limit || kept > s.Limit+s.LimitSlack {
		t.Fatalf("the queue took %d messages, want %d and at most %d more", kept, s.Limit, s.LimitSlack)
	}
	s.send(t, other, 1, 1) // another queue has room
	c := s.consume(t, a, kept)
	c.Ack(expect(t, c, 1, kept, false))
	s.sendOnceThereIsRoom(t, a, kept+2) // and the refused one is nowhere
	expect(t, c, kept+2, kept+2, false)
}

// sendOnceThereIsRoom tries until the queue has noticed what was acknowledged: a broker is told on its way.
func (s *suite) sendOnceThereIsRoom(t *testing.T, a bus.Address, n int) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for range patience / time.Millisecond {
		err := s.sendOne(t, a, message(n))
		if err == nil {
			return
		}
		want(t, "confirmation of a message to a queue with room", err, bus.ErrFull)
		<-again.C
	}
	t.Fatalf("the queue is full %v after all was acknowledged", patience)
}

func endedContext(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.bus.Publish(ctx, a, message(1), func(error) { t.Error("confirmed, want no call") })
	want(t, "Publish", err, context.Canceled)
	s.send(t, a, 2, 2)
	expect(t, s.consume(t, a, 8), 2, 2, false)
}

func expires(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	old, fresh := message(1), message(2)
	old.Expires = past
	fresh.Expires = far
	want(t, "confirmation", s.sendOne(t, a, old), nil)
	want(t, "confirmation", s.sendOne(t, a, fresh), nil)
	s.send(t, a, 3, 3)
	c := s.consume(t, a, 8)
	d := receive(t, c)
	if d.ID == old.ID {
		if s.DropsExpired {
			t.Fatal("the expired message was delivered, want it dropped")
		}
		d = receive(t, c)
	}
	if d.ID != fresh.ID {
		t.Fatalf("got %s, want %s", d.ID, fresh.ID)
	}
	expect(t, c, 3, 3, false)
}

func largeBody(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	m := message(1)
	m.Body = make([]byte, 1<<20)
	want(t, "confirmation", s.sendOne(t, a, m), nil)
	if d := receive(t, s.consume(t, a, 1)); len(d.Body) != 1<<20 {
		t.Errorf("got %d bytes, want %d", len(d.Body), 1<<20)
	}
}

func saysDurable(s *suite) {
	if got := s.bus.Durable(); got != s.Durable {
		s.t.Errorf("Durable() = %v, want %v", got, s.Durable)
	}
}
