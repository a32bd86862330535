package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/bus"
)

// refusing keeps dead letters after it has refused some.
type refusing struct {
	errs []error
	kept []bus.DeadLetter
}

func (r *refusing) Bury(_ context.Context, l bus.DeadLetter) error {
	if len(r.errs) > 0 {
		err := r.errs[0]
		r.errs = r.errs[1:]
		return err
	}
	r.kept = append(r.kept, l)
	return nil
}

func many(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func TestADeadLetterIsTriedToBeKeptForSomeSeconds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		errs []error
		want error
		took time.Duration
	}{
		"at once":            {nil, nil, 0},
		"at the third try":   {many(bus.ErrFull, 2), nil, 2 * time.Second},
		"never":              {many(bus.ErrFull, 10), bus.ErrFull, 9 * time.Second},
		"on a bus that ends": {many(bus.ErrClosed, 1), bus.ErrClosed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in, began := &refusing{errs: c.errs}, time.Now()
				err := bus.Bury(t.Context(), in, bus.DeadLetter{Reason: strings.Repeat("x", 2*bus.MaxReason)})
				if took := time.Since(began); !errors.Is(err, c.want) || took != c.took {
					t.Errorf("Bury = %v after %v, want %v after %v", err, took, c.want, c.took)
				}
				if err == nil && (len(in.kept) != 1 || len(in.kept[0].Reason) != bus.MaxReason) {
					t.Errorf("kept %+v, want one with a reason of %d bytes", in.kept, bus.MaxReason)
				}
			})
		})
	}
}

func TestADeadLetterIsNotWaitedForBeyondTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if err := bus.Bury(ctx, &refusing{errs: many(bus.ErrFull, 10)}, bus.DeadLetter{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Bury = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}
