package core

import (
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// tearDown begins the end of one copy with step stop or wipe; ends names the action of op when op ends with it.
func (d *server) tearDown(p schemas.Placement, first schemas.StepName, op schemas.OperationID, ends schemas.Action) {
	d.Cleanups = append(slices.Clone(d.Cleanups), schemas.Cleanup{Operation: op, Ends: ends, Place: p, Step: first, Attempt: 1})
	d.e.Save = true
	if p.Gone {
		d.cleanupRelease(len(d.Cleanups) - 1)
		return
	}
	d.cleanupSend(len(d.Cleanups) - 1)
}

// cleanupSend sends the present step of a teardown and sets when it is asked for again.
func (d *server) cleanupSend(i int) {
	c := d.editCleanup(i)
	timeout := d.in.Rules.timeout(c.Step, cleanupTimeouts[c.Step])
	c.RetryAt = d.in.Now.Add(timeout)
	d.e.Steps = append(d.e.Steps, schemas.Step{
		V: schemas.MessageV, Operation: c.Operation, Name: c.Step, Attempt: c.Attempt, Host: c.Place.Host, Actor: d.ID.Ref(),
		Account: d.Account, Timeout: timeout, Params: d.params(c.Place),
	})
	if c.Ends != "" {
		index, count, percent := cleanupIndex[c.Step], len(cleanupIndex), cleanupPercent[c.Step]
		if c.Ends == schemas.ServerResizeRevert { // it goes on behind its plan
			count = stepCount(planRevert)
			index, percent = count, revertPercent
		}
		d.e.Progress = append(d.e.Progress, Progress{
			Operation: c.Operation, State: schemas.OperationRunning, Step: c.Step, Index: index, Count: count,
			Attempt: c.Attempt, Percent: percent, Deadline: c.RetryAt,
		})
	}
}

var (
	cleanupIndex   = map[schemas.StepName]int{schemas.StepStop: 1, schemas.StepWipe: 2}
	cleanupPercent = map[schemas.StepName]int{schemas.StepStop: 0, schemas.StepWipe: 50}
)

// revertPercent is how far a revert is when nothing is left to do but the teardown of the copy that it gives up.
const revertPercent = 90

// stepCount is the number of steps of an operation with that plan.
func stepCount(plan string) int {
	n := len(planOf(plan))
	if plan == planRevert {
		n++ // it ends with the copy's teardown
	}
	return n
}

// cleanupOutcome takes a host's answer to a teardown; false when it is not for one.
func (d *server) cleanupOutcome(o *schemas.Outcome) bool {
	i := slices.IndexFunc(d.Cleanups, func(c schemas.Cleanup) bool {
		return c.Operation == o.Operation && c.Step == o.Name && c.Attempt == o.Attempt && c.Place.Host == o.Host && c.Place.Copy == o.Copy
	})
	if i < 0 {
		return false
	}
	if w := d.Unsettled; w != nil && o.Failure == nil && w.Host == o.Host && w.Copy == o.Copy {
		d.Unsettled = nil // the host did this later step: whatever became of the earlier one is over
	}
	switch c := d.editCleanup(i); {
	case o.Failure != nil: // repeated until confirmed
		c.Attempt++
		c.RetryAt = d.in.Now.Add(d.in.Rules.RetryEvery)
	case c.Step == schemas.StepStop:
		c.Step, c.Attempt = schemas.StepWipe, 1
		d.cleanupSend(i)
	default:
		d.cleanupRelease(i)
	}
	return true
}

// cleanupRelease gives the room back once nothing of the copy is left on its host. Addresses go back with the
// last copy of a deleted server: until then a host may still answer on them.
func (d *server) cleanupRelease(i int) {
	c := d.editCleanup(i)
	c.Step, c.RetryAt = "", time.Time{}
	last := d.Status == schemas.StatusDeleted && !slices.ContainsFunc(d.Cleanups, func(c schemas.Cleanup) bool { return c.Step != "" })
	d.release(c.Operation, c.Place.Cluster, c.Place.Copy, last)
	if last {
		d.tellGroup(schemas.OnGone)
	}
}

// released is the end of a teardown, and with the last one of its operation.
func (d *server) released(m *schemas.Released) {
	d.e.Answered = append(d.e.Answered, releaseID(m.Server, m.Cluster, m.Copy))
	i := slices.IndexFunc(d.Cleanups, func(c schemas.Cleanup) bool {
		return c.Step == "" && c.Place.Copy == m.Copy && c.Place.Cluster == m.Cluster
	})
	if i < 0 {
		return
	}
	c := d.Cleanups[i]
	d.Cleanups = slices.Delete(slices.Clone(d.Cleanups), i, i+1)
	d.e.Save = true
	more := slices.ContainsFunc(d.Cleanups, func(o schemas.Cleanup) bool { return o.Operation == c.Operation && o.Ends != "" })
	if c.Ends != "" && !more {
		d.end(c.Ends, c.Operation, nil)
	}
}

// repeatCleanups asks again for teardowns: those that are due, or all of them after a claim.
func (d *server) repeatCleanups(all bool) {
	for i := range d.Cleanups {
		c := d.Cleanups[i]
		if c.Step != "" && (all || due(c.RetryAt, d.in.Now)) {
			d.cleanupSend(i)
		}
	}
}

// cleanupsFenced ends the teardowns on a host that is off for good.
func (d *server) cleanupsFenced(host schemas.HostID) {
	for i := range d.Cleanups {
		if c := d.Cleanups[i]; c.Place.Host == host && c.Step != "" {
			d.editCleanup(i).Place.Gone = true
			d.cleanupRelease(i)
		}
	}
}
