package bustest

import (
	"sync"

	"github.com/ozonecloud/ozone/bus"
)

func windowHolds(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 12)
	c := s.consume(t, a, 4)
	expect(t, c, 1, 4, false)
	expectNothing(t, c)
	c.Ack(2)
	expect(t, c, 5, 6, false)
	expectNothing(t, c)
	c.Ack(6)
	expect(t, c, 7, 10, false)
	expectNothing(t, c)
}

func ackCumulative(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 10)
	c := s.consume(t, a, 16)
	expect(t, c, 1, 10, false)
	c.Ack(7)
	c.Close()
	expect(t, s.consume(t, a, 16), 8, 10, true)
}

func ackRepeated(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 10)
	c := s.consume(t, a, 16)
	expect(t, c, 1, 10, false)
	for _, tag := range []uint64{5, 5, 3, 0, 5} {
		c.Ack(tag)
	}
	c.Close()
	expect(t, s.consume(t, a, 16), 6, 10, true)
}

func ackBeyond(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 2)
	c := s.consume(t, a, 2)
	expect(t, c, 1, 2, false)
	c.Ack(1000)
	s.send(t, a, 3, 4)
	expect(t, c, 3, 4, false)
	c.Close()
	expect(t, s.consume(t, a, 4), 3, 4, true)
}

func ackedIsGone(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 5)
	c := s.consume(t, a, 16)
	c.Ack(expect(t, c, 1, 5, false))
	c.Close()
	expectNothing(t, s.consume(t, a, 16))
}

func prefetchRefused(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	for _, prefetch := range []int{0, -1} {
		if c, err := s.bus.Consume(t.Context(), a, prefetch); err == nil {
			c.Close()
			t.Errorf("Consume with prefetch %d was accepted, want an error", prefetch)
		}
	}
}

func singleActive(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	first := s.consume(t, a, 2)
	second := s.consume(t, a, 64)
	s.send(t, a, 1, 6)
	first.Ack(expect(t, first, 1, 2, false))
	first.Ack(expect(t, first, 3, 4, false))
	expect(t, first, 5, 6, false)
	expectNothing(t, second)
}

func redelivers(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 10)
	c := s.consume(t, a, 5)
	c.Ack(expect(t, c, 1, 2, false))
	expect(t, c, 3, 7, false)
	c.Close()
	d := s.consume(t, a, 16)
	expect(t, d, 3, 7, true)
	expect(t, d, 8, 10, false)
}

func countsRedeliveries(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 2)
	for times := range 7 {
		c := s.consume(t, a, 4)
		for n := 1; n <= 2; n++ {
			if d := receive(t, c); d.ID != message(n).ID || d.Redeliveries != times {
				t.Fatalf("got %s, redelivered %d times, want %s, %d times", d.ID, d.Redeliveries, message(n).ID, times)
			}
		}
		c.Close()
	}
}

func takesOver(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	line := []bus.Consumer{s.consume(t, a, 4), s.consume(t, a, 4), s.consume(t, a, 4)}
	s.send(t, a, 1, 3)
	for i, c := range line {
		expect(t, c, 1, 3, i > 0)
		c.Close()
	}
	last := s.consume(t, a, 4)
	expect(t, last, 1, 3, true)
}

func waitingCloses(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	first, second, third := s.consume(t, a, 4), s.consume(t, a, 4), s.consume(t, a, 4)
	s.send(t, a, 1, 2)
	expect(t, first, 1, 2, false)
	second.Close()
	expectClosed(t, second)
	first.Close()
	expect(t, third, 1, 2, true)
}

func closesChannel(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 8)
	c := s.consume(t, a, 4)
	expect(t, c, 1, 1, false)
	c.Close()
	c.Close()
	expectClosed(t, c)
	d := s.consume(t, a, 16) // what nobody had read is delivered too, marked or not
	for n := 1; n <= 8; n++ {
		expectEither(t, d, n)
	}
}

