package edge

import (
	"context"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
)

const (
	// ingressWindow is how many commands of one user may be under way at an edge while no other user sends any, and ingressShare
	// when others do. Source: docs/numbers.md.
	ingressWindow = 8
	ingressShare  = 1
	// ingressQuiet is how long a user counts among those that send, behind its last command.
	ingressQuiet = time.Second
)

// shares tells how many commands of each queue may be under way: who floods leaves room to whoever else comes.
type shares struct {
	now func() time.Time

	mu   sync.Mutex
	last map[bus.Address]time.Time // guarded by mu; when the last command of a queue was taken; of no more queues than are served
}

func newShares(now func() time.Time) *shares {
	return &shares{now: now, last: map[bus.Address]time.Time{}}
}

// of is the share of a queue that has a command now.
func (s *shares) of(queue bus.Address) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.last[queue] = now
	share := ingressWindow
	for other, at := range s.last {
		switch {
		case now.Sub(at) > ingressQuiet:
			delete(s.last, other)
		case other != queue:
			share = ingressShare
		}
	}
	return share
}

// underway counts the commands of one queue that are under way.
type underway struct {
	shares *shares
	queue  bus.Address
	done   chan struct{} // holds a word for each command that is over and not counted yet; as large as the window: never blocks
	count  int           // its one user's
}

// enter waits until the queue may have one more command under way; false: ctx has ended.
func (u *underway) enter(ctx context.Context) bool {
	for {
		select {
		case <-u.done:
			u.count--
			continue
		default:
		}
		if u.count < u.shares.of(u.queue) {
			u.count++
			return true
		}
		select {
		case <-u.done:
			u.count--
		case <-ctx.Done():
			return false
		}
	}
}

// leave says that a command is over; any goroutine may.
func (u *underway) leave() { u.done <- struct{}{} }
