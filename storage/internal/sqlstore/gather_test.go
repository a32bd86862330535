package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// ledger is what statements answer from, each when the test lets it.
type ledger struct {
	begun chan statementUnderWay
}

type statementUnderWay struct {
	ctx  context.Context
	keys []int
	end  chan error
}

func newLedger() *ledger { return &ledger{begun: make(chan statementUnderWay, 100)} }

// find answers even keys with their text once the test has sent how the statement ends.
func (l *ledger) find(ctx context.Context, keys []int) (map[int]string, error) {
	slices.Sort(keys)
	s := statementUnderWay{ctx, keys, make(chan error)}
	l.begun <- s
	if err := <-s.end; err != nil {
		return nil, err
	}
	rows := map[int]string{}
	for _, key := range keys {
		if key%2 == 0 {
			rows[key] = fmt.Sprint(key)
		}
	}
	return rows, nil
}

// read is a read under way.
type read struct {
	key int
	row string
	err error
}

// reads starts a read of each key and returns when all wait.
func reads(ctx context.Context, wg *sync.WaitGroup, g *gatherer[int, string], keys ...int) []*read {
	list := make([]*read, len(keys))
	for i, key := range keys {
		r := &read{key: key}
		list[i] = r
		wg.Go(func() { r.row, r.err = g.get(ctx, key) })
		synctest.Wait()
	}
	return list
}

func wantRead(t *testing.T, want error, list ...*read) {
	t.Helper()
	for _, r := range list {
		row, err := fmt.Sprint(r.key), want
		switch {
		case want != nil:
			row = ""
		case r.key%2 != 0:
			row, err = "", sql.ErrNoRows
		}
		if r.row != row || !errors.Is(r.err, err) {
			t.Errorf("get(%d) = %q, %v, want %q, %v", r.key, r.row, r.err, row, err)
		}
	}
}

func wantKeys(t *testing.T, l *ledger, keys ...int) statementUnderWay {
	t.Helper()
	synctest.Wait()
	select {
	case s := <-l.begun:
		if !slices.Equal(s.keys, keys) {
			t.Errorf("a statement of keys %v, want %v", s.keys, keys)
		}
		return s
	default:
		t.Fatalf("no statement has begun, want one of keys %v", keys)
		return statementUnderWay{}
	}
}

func wantNone(t *testing.T, l *ledger) {
	t.Helper()
	synctest.Wait()
	if n := len(l.begun); n != 0 {
		t.Errorf("%d statements too many have begun", n)
	}
}

func TestAReadJoinsOnlyAStatementThatHasNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		l := newLedger()
		g := newGatherer(2, l.find)
		early := reads(t.Context(), &wg, g, 2, 3)
		first, second := wantKeys(t, l, 2), wantKeys(t, l, 3)
		late := reads(t.Context(), &wg, g, 4, 2, 5, 4, 3)
		wantNone(t, l)
		second.end <- nil
		third := wantKeys(t, l, 2, 3, 4, 5)
		wantRead(t, nil, early[1])
		first.end <- nil
		wantNone(t, l)
		third.end <- nil
		wg.Wait()
		wantRead(t, nil, append(early, late...)...)
		again := reads(t.Context(), &wg, g, 8)
		wantKeys(t, l, 8).end <- nil
		wg.Wait()
		wantRead(t, nil, again...)
		g.stop()
	})
}

func TestAnErrorIsThatOfTheReadsOfItsStatement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		l := newLedger()
		g := newGatherer(1, l.find)
		before := reads(t.Context(), &wg, g, 2)
		first := wantKeys(t, l, 2)
		with := reads(t.Context(), &wg, g, 2, 4)
		first.end <- nil
		second := wantKeys(t, l, 2, 4)
		after := reads(t.Context(), &wg, g, 2, 6)
		lost := errors.New("connection lost")
		second.end <- lost
		wantKeys(t, l, 2, 6).end <- nil
		wg.Wait()
		wantRead(t, lost, with...)
		wantRead(t, nil, append(before, after...)...)
		g.stop()
	})
}

func TestWhoDoesNotWaitAnyMoreLeavesTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		l := newLedger()
		g := newGatherer(1, l.find)
		impatient, leave := context.WithCancel(t.Context())
		gone := reads(impatient, &wg, g, 2)
		stays := reads(t.Context(), &wg, g, 4)
		gone = append(gone, reads(impatient, &wg, g, 4, 6)...)
		first := wantKeys(t, l, 2)
		leave()
		synctest.Wait()
		wantRead(t, context.Canceled, gone...)
		if first.ctx.Err() == nil {
			t.Error("a statement that nobody waits for goes on")
		}
		first.end <- first.ctx.Err()
		next := wantKeys(t, l, 4)
		if next.ctx.Err() != nil {
			t.Error("a statement that somebody waits for was cancelled")
		}
		next.end <- nil
		wg.Wait()
		wantRead(t, nil, stays...)

		if _, err := g.get(impatient, 8); !errors.Is(err, context.Canceled) {
			t.Errorf("get() with an ended context = %v", err)
		}
		reads(t.Context(), &wg, g, 2)
		last := wantKeys(t, l, 2)
		all, leave := context.WithCancel(t.Context())
		reads(all, &wg, g, 4, 6)
		leave()
		synctest.Wait()
		last.end <- nil
		wg.Wait()
		g.stop()
		wantNone(t, l)
	})
}

func TestAStatementHasABoundAndTheRestTheNextOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		l := newLedger()
		g := newGatherer(1, l.find)
		list := reads(t.Context(), &wg, g, -2)
		first := wantKeys(t, l, -2)
		const more = 10
		keys := make([]int, maxGathered+more)
		for i := range keys {
			keys[i] = i
		}
		list = append(list, reads(t.Context(), &wg, g, keys...)...)
		first.end <- nil
		wantKeys(t, l, keys[:maxGathered]...).end <- nil
		wantKeys(t, l, keys[maxGathered:]...).end <- nil
		wg.Wait()
		wantRead(t, nil, list...)
		g.stop()
	})
}
