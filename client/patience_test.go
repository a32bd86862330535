package client

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	const left = 30 * time.Second
	for _, c := range []struct {
		name  string
		err   error
		try   int
		pause time.Duration
		again bool
	}{
		{"no fault", errors.New("x"), 0, 0, false},
		{"refused", &Error{Kind: schemas.KindConflict}, 0, 0, false},
		{"over a quota", &Error{Kind: schemas.KindLimit}, 0, 0, false},
		{"no answer", &Error{Kind: schemas.KindUnavailable}, 0, 100 * time.Millisecond, true},
		{"no answer thrice", &Error{Kind: schemas.KindUnavailable}, 2, 400 * time.Millisecond, true},
		{"no answer for long", &Error{Kind: schemas.KindUnavailable}, 100, 2 * time.Second, true},
		{"away, comes back", &Error{Kind: schemas.KindUnavailable, RetryAfter: 5 * time.Second}, 0, 5 * time.Second, true},
		{"over a rate for a while", &Error{Kind: schemas.KindLimit, RetryAfter: left}, 0, left, true},
		{"over a rate for longer", &Error{Kind: schemas.KindLimit, RetryAfter: left + time.Second}, 0, left + time.Second, false},
	} {
		if pause, again := pauseAfter(c.err, c.try, left); pause != c.pause || again != c.again {
			t.Errorf("%s: pauseAfter() = %v, %v, want %v, %v", c.name, pause, again, c.pause, c.again)
		}
	}
	if _, again := pauseAfter(&Error{Kind: schemas.KindUnavailable}, 0, 0); again {
		t.Error("without patience there is another try")
	}
}

// TestWhoWaitsIsToldWhyOnce asks a cloud that is not there: the caller hears of it when the pauses grow, and once.
func TestWhoWaitsIsToldWhyOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		c := &Client{config: Config{Patience: 30 * time.Second, Now: time.Now, Waiting: func(why error, left time.Duration) {
			if kindOf(why) != schemas.KindUnavailable {
				t.Errorf("told %v, want why there is no answer", why)
			}
			told = append(told, left)
		}}}
		away := func() (*answer, error) { return nil, &Error{Kind: schemas.KindUnavailable} }
		if _, err := c.patiently(t.Context(), away); kindOf(err) != schemas.KindUnavailable {
			t.Errorf("patiently() = %v, want the last error", err)
		}
		if want := 28500 * time.Millisecond; len(told) != 1 || told[0] != want {
			t.Errorf("told that %v were left, want %v, once", told, want)
		}
		told = nil
		tries := 0
		comesBack := func() (*answer, error) {
			if tries++; tries < 4 {
				return away()
			}
			return &answer{}, nil
		}
		if _, err := c.patiently(t.Context(), comesBack); err != nil || told != nil {
			t.Errorf("a cloud that is away for less than a second: %v, told %v, want neither", err, told)
		}
	})
}
