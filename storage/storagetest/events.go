package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var eventCases = []testCase{
	{"an account's events are read page by page", testEventPages},
	{"several accounts are followed in one order, from any event on", testEventsOfAll},
	{"a source has a history", testHistory},
	{"who begins at the end gets what follows", testEventsEnd},
	{"a reader beside commits gets each event once", func(r *rig) { FollowEvents(r.t, r.s) }},
	{"a cursor is gone when what it would miss was swept", testSweptCursor},
	{"what is no cursor is refused", testNoCursor},
}

// follower reads an account's events from cursor to cursor.
type follower struct {
	t       *testing.T
	s       storage.Store
	account schemas.AccountID
	at      storage.Cursor
}

// patience bounds the wait for events: on a shared server others' transactions may hold them back.
const patience = time.Minute

// next reads on, limit events a page, until there are count more.
func (f *follower) next(count, limit int) []storage.EventRow {
	f.t.Helper()
	var got []storage.EventRow
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	for len(got) < count {
		page, err := f.s.Events(ctx, f.account, f.at, limit)
		if err != nil {
			f.t.Fatalf("Events(%q) = %v, after %d events of %d", f.at, err, len(got), count)
		}
		if len(page.Events) > limit || page.Next == "" {
			f.t.Fatalf("Events(limit %d) = %d events, next %q", limit, len(page.Events), page.Next)
		}
		f.at = page.Next
		got = append(got, page.Events...)
	}
	return got
}

// testEventPages reads with every size of page what two accounts have written in turns.
func testEventPages(r *rig) {
	const rounds = 5
	for n := range int64(rounds) {
		for i, account := range []schemas.AccountID{alice, bob} {
			u := r.of(account)
			for k := range int64(2) {
				e := r.event(schemas.ServerID(i+1).Ref(), 2*n+k+1, fmt.Sprint("type ", k), "")
				e.Account, e.Shard = account, u.Shard
				u.Events = append(u.Events, e)
			}
			r.commit(u)
		}
	}
	for limit := 1; limit <= 2*rounds+1; limit++ {
		f := &follower{t: r.t, s: r.s, account: bob}
		for i, e := range f.next(2*rounds, limit) {
			if e.Ref != schemas.ServerID(2).Ref() || e.Sequence != int64(i+1) || e.Account != bob || e.Shard != schemas.ShardOf(bob) ||
				e.Type != fmt.Sprint("type ", i%2) || e.Time.IsZero() || len(e.Body) == 0 {
				r.t.Errorf("event %d with pages of %d is %+v", i+1, limit, e)
			}
		}
		if page, err := r.s.Events(r.t.Context(), bob, f.at, limit); err != nil || len(page.Events) != 0 || page.More {
			r.t.Errorf("Events() at the end = %+v, %v, want an empty page with nothing behind it", page, err)
		}
	}
}

// testEventsOfAll reads the events of two of three accounts, and on from the place of each.
func testEventsOfAll(r *rig) {
	t := r.t
	const carol = bob + 1
	for n := range int64(4) {
		for i, account := range []schemas.AccountID{alice, bob, carol} {
			u := r.of(account)
			e := r.event(schemas.ServerID(i+1).Ref(), n+1, "x", "")
			e.Account, e.Shard = account, u.Shard
			u.Events = append(u.Events, e)
			r.commit(u)
		}
	}
	var all []storage.EventRow
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for at := storage.Cursor(""); len(all) < 8; {
		page, err := r.s.EventsOfAll(ctx, []schemas.AccountID{bob, alice}, at, 3)
		if err != nil {
			t.Fatalf("EventsOfAll(%q) = %v, after %d events", at, err, len(all))
		}
		all, at = append(all, page.Events...), page.Next
	}
	for i, e := range all {
		if want := schemas.ServerID(i%2 + 1).Ref(); e.Ref != want || e.Sequence != int64(i/2+1) {
			t.Errorf("event %d is number %d of %s, want %d of %s", i, e.Sequence, e.Ref, i/2+1, want)
		}
		page, err := r.s.EventsOfAll(ctx, []schemas.AccountID{alice, bob}, e.Cursor, 8)
		if err != nil || len(page.Events) != len(all)-i-1 {
			t.Errorf("behind event %d there are %d, %v, want %d", i, len(page.Events), err, len(all)-i-1)
		}
		for k, other := range all {
			if r.s.Behind(e.Cursor, other.Cursor) != (i > k) {
				t.Errorf("Behind(%q, %q) = %v", e.Cursor, other.Cursor, i <= k)
			}
		}
	}
}

func testHistory(r *rig) {
	t, source := r.t, schemas.ServerID(1).Ref()
	u := r.of(alice)
	at := r.now()
	for n := range int64(4) {
		e := r.event(source, n+1, "x", "")
		e.Time = at.Add(time.Duration(n) * time.Second)
		u.Events = append(u.Events, e, r.event(schemas.ServerID(2).Ref(), n+1, "x", ""))
	}
	r.commit(u)
	for _, c := range []struct {
		account schemas.AccountID
		f       storage.HistoryFilter
		want    string
	}{
		{alice, storage.HistoryFilter{Source: source, Limit: 9}, "[1 2 3 4]"},
		{alice, storage.HistoryFilter{Source: source, After: 1, Limit: 2}, "[2 3]"},
		{alice, storage.HistoryFilter{Source: source, Last: true, Limit: 3}, "[4 3 2]"},
		{alice, storage.HistoryFilter{Source: source, Until: at.Add(time.Second), Last: true, Limit: 1}, "[2]"},
		{alice, storage.HistoryFilter{Source: source, Since: at.Add(time.Second), Until: at.Add(2 * time.Second), Limit: 9}, "[2 3]"},
		{alice, storage.HistoryFilter{Source: schemas.ImageID(1).Ref(), Limit: 9}, "[]"},
		{bob, storage.HistoryFilter{Source: source, Limit: 9}, "[]"},
	} {
		list, err := r.s.History(t.Context(), c.account, c.f)
		got := make([]int64, len(list))
		for i := range list {
			got[i] = list[i].Sequence
		}
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("History(%d, %+v) = %v, %v, want %s", c.account, c.f, got, err, c.want)
		}
	}
}

