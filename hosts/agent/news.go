package agent

import (
	"context"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// tellAfter is how long the outcome of a step waits to be said by that of the step which follows it: a message less,
// and nobody sees the difference. Source: docs/numbers.md.
const tellAfter = 20 * time.Millisecond

// tellLater tells the outcome of a step that was followed by another one, when that takes its time: unless drop, which
// is called once, comes first. When the telling has begun drop waits for its end, so that outcomes keep their order.
func (a *Agent) tellLater(ctx context.Context, o schemas.Outcome) (drop func()) {
	told := make(chan struct{})
	timer := time.AfterFunc(tellAfter, func() { // is over when drop returns
		defer close(told)
		a.reply(ctx, o) // false: the agent stops, and the step comes again
	})
	return func() {
		if !timer.Stop() {
			<-told
		}
	}
}
