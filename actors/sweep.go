package actors

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
)

// resendAfter is how long an answer from another shard may take before it is asked again: far above any commit.
const resendAfter = 5 * time.Second

// overdueAfter is how long a timer may be due before it counts as stuck. Source: docs/promises.md, I4.
const overdueAfter = 10 * time.Second

// settleChild sets an actor's timer at the end of a turn and lets go of one that has no row. It is harmless the second time.
func (s *shard) settleChild(ctx actor.Context, t *turn, ref schemas.Ref) {
	c := s.children[ref]
	if c == nil {
		return // it had no row
	}
	if !c.stored {
		s.timers.set(ref, time.Time{})
		s.unload(ctx, ref, c)
		return
	}
	for i := range t.unit.rows.Snapshots {
		if snap := &t.unit.rows.Snapshots[i]; snap.Ref == ref && snap.Remove {
			c.removed = true
			s.timers.set(ref, time.Time{})
			return
		}
	}
	at := c.wakeAt
	if _, woken := t.item.message.(core.Wake); woken && !at.IsZero() && !at.After(t.now) {
		at = t.now.Add(time.Second) // a timer that its decision left due must not spin
	}
	s.timers.set(ref, at)
}

// wakeDue begins a turn for every actor whose timer is due.
func (s *shard) wakeDue(ctx actor.Context) {
	for _, ref := range s.timers.due(s.engine.cfg.Now()) {
		s.queue = append(s.queue, item{message: core.Wake{}, to: ref})
	}
	s.next(ctx)
}

// tick repeats requests without an answer, unloads idle actors and reports what is overdue.
func (s *shard) tick(ctx actor.Context) {
	if !s.running {
		return
	}
	now := s.engine.cfg.Now()
	s.resend(now, func(r *request) bool { return now.Sub(r.sentAt) >= resendAfter })
	s.forgetSeen(now)
	s.forgive(now)
	if s.timers.late(now) { // the clock was set, or the machine slept
		s.wakeDue(ctx)
	}
	for ref, c := range s.children {
		if s.idle(ref, c, now) {
			s.unload(ctx, ref, c)
		}
	}
	overdue := s.timers.overdue(now, overdueAfter)
	s.engine.stats.overdue.Add(overdue - s.overdue)
	s.overdue = overdue
}

// idle tells whether an actor can be unloaded. Hosts know in memory only when they were seen, clusters are big.
func (s *shard) idle(ref schemas.Ref, c *child, now time.Time) bool {
	switch {
	case ref.Kind == schemas.ActorCluster, ref.Kind == schemas.ActorHost:
		return false
	case c.flights > 0, now.Sub(c.used) <= idleAfter:
		return false
	default:
		return s.turn == nil || !slices.Contains(s.turn.took, ref)
	}
}

// resend sends the stored requests again for which it is time.
func (s *shard) resend(now time.Time, due func(*request) bool) {
	for _, r := range s.outbox {
		if r.stored && due(r) {
			r.sentAt = now
			s.engine.post(posted{r.row.ID, r.row.To, r.row.Type, r.message})
		}
	}
}
