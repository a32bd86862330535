package inproc

import (
	"context"
	"slices"

	"github.com/ozonecloud/ozone/bus"
)

// deadLimit is how many dead letters are kept. Source: docs/numbers.md.
const deadLimit = 100

// Bury keeps the latest dead letters in memory: what they were is also in the log, which outlives the process.
func (b *Bus) Bury(ctx context.Context, l bus.DeadLetter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return bus.ErrClosed
	}
	if len(b.dead) == deadLimit {
		b.dead = slices.Delete(b.dead, 0, 1)
	}
	b.dead = append(b.dead, l)
	return nil
}

// Dead is the dead letters that are kept, oldest first.
func (b *Bus) Dead() []bus.DeadLetter {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Clone(b.dead)
}
