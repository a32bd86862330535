package postgres

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
)

const selectClock = `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`

// clock is the server's clock: what the server said, carried on by the local one.
type clock struct {
	local func() time.Time
	db    *sqlx.DB
	known atomic.Pointer[reading]
}

// reading is how far the server's clock is ahead, and by how much that may be wrong.
type reading struct{ ahead, error time.Duration }

// drift is what two clocks may move apart between two readings, and more: a reading is replaced in the end.
const drift = time.Millisecond

// now is about the server's time, without asking it.
func (c *clock) now() time.Time {
	if r := c.known.Load(); r != nil {
		return c.local().Add(r.ahead)
	}
	return c.local()
}

// measure asks the server. What it says is taken for the middle of the wait, so half of that is how much it may be wrong: after
// a wait for a server that starts again what was known before is better, as long as both agree.
func (c *clock) measure(ctx context.Context) (time.Time, error) {
	before := c.local()
	var micros int64
	if err := c.db.GetContext(ctx, &micros, selectClock); err != nil {
		return time.Time{}, err
	}
	half := c.local().Sub(before) / 2
	r := &reading{ahead: time.UnixMicro(micros).Sub(before.Add(half)), error: half}
	if old := c.known.Load(); old != nil && old.error < r.error && (old.ahead-r.ahead).Abs() <= old.error+r.error {
		r = &reading{old.ahead, old.error + drift}
	}
	c.known.Store(r)
	return c.now().UTC(), nil
}
