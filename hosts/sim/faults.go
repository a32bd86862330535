package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/schemas"
)

// Kind is what goes wrong with a step.
type Kind string

// The kinds of faults.
const (
	Fail       Kind = "fail"        // the host says that it could not; nothing was done
	LoseAnswer Kind = "lose_answer" // it is done, and nobody hears of it
	Late       Kind = "late"        // it is done, and the answer comes after Fault.Delay
	Hang       Kind = "hang"        // nothing is done until the context ends or the fault is released
	Crash      Kind = "crash"       // the host answers nothing at all any more, until Cloud.Restart
)

// ErrLost is the error of a step whose answer was lost: it may be done.
var ErrLost = errors.New("simulated host: the answer was lost")

// errCrashed is what a call to a crashed host ends with, with its context.
var errCrashed = errors.New("simulated host: crashed")

// Fault says which steps go wrong, and how. Zero members match every step.
type Fault struct {
	Kind   Kind
	Host   schemas.HostID
	Step   schemas.StepName
	Server schemas.ServerID
	Times  int           // how many steps it hits; 0: all until Release
	Delay  time.Duration // of Late
}

// Injection is a fault that waits for its steps.
type Injection struct {
	fault    Fault
	hits     chan struct{} // closed at the first hit
	released chan struct{} // closed by Release
	once     sync.Once     // closes released
	left     int           // guarded by faults.mu
	hit      int           // guarded by faults.mu
}

// Reached is closed when the first step was hit.
func (i *Injection) Reached() <-chan struct{} { return i.hits }

// Release ends the fault: hung steps go on, later ones are not hit. It may be called twice.
func (i *Injection) Release() { i.once.Do(func() { close(i.released) }) }

// Inject adds a fault; of several that match a step the oldest hits.
func (c *Cloud) Inject(f Fault) *Injection { return c.faults.add(f) }

// faults draws what goes wrong with each step.
type faults struct {
	rate float64

	mu      sync.Mutex
	random  *rand.Rand                       // guarded by mu
	waiting []*Injection                     // guarded by mu
	crashed map[schemas.HostID]chan struct{} // guarded by mu; closed by restart
}

func newFaults(rate float64, seed uint64) *faults {
	return &faults{
		rate: rate, random: rand.New(rand.NewPCG(seed, seed)), //nolint:gosec // repeatable on purpose
		crashed: map[schemas.HostID]chan struct{}{},
	}
}

func (f *faults) add(fault Fault) *Injection {
	i := &Injection{fault: fault, left: fault.Times, hits: make(chan struct{}), released: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, i)
	return i
}

// lateAtRandom bounds the delay of random late answers.
const lateAtRandom = 200 * time.Millisecond

// draw says what is to go wrong with s; nil: nothing.
func (f *faults) draw(s *schemas.Step) *Injection {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.match(s); i != nil {
		return i
	}
	if f.rate == 0 || f.random.Float64() >= f.rate {
		return nil
	}
	kinds := []Kind{Fail, LoseAnswer, Late}
	return &Injection{
		fault:    Fault{Kind: kinds[f.random.IntN(len(kinds))], Delay: time.Duration(f.random.Int64N(int64(lateAtRandom)))},
		released: make(chan struct{}),
	}
}

// match is the oldest injection for s; used-up ones are dropped on the way. The caller holds mu.
func (f *faults) match(s *schemas.Step) *Injection {
	for n := 0; n < len(f.waiting); n++ {
		i := f.waiting[n]
		if i.over() {
			f.waiting = append(f.waiting[:n:n], f.waiting[n+1:]...)
			n--
			continue
		}
		if !i.fault.matches(s) {
			continue
		}
		if i.left--; i.hit == 0 {
			close(i.hits)
		}
		i.hit++
		if i.fault.Kind == Crash && f.crashed[s.Host] == nil {
			f.crashed[s.Host] = make(chan struct{})
		}
		return i
	}
	return nil
}

func (i *Injection) over() bool {
	select {
	case <-i.released:
		return true
	default:
		return i.fault.Times > 0 && i.left == 0
	}
}

func (f *Fault) matches(s *schemas.Step) bool {
	return (f.Host == 0 || f.Host == s.Host) && (f.Step == "" || f.Step == s.Name) &&
		(f.Server == 0 || f.Server == s.Params.Server)
}

func (f *faults) restart(id schemas.HostID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if down := f.crashed[id]; down != nil {
		close(down)
		delete(f.crashed, id)
	}
}

// alive waits while the host is crashed.
func (f *faults) alive(ctx context.Context, id schemas.HostID) error {
	f.mu.Lock()
	down := f.crashed[id]
	f.mu.Unlock()
	if down == nil {
		return nil
	}
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return errors.Join(errCrashed, ctx.Err())
	}
}

// before is what goes wrong before anything is done.
func (i *Injection) before(ctx context.Context) error {
	if i == nil {
		return nil
	}
	switch i.fault.Kind {
	case Fail:
		return failed(schemas.FailureFault, "simulated fault")
	case Hang:
		select {
		case <-i.released:
		case <-ctx.Done():
			return ctx.Err()
		}
	case LoseAnswer, Late, Crash: // the first two come after, a crash is seen by all
	}
	return nil
}

// after is what goes wrong once it is done. A late answer does not care that the caller's time is over, as real ones don't.
func (i *Injection) after(ctx context.Context, closed <-chan struct{}) error {
	if i == nil {
		return nil
	}
	switch i.fault.Kind {
	case LoseAnswer:
		return ErrLost
	case Late:
		return i.dawdle(ctx, closed)
	case Fail, Hang, Crash:
	}
	return nil
}

func (i *Injection) dawdle(ctx context.Context, closed <-chan struct{}) error {
	t := time.NewTimer(i.fault.Delay)
	defer t.Stop()
	cancelled := ctx.Done()
	for {
		select {
		case <-t.C:
			return nil
		case <-i.released:
			return nil
		case <-closed:
			return ErrLost
		case <-cancelled:
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return ErrLost
			}
			cancelled = nil
		}
	}
}

func failed(reason schemas.FailureReason, message string) error {
	return &hosts.Failed{Failure: schemas.StepFailure{Reason: reason, Message: message}}
}
