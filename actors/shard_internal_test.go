package actors

import (
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// testShard is a shard that nobody runs: its clock stands still.
func testShard(t *testing.T) (*shard, time.Time) {
	t.Helper()
	now := time.Now()
	e := &Engine{cfg: Config{Now: func() time.Time { return now }}}
	s := newShard(e, 0, nil)
	t.Cleanup(s.timers.stop)
	return s, now
}

func TestTimersRingInTheirOrderAndOnce(t *testing.T) {
	t.Parallel()
	s, now := testShard(t)
	a, b, c := schemas.ServerID(1).Ref(), schemas.ServerID(2).Ref(), schemas.ServerID(3).Ref()
	s.timers.set(a, now.Add(3*time.Hour))
	s.timers.set(b, now.Add(2*time.Hour))
	s.timers.set(c, now.Add(time.Hour))
	s.timers.set(a, now.Add(time.Hour))
	s.timers.set(c, now.Add(4*time.Hour))
	s.timers.set(b, time.Time{})
	if got := s.timers.due(now.Add(2 * time.Hour)); len(got) != 1 || got[0] != a {
		t.Errorf("due after 2 h = %v, want %v", got, a)
	}
	if got := s.timers.due(now.Add(5 * time.Hour)); len(got) != 1 || got[0] != c {
		t.Errorf("due after 5 h = %v, want %v", got, c)
	}
	if got := s.timers.due(now.Add(9 * time.Hour)); len(got) != 0 {
		t.Errorf("due again = %v", got)
	}
}

func TestOutdatedTimersTakeNoMemory(t *testing.T) {
	t.Parallel()
	s, now := testShard(t)
	for i := range 100_000 {
		ref := schemas.ServerID(i % 10).Ref()
		s.timers.set(ref, now.Add(time.Hour+time.Duration(i)))
		if i%3 == 0 {
			s.timers.set(ref, time.Time{})
		}
	}
	if n := len(s.timers.queue); n > 200 {
		t.Errorf("%d entries for %d actors", n, len(s.timers.at))
	}
}

func TestIDsOfCommandsAreForgottenWhenTheyExpire(t *testing.T) {
	t.Parallel()
	s, now := testShard(t)
	s.turn = &turn{now: now}
	i := item{arrived: &arrived{}}
	fresh := &schemas.Command{ID: "a", Created: now, Expires: now.Add(time.Minute)}
	s.claimedAt = now.Add(-time.Hour)
	if s.mayRepeat(i, fresh) {
		t.Error("a new command is looked up")
	}
	if !s.mayRepeat(i, fresh) {
		t.Error("a repetition is not looked up")
	}
	s.forgetSeen(now.Add(time.Minute))
	if len(s.seen) != 0 {
		t.Error("it is remembered after it expired")
	}
	s.turn.now = now.Add(time.Minute)
	if !s.mayRepeat(i, fresh) {
		t.Error("an expired command is not looked up")
	}
}

func TestAKeyThatStandsForALaterCommandIsKept(t *testing.T) {
	t.Parallel()
	s, _ := testShard(t)
	first := storage.Key{Account: 1, Hash: []byte("key"), Operation: "first"}
	second := first
	second.Operation = "second"
	s.keys[keyOf(&first)] = second
	s.keyStored(&first)
	if len(s.keys) != 1 {
		t.Error("the key of the second command is forgotten with the first one's commit")
	}
	s.keyStored(&second)
	if len(s.keys) != 0 {
		t.Error("a stored key is kept in memory")
	}
}

func TestOnlyAContiguousPrefixIsAcknowledged(t *testing.T) {
	t.Parallel()
	var w window
	for tag := uint64(1); tag <= 4; tag++ {
		w.add(&arrived{delivery: bus.Delivery{Tag: tag}})
	}
	for _, step := range []struct {
		done, upTo uint64
		ok         bool
	}{{2, 0, false}, {1, 2, true}, {4, 0, false}, {9, 0, false}, {3, 4, true}} {
		if upTo, ok := w.done(step.done); upTo != step.upTo || ok != step.ok {
			t.Errorf("done(%d) = %d, %t, want %d, %t", step.done, upTo, ok, step.upTo, step.ok)
		}
		if step.done == 4 {
			if p := w.pending(); len(p) != 1 || p[0].delivery.Tag != 3 {
				t.Errorf("pending = %v, want 3", p)
			}
		}
	}
	if len(w.open) != 0 {
		t.Errorf("%d slots left", len(w.open))
	}
}
