package nodetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
)

const (
	// creatorPace is what a patient client waits before it asks again.
	creatorPace = 50 * time.Millisecond
	// creatorPatience is after how long it gives up, and who waits for it.
	creatorPatience = time.Minute
)

// Creators create servers from several goroutines, each with a key of its own that is repeated until it is accepted.
type Creators struct {
	client *client.Client
	end    context.CancelFunc
	done   sync.WaitGroup

	mu       sync.Mutex
	accepted map[string]string // operation by key; guarded by mu
	trouble  []Trouble         // guarded by mu
	lost     []string          // keys that were not accepted within creatorPatience; guarded by mu
}

// Trouble is what came instead of an acceptance.
type Trouble struct {
	Reply *client.Reply // nil: the connection ended
	Err   error
}

// NewCreators starts them; they end with Succeeded, or with the test.
func NewCreators(tb testing.TB, c *client.Client, goroutines int) *Creators {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &Creators{client: c, end: cancel, accepted: map[string]string{}}
	for i := range goroutines {
		l.done.Go(func() {
			for j := 0; ctx.Err() == nil; j++ {
				l.create(context.WithoutCancel(ctx), fmt.Sprintf("w%d-%d", i, j))
			}
		})
	}
	tb.Cleanup(l.stop)
	return l
}

// create repeats one create until it is accepted.
func (l *Creators) create(ctx context.Context, key string) {
	again := time.NewTicker(creatorPace)
	defer again.Stop()
	for end := time.Now().Add(creatorPatience); time.Now().Before(end); <-again.C {
		_, r, err := l.client.CreateServer(ctx, key, 1, 1, "Idempotency-Key", key)
		if l.note(key, r, err) {
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = append(l.lost, key)
}

// note keeps an answer; true when it says that the create is accepted.
func (l *Creators) note(key string, r *client.Reply, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.trouble = append(l.trouble, Trouble{r, err})
		return false
	}
	l.accepted[key] = r.Operation()
	return true
}

// More waits until n more are accepted.
func (l *Creators) More(tb testing.TB, n int) {
	tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	want := l.count() + n
	for end := time.Now().Add(creatorPatience); l.count() < want; <-tick.C {
		if time.Now().After(end) {
			tb.Fatalf("%d creates accepted in %v, want %d; trouble: %v", l.count(), creatorPatience, want, l.Trouble())
		}
	}
}

func (l *Creators) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// Trouble is all that came instead of acceptances until now.
func (l *Creators) Trouble() []Trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.trouble)
}

// Succeeded ends the creators and tells how many servers they made. Each create must have been accepted in time, and
// what was accepted must succeed.
func (l *Creators) Succeeded(tb testing.TB) int {
	tb.Helper()
	l.stop()
	if len(l.lost) > 0 {
		tb.Errorf("creates %v: not accepted within %v; trouble: %v", l.lost, creatorPatience, l.trouble)
	}
	tb.Logf("%d accepted, %d answers of another kind", len(l.accepted), len(l.trouble))
	for key, operation := range l.accepted {
		o, err := l.client.Await(tb.Context(), operation)
		if err != nil || o.State != "succeeded" {
			tb.Fatalf("operation %s of key %s: %+v, %v", operation, key, o, err)
		}
	}
	return len(l.accepted)
}

func (l *Creators) stop() {
	l.end()
	l.done.Wait()
}
