package agent

import (
	"context"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// tellAfter is how long the outcome of a step waits to be said by that of the step which follows it: a message less,
// and nobody sees the difference. Source: docs/numbers.md.
const tellAfter = 20 * time.Millisecond

// news is the outcome of a step that was followed by another one. It is told when that takes its time.
type news struct {
	agent *Agent
	timer *time.Timer // nil before the first outcome

	mu      sync.Mutex       // held while it is told, so that outcomes keep their order
	outcome *schemas.Outcome // guarded by mu; nil when there is nothing to tell
}

// tellLater tells o after a while, unless drop comes first.
func (n *news) tellLater(ctx context.Context, o schemas.Outcome) {
	n.mu.Lock()
	n.outcome = &o
	n.mu.Unlock()
	n.timer = time.AfterFunc(tellAfter, func() { n.tell(ctx) }) // is over when drop returns
}

func (n *news) tell(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.outcome != nil {
		n.agent.reply(ctx, *n.outcome) // false: the agent stops, and the step comes again
		n.outcome = nil
	}
}

// drop forgets the outcome, once it is told when that has begun.
func (n *news) drop() {
	if n.timer == nil {
		return
	}
	n.timer.Stop()
	n.mu.Lock()
	n.outcome = nil
	n.mu.Unlock()
}