func ackAfterClose(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 3)
	c := s.consume(t, a, 4)
	expect(t, c, 1, 3, false)
	c.Close()
	c.Ack(3)
	d := s.consume(t, a, 4)
	c.Ack(3)
	expect(t, d, 1, 3, true)
	d.Close()
	expect(t, s.consume(t, a, 4), 1, 3, true)
}

func slowHarmsNobody(s *suite) {
	t := s.t
	slow, quick := s.shard(t, 1), s.shard(t, 2)
	stalled := s.consume(t, slow, 2) // never reads
	c := s.consume(t, quick, 2)
	for n := 1; n <= 100; n++ {
		s.send(t, slow, n, n)
		s.send(t, quick, n, n)
		c.Ack(expect(t, c, n, n, false))
	}
	stalled.Ack(expect(t, stalled, 1, 2, false))
	expect(t, stalled, 3, 4, false)
}

// churn hands a queue from consumer to consumer while messages flow; each gives back a part of what it read.
func churn(s *suite) {
	t := s.t
	const n, kept, returned = 2000, 40, 10
	a := s.shard(t, 1)
	go func() { // ends with its messages
		for i := 1; i <= n; i++ {
			_ = s.bus.Publish(t.Context(), a, message(i), func(error) {})
		}
	}()
	for next := 1; next <= n; next += kept {
		c := s.consume(t, a, 16)
		for i := next; i < next+kept; i++ {
			c.Ack(expectEither(t, c, i))
		}
		for i := next + kept; i < min(next+kept+returned, n+1); i++ {
			expectEither(t, c, i)
		}
		c.Close()
	}
	expectNothing(t, s.consume(t, a, 16))
}

func closedBus(s *suite) {
	t := s.t
	a := s.shard(t, 1)
	s.send(t, a, 1, 2)
	active, waiting := s.consume(t, a, 1), s.consume(t, a, 1)
	for range 2 {
		if err := s.bus.Close(); err != nil {
			t.Fatalf("Close = %v, want nil", err)
		}
	}
	expectClosed(t, active)
	expectClosed(t, waiting)
	active.Ack(1)
	active.Close()
	want(t, "confirmation on a closed bus", s.sendOne(t, a, message(3)), bus.ErrClosed)
	want(t, "Bury on a closed bus", s.bus.Bury(t.Context(), bus.DeadLetter{From: a}), bus.ErrClosed)
	want(t, "Declare on a closed bus", s.bus.Declare(t.Context(), a), bus.ErrClosed)
	_, err := s.bus.Consume(t.Context(), a, 1)
	want(t, "Consume on a closed bus", err, bus.ErrClosed)
}

func replyEnds(s *suite) {
	t := s.t
	a := bus.ReplyQueue("edge-1")
	s.declare(t, a)
	s.send(t, a, 1, 2) // declared is enough
	c := s.consume(t, a, 4)
	c.Ack(expect(t, c, 1, 2, false))
	c.Close()
	expectClosed(t, c)
	if s.RepliesEnd {
		want(t, "confirmation of an answer to nobody", s.sendOne(t, a, message(3)), bus.ErrUnroutable)
	}
	s.declare(t, a)
	s.send(t, a, 4, 4)
	expect(t, s.consume(t, a, 4), 4, 4, false)
}

func closesUnderLoad(s *suite) {
	t := s.t
	const publishers = 4
	a := s.shard(t, 1)
	c := s.consume(t, a, 8)
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for n := p; ; n += publishers {
				if s.sendOne(t, a, message(n)) != nil {
					return
				}
			}
		})
	}
	read := make(chan int)
	go func() { // ends with the consumer
		n := 0
		for d := range c.Deliveries() {
			if n++; n == 500 {
				go func() { _ = s.bus.Close() }() // the test's end waits for it through the publishers
			}
			c.Ack(d.Tag)
		}
		read <- n
	}()
	wg.Wait()
	if n := <-read; n < 500 {
		t.Errorf("%d messages came before the end, want at least 500", n)
	}
}
