package actors

import "sync/atomic"

// Stats are what an engine has done since it started, and what it holds now.
type Stats struct {
	Commands    int64 // taken from the bus
	Accepted    int64
	Refused     int64
	Ended       int64 // operations that ended after they were accepted
	Commits     int64
	Units       int64 // turns that were committed
	Loaded      int64 // actors in memory now
	Outbox      int64 // requests to other shards without an answer now
	Open        int64 // operations under way now
	Overdue     int64 // timers due for more than 10 s now: must be 0
	Panics      int64 // decisions that failed by a defect
	Suspects    int64 // tries of messages that may have ended a process
	Dead        int64 // messages that nobody could deal with
	CommitNanos int64 // time spent inside commits
}

// counters are Stats in the making.
type counters struct {
	commands, accepted, refused, ended, commits, units, loaded, outbox, open, overdue, panics, suspects, dead, commitNanos atomic.Int64
}

// Stats reads the counters; each is exact, together they are not one instant.
func (e *Engine) Stats() Stats {
	c := &e.stats
	return Stats{
		Commands: c.commands.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(), Ended: c.ended.Load(),
		Commits: c.commits.Load(), Units: c.units.Load(), Loaded: c.loaded.Load(), Outbox: c.outbox.Load(),
		Open: c.open.Load(), Overdue: c.overdue.Load(), Panics: c.panics.Load(), Suspects: c.suspects.Load(), Dead: c.dead.Load(), CommitNanos: c.commitNanos.Load(),
	}
}