func testEventsEnd(r *rig) {
	t, s := r.t, r.s
	put := func(n int64) {
		u := r.of(alice)
		u.Events = []storage.EventRow{r.event(schemas.ServerID(1).Ref(), n, "x", "")}
		r.commit(u)
	}
	put(1)
	f := &follower{t: t, s: s, account: alice}
	f.next(1, 10)
	end, err := s.EventsEnd(t.Context())
	if err != nil {
		t.Fatalf("EventsEnd() = %v", err)
	}
	put(2)
	for _, at := range []storage.Cursor{f.at, end} {
		f.at = at
		if got := f.next(1, 10); got[0].Sequence != 2 {
			t.Errorf("the event behind %q is %d, want 2", at, got[0].Sequence)
		}
	}
}

// FollowEvents reads an account's events while several committers write them, and finds each once and in order.
func FollowEvents(t *testing.T, s storage.Store) {
	t.Helper()
	const committers, commits = 4, 25
	var wg sync.WaitGroup
	for c := range committers {
		w := newRig(t, s)
		w.committer = fmt.Sprint("committer ", c)
		u := w.unit(schemas.Shard(c))
		wg.Go(func() {
			for n := range int64(commits) {
				own, other := w.event(schemas.ServerID(c+1).Ref(), n+1, "x", ""), w.event(schemas.ImageID(c+1).Ref(), n+1, "x", "")
				other.Account = bob
				u.Events = []storage.EventRow{own, other}
				if err := w.try(u); err != nil {
					t.Errorf("Commit() = %v", err)
				}
			}
		})
	}
	f := &follower{t: t, s: s, account: alice}
	last := map[schemas.Ref]int64{}
	for range committers * commits {
		e := f.next(1, 1)[0]
		if e.Account != alice || e.Sequence != last[e.Ref]+1 {
			t.Errorf("event %d of %s follows event %d", e.Sequence, e.Ref, last[e.Ref])
		}
		last[e.Ref] = e.Sequence
	}
	wg.Wait()
	all := &follower{t: t, s: s, account: alice}
	seen := map[schemas.Ref]int64{}
	for _, e := range all.next(committers*commits, 1+rand.IntN(9)) { //nolint:gosec // no secret
		seen[e.Ref]++
	}
	for ref, n := range seen {
		if n != commits || last[ref] != commits {
			t.Errorf("%s has %d events, and the reader saw up to %d, want %d", ref, n, last[ref], commits)
		}
	}
}

func testSweptCursor(r *rig) {
	t, s := r.t, r.s
	sweeper, ok := s.(storage.Sweeper)
	if !ok {
		t.Skip("the store does not sweep")
	}
	u := r.of(alice)
	for n := range int64(3) {
		u.Events = append(u.Events, r.event(schemas.ServerID(1).Ref(), n+1, "x", ""))
	}
	r.commit(u)
	f := &follower{t: t, s: s, account: alice}
	f.next(1, 1)
	if _, err := sweeper.Sweep(t.Context(), r.now().Add(16*day)); err != nil {
		t.Fatalf("Sweep() = %v", err)
	}
	if page, err := s.Events(t.Context(), alice, f.at, 10); !errors.Is(err, storage.ErrCursorGone) {
		t.Errorf("Events() behind what was swept = %+v, %v, want ErrCursorGone", page, err)
	}
	if page, err := s.Events(t.Context(), alice, "", 10); err != nil || len(page.Events) > 1 {
		t.Errorf("Events() from the beginning = %+v, %v, want what is kept", page, err)
	}
}

func testNoCursor(r *rig) {
	for _, text := range []storage.Cursor{"x", "1-2-3", "a-b-c-d", "a-1-2-x", "a--1-2", "a-1-2-3-4"} {
		_, err := r.s.Events(r.t.Context(), alice, text, 1)
		if e, ok := errors.AsType[*schemas.Error](err); !ok || e.Kind != schemas.KindInvalid {
			r.t.Errorf("Events(%q) = %v, want KindInvalid", text, err)
		}
	}
}

func testForeignCursor(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	one, other := open(t), open(t)
	defer func() { _, _ = one.Close(), other.Close() }()
	at, err := one.EventsEnd(t.Context())
	if err != nil {
		t.Fatalf("EventsEnd() = %v", err)
	}
	if _, err := one.Events(t.Context(), alice, at, 1); err != nil {
		t.Errorf("Events() of its own cursor = %v", err)
	}
	if _, err := other.Events(t.Context(), alice, at, 1); !errors.Is(err, storage.ErrCursorGone) {
		t.Errorf("Events() of another store's cursor = %v, want ErrCursorGone", err)
	}
}
