package edge

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/bus"
)

// flood takes commands of a queue as they may be taken; none of them ends.
func (s *shares) flood(ctx context.Context, queue bus.Address) (taken *int) {
	taken = new(int)
	own := &underway{shares: s, queue: queue, done: make(chan struct{}, ingressWindow)}
	go func() {
		for own.enter(ctx) {
			*taken++
		}
	}()
	synctest.Wait()
	return taken
}

func TestWhoIsAloneHasTheWholeWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShares(time.Now)
		if taken := s.flood(t.Context(), "ingress.a"); *taken != ingressWindow {
			t.Errorf("%d commands are under way, want %d", *taken, ingressWindow)
		}
		time.Sleep(2 * ingressQuiet)
		if taken := s.flood(t.Context(), "ingress.b"); *taken != ingressWindow {
			t.Errorf("when the other one has been quiet for long, %d commands are under way, want %d", *taken, ingressWindow)
		}
	})
}

func TestWhoIsNotAloneHasAShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShares(time.Now)
		s.of("ingress.a")
		if taken := s.flood(t.Context(), "ingress.b"); *taken != ingressShare {
			t.Errorf("%d commands are under way, want %d", *taken, ingressShare)
		}
	})
}

func TestACommandThatIsOverMakesRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShares(time.Now)
		own := &underway{shares: s, queue: "ingress.a", done: make(chan struct{}, ingressWindow)}
		for range ingressWindow {
			own.enter(t.Context())
		}
		go func() {
			time.Sleep(time.Minute)
			own.leave()
		}()
		began := time.Now()
		if !own.enter(t.Context()) || time.Since(began) != time.Minute {
			t.Errorf("it may go on after %v, want a minute", time.Since(began))
		}
	})
}
