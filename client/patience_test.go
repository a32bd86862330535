package client

import (
	"errors"
	"testing"
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
