package agent

import "time"

// The waits between repetitions: from short, for what heals at once, to long, for what does not.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = 5 * time.Second
)

// backoff waits twice as long each time.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{next: firstWait} }

// until waits; it returns false at once when quit is closed.
func (b *backoff) until(quit <-chan struct{}) bool {
	t := time.NewTimer(b.next)
	defer t.Stop()
	b.next = min(2*b.next, lastWait)
	select {
	case <-t.C:
		return true
	case <-quit:
		return false
	}
}
