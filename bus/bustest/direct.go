package bustest

import (
	"fmt"
	"testing"

	"github.com/ozonecloud/ozone/bus"
)

// direct is message n, which may go past the broker.
func direct(n int) bus.Message {
	m := message(n)
	m.Direct = true
	return m
}

// active consumes a and takes one message, so that nobody else can be the active one.
func (s *suite) active(t *testing.T, a bus.Address, prefetch int) bus.Consumer {
	t.Helper()
	c := s.consume(t, a, prefetch)
	s.send(t, a, 0, 0)
	c.Ack(expect(t, c, 0, 0, false))
	return c
}

func (s *suite) sendDirect(t *testing.T, a bus.Address, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := s.sendOne(t, a, direct(n)); err != nil {
			t.Fatalf("send %d: %v", n, err)
		}
	}
}

// collect takes until every message from..to has come, each with the next tag, and returns the last tag.
func collect(t *testing.T, c bus.Consumer, tag uint64, from, to int) uint64 {
	t.Helper()
	missing := map[string]bool{}
	for n := from; n <= to; n++ {
		missing[message(n).ID] = true
	}
	for len(missing) > 0 {
		d := receive(t, c)
		if tag++; d.Tag != tag {
			t.Fatalf("tag %d, want %d", d.Tag, tag)
		}
		delete(missing, d.ID)
	}
	return tag
}

// directMixes sends messages of both kinds in turn: each comes once and is acknowledged like any other.
func directMixes(s *suite) {
	a := s.shard(s.t, 1)
	c := s.active(s.t, a, 16)
	tag := uint64(1)
	for round := range 20 {
		from := 1 + 10*round
		for n := from; n < from+10; n += 2 {
			s.send(s.t, a, n, n)
			s.sendDirect(s.t, a, n+1, n+1)
		}
		tag = collect(s.t, c, tag, from, from+9)
		c.Ack(tag)
	}
	c.Close()
	next := s.consume(s.t, a, 16)
	expectNothing(s.t, next)
}

// directWithoutConsumer keeps what nobody is there for.
func directWithoutConsumer(s *suite) {
	a := s.shard(s.t, 1)
	s.sendDirect(s.t, a, 0, 19)
	c := s.consume(s.t, a, 50)
	collect(s.t, c, 0, 0, 19)
}

// directBeyondWindow keeps what the consumer may not have yet.
func directBeyondWindow(s *suite) {
	a := s.shard(s.t, 1)
	c := s.active(s.t, a, 4)
	s.sendDirect(s.t, a, 1, 39)
	missing := map[string]bool{}
	for n := 1; n < 40; n++ {
		missing[message(n).ID] = true
	}
	for len(missing) > 0 {
		d := receive(s.t, c)
		if !missing[d.ID] {
			s.t.Fatalf("message %s came twice", d.ID)
		}
		delete(missing, d.ID)
		c.Ack(d.Tag)
	}
	expectNothing(s.t, c)
}

// directComesAgain gives the next consumer what the one before had and did not acknowledge.
func directComesAgain(s *suite) {
	a := s.shard(s.t, 1)
	c := s.active(s.t, a, 16)
	s.sendDirect(s.t, a, 1, 8)
	c.Ack(collect(s.t, c, 1, 1, 4))
	next := s.consume(s.t, a, 16)
	expectNothing(s.t, next)
	c.Close()
	last := collect(s.t, next, 0, 5, 8)
	next.Ack(last)
	expectNothing(s.t, next)
}

// directUnderChange hands a queue from consumer to consumer while messages of both kinds come: none is lost.
func directUnderChange(s *suite) {
	a := s.shard(s.t, 1)
	const total = 1000
	sent := make(chan error, 1)
	go func() {
		for n := range total {
			m := message(n)
			m.Direct = n%2 == 0
			if err := bus.Send(s.t.Context(), s.bus, a, m); err != nil {
				sent <- fmt.Errorf("send %d: %w", n, err)
				return
			}
		}
		sent <- nil
	}()
	seen := map[string]bool{}
	for len(seen) < total {
		c := s.consume(s.t, a, 32)
		for i := 0; i < 100 && len(seen) < total; i++ {
			d := receive(s.t, c)
			seen[d.ID] = true
			if i%3 != 0 { // what is not acknowledged comes again
				c.Ack(d.Tag)
			}
		}
		c.Close()
	}
	if err := <-sent; err != nil {
		s.t.Fatal(err)
	}
}
