package client

import (
	"context"
	"errors"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// The pauses between tries for which nobody has said another time. Source: docs/numbers.md.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 2 * time.Second
	// worthSaying is the shortest pause that somebody who waits wonders about: the fifth, after a second and a half.
	worthSaying = time.Second
)

// patiently tries until it works, is refused for good, or patience ends.
func (c *Client) patiently(ctx context.Context, once func() (*answer, error)) (*answer, error) {
	began, told := c.config.Now(), c.config.Waiting == nil
	for try := 0; ; try++ {
		a, err := once()
		if err == nil {
			return a, nil
		}
		left := c.config.Patience - c.config.Now().Sub(began)
		pause, again := pauseAfter(err, try, left)
		if !again {
			return nil, err
		}
		if !told && pause >= worthSaying {
			c.config.Waiting(err, left)
			told = true
		}
		if err := rest(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// pauseAfter is how long to wait before the next try, the first being number 0; again is false when there is none: it
// would get the same answer, or would come after what is left of the caller's patience.
func pauseAfter(err error, try int, left time.Duration) (pause time.Duration, again bool) {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return 0, false
	case e.RetryAfter > 0:
		pause = e.RetryAfter
	case e.Kind == schemas.KindUnavailable:
		pause = min(firstPause<<min(try, 10), maxPause)
	default:
		return 0, false
	}
	return pause, pause <= left
}

// rest waits for d.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
