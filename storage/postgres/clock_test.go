package postgres_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/storage/postgres"
)

// A server that starts again answers late: what it says then is no reason to change a clock that agrees with it.
func TestALateAnswerDoesNotMoveTheClock(t *testing.T) {
	t.Parallel()
	var shift, once atomic.Int64 // of the local clock, in nanoseconds: as long as it lasts, and for one look
	s, err := postgres.Open(t.Context(), postgres.Config{URL: database(t), Now: func() time.Time {
		return time.Now().Add(time.Duration(shift.Load() + once.Swap(0)))
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	ahead := func() time.Duration {
		t.Helper()
		if _, err := s.Now(t.Context()); err != nil {
			t.Fatal(err)
		}
		return time.Until(s.Clock())
	}
	first := ahead()
	once.Store(int64(-2 * time.Second)) // it is asked two seconds before it answers
	if moved := (ahead() - first).Abs(); moved > 100*time.Millisecond {
		t.Errorf("the clock moved by %s after an answer that took two seconds", moved)
	}
	shift.Store(int64(-3 * time.Second)) // set by hand: the cloud's time stays
	if moved := (ahead() - first).Abs(); moved > 100*time.Millisecond {
		t.Errorf("the clock moved by %s when the local one was set", moved)
	}
}
