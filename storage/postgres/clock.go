package postgres

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
)

const selectClock = `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`

// clock is the server's clock: what the server said last, carried on by the local one.
type clock struct {
	local  func() time.Time
	db     *sqlx.DB
	offset atomic.Int64 // nanoseconds that the server's clock is ahead
}

// now is about the server's time, without asking it.
func (c *clock) now() time.Time { return c.local().Add(time.Duration(c.offset.Load())) }

// measure asks the server. What it says is taken for the middle of the wait.
func (c *clock) measure(ctx context.Context) (time.Time, error) {
	before := c.local()
	var micros int64
	if err := c.db.GetContext(ctx, &micros, selectClock); err != nil {
		return time.Time{}, err
	}
	wait := c.local().Sub(before)
	now := time.UnixMicro(micros).Add(wait / 2).UTC()
	c.offset.Store(int64(now.Sub(before.Add(wait))))
	return now, nil
}
