package core

import (
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// begin makes row the step under way and sends it.
func (d *server) begin(row planStep) {
	if d.await(row, 1) {
		d.send(row)
	}
}

// await makes row the step under way with a fresh deadline; false when its host is off for good.
func (d *server) await(row planStep, attempt int) bool {
	c := d.edit()
	c.Step, c.Attempt = row.Step, attempt
	d.Progress = row.Percent
	d.touch()
	if d.place(row.At).Gone {
		d.onGoneHost(row)
		return false
	}
	c.Deadline = d.in.Now.Add(d.in.Rules.timeout(row.Step, row.Timeout))
	d.report()
	return true
}

// onGoneHost does a step whose host is off for good: nothing runs there any more, nothing can be done there.
func (d *server) onGoneHost(row planStep) {
	if row.Step == schemas.StepStop || row.Step == schemas.StepWipe {
		d.stepDone(row)
		return
	}
	d.fail(row.Failed, &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: "the server's host is gone"})
}

// report shows the step under way in the operation.
func (d *server) report() {
	c := d.Cursor
	_, index, _ := stepOf(c.Plan, c.Step)
	d.e.Progress = append(d.e.Progress, Progress{
		Operation: c.Operation, State: schemas.OperationRunning, Step: c.Step, Index: index + 1, Count: stepCount(c.Plan),
		Attempt: c.Attempt, Percent: d.Progress, Deadline: c.Deadline,
	})
}

// send gives the host the cursor's step with those that follow; sent again it has the same id, so the host does it once.
func (d *server) send(row planStep) {
	c := d.Cursor
	p := d.place(row.At)
	s := schemas.Step{
		V: schemas.MessageV, Operation: c.Operation, Name: row.Step, Attempt: c.Attempt, Host: p.Host, Actor: d.ID.Ref(),
		Account: d.Account, Timeout: d.in.Rules.timeout(row.Step, row.Timeout), Params: d.params(p),
	}
	s.Params.Address, s.Params.Configure = c.Address, c.Plan == planShareSetUp
	s.Params.WantsPayload = c.Payload && row.Step.TakesPayload()
	for _, next := range follow(row) {
		s.Then = append(s.Then, schemas.NextStep{Name: next.Step, Timeout: d.in.Rules.timeout(next.Step, next.Timeout)})
		s.Params.WantsPayload = s.Params.WantsPayload || c.Payload && next.Step.TakesPayload()
	}
	if row.Step == schemas.StepCopy || row.Step == schemas.StepCopyDelta {
		s.Params.SourceHost, s.Params.SourceCopy = d.Home.Host, d.Home.Copy
	}
	d.e.Steps = append(d.e.Steps, s)
}

// outcome is a host's answer. One that is not waited for changes nothing: it is late or a repetition.
func (d *server) outcome(o *schemas.Outcome) {
	if d.cleanupOutcome(o) {
		return
	}
	if d.probeOutcome(o) {
		return
	}
	if w := d.Unsettled; w != nil && settles(o, w) {
		d.Unsettled = nil // the host speaks again: the server can be rebuilt or rebooted
		d.touch()
		return
	}
	c := d.Cursor
	if c == nil || c.Operation != o.Operation {
		return
	}
	row, _, ok := stepOf(c.Plan, c.Step)
	if p := d.place(row.At); !ok || p.Host != o.Host || p.Copy != o.Copy || !answers(o, row, c.Attempt) {
		return
	}
	for row.Step != o.Name { // the host went on by itself: what came before is done
		d.stepDone(row)
		row, _, _ = stepOf(c.Plan, d.Cursor.Step)
	}
	switch {
	case o.Failure == nil:
		d.stepDone(row)
	case o.Attempt < Attempts && o.Failure.Reason.Passes():
		if d.await(row, o.Attempt+1) {
			d.send(row)
		}
	default:
		d.fail(row.Failed, stepError(o))
	}
}

// settles tells whether o is what an unsettled step waits for.
func settles(o *schemas.Outcome, w *schemas.Waiting) bool {
	return w.Operation == o.Operation && w.Host == o.Host && w.Copy == o.Copy && slices.ContainsFunc(plans, func(row planStep) bool {
		return row.Step == w.Step && answers(o, row, w.Attempt)
	})
}

// stepError is what a tenant is told of a step that a host could not do.
func stepError(o *schemas.Outcome) *schemas.OperationError {
	return &schemas.OperationError{
		Fault: schemas.FaultCloudServers, Message: "step " + string(o.Name) + " failed", Details: string(o.Failure.Reason), Retryable: true,
	}
}

// stepDone goes on to the next step, or ends the plan.
func (d *server) stepDone(row planStep) {
	c := d.Cursor
	rows := planOf(c.Plan)
	_, index, _ := stepOf(c.Plan, row.Step)
	if index+1 < len(rows) {
		if row.Done != "" {
			d.fire(row.Done, row.Percent)
			d.Flavor = d.Other.Flavor // from RESIZE on the new flavor is shown
		}
		if next := rows[index+1]; linked(row, next) {
			d.await(next, 1) // the host has it already
		} else {
			d.begin(next)
		}
		return
	}
	d.finish(row.Done)
}

// finish ends a plan whose last step is done.
func (d *server) finish(on schemas.Trigger) {
	c := d.Cursor
	d.fire(on, 100)
	d.Cursor = nil
	d.Former = ""
	d.Unsettled = nil
	switch c.Plan {
	case planResize:
		home := *d.Other
		source := d.Home
		d.Home, d.Other = home, &source
		d.ConfirmAt = d.in.Now.Add(d.in.Rules.ConfirmAfter)
		d.probeLater(c)
	case planUnshare:
		d.dropShared(c.Address)
	case planRestore, planRevert:
		d.backToSource(c)
		if c.Plan == planRevert { // it ends with the copy's teardown
			d.event(c.Action, PhaseProgress, c.Operation, nil)
			d.rest()
			return
		}
	}
	d.end(c.Action, c.Operation, c.Failure)
	d.rest()
}

// backToSource makes the source the only half and tears the copy down, which is off already.
func (d *server) backToSource(c *schemas.Cursor) {
	d.Flavor = d.Home.Flavor
	d.shrinkQuota(d.in.Rules.Flavors[d.Home.Flavor].RAMMiB)
	other := *d.Other
	d.Other = nil
	var ends schemas.Action
	if c.Plan == planRevert {
		ends = c.Action
	}
	d.tearDown(other, schemas.StepWipe, c.Operation, ends)
}

// silent is the end of the wait for a step: it proves nothing about the host.
func (d *server) silent() {
	c := d.Cursor
	row, _, _ := stepOf(c.Plan, c.Step)
	p := d.place(row.At)
	waits := &schemas.Waiting{Operation: c.Operation, Step: c.Step, Attempt: c.Attempt, Host: p.Host, Copy: p.Copy}
	why := c.Failure
	if why == nil {
		why = &schemas.OperationError{
			Fault: schemas.FaultCloudServers, Message: "the host did not answer step " + string(c.Step) + " in time", Retryable: true,
		}
	}
	if d.fail(schemas.OnSilent, why); d.Status == schemas.StatusError {
		d.Unsettled = waits
		d.Reason = why.Message + "; waiting for the host to return or to be fenced"
	}
}

// fail leaves a plan by the state table's row for on.
func (d *server) fail(on schemas.Trigger, why *schemas.OperationError) {
	c := d.Cursor
	d.fire(on, 100)
	if f, ok := fallbacks[d.Status]; ok {
		next := d.edit()
		next.Plan = f.plan
		if f.undoes {
			next.Failure = why
		}
		d.begin(planOf(f.plan)[0])
		return
	}
	d.Cursor = nil
	d.Former = ""
	if c.Failure != nil {
		why = c.Failure
	}
	if on == schemas.OnFailed && (c.Plan == planShare || c.Plan == planShareSetUp) {
		d.dropShared(c.Address)
	}
	if d.Other != nil { // a resize is given up: the second half goes, on or off
		d.Flavor = d.Home.Flavor
		d.shrinkQuota(d.in.Rules.Flavors[d.Home.Flavor].RAMMiB)
		d.tearDown(*d.Other, schemas.StepStop, c.Operation, "")
		d.Other = nil
	}
	if d.Status == schemas.StatusError {
		d.Reason = why.Message
	}
	d.end(c.Action, c.Operation, why)
	d.rest()
}

// notice is the news of a host; each is answered, so that it is not repeated for ever.
func (d *server) notice(n *schemas.HostNotice) {
	if c := d.Cursor; c != nil && c.Step == "" {
		return // the cluster's answer may place it on that very host: the news is repeated until it came
	}
	d.e.Letters = append(d.e.Letters, Letter{To: schemas.ShardOfCluster(n.Cluster), Type: schemas.TypeNoted, Message: &schemas.HostNoted{
		V: schemas.MessageV, Host: n.Host, Cluster: n.Cluster, Server: n.Server, Change: n.Change,
	}})
	if d.Status == schemas.StatusDeleted && n.State != schemas.HostFenced {
		return
	}
	if d.heard(n) {
		return
	}
	switch n.State {
	case schemas.HostLost:
		d.restOnLostHost()
	case schemas.HostUp:
		if d.Status == schemas.StatusUnknown && d.Home.Host == n.Host {
			d.fire(schemas.OnHostBack, 100)
			d.Former = ""
		}
		if w := d.Unsettled; w != nil && w.Host == n.Host && w.Copy == d.Home.Copy {
			d.Unsettled = nil // what the host still does to this copy, it does before anything new
			d.touch()
		}
	case schemas.HostFenced:
		d.fenced(n.Host)
	}
}

// heard notes the news of a host that has a copy; true when later news of it was noted before.
func (d *server) heard(n *schemas.HostNotice) bool {
	if n.Host == d.Home.Host {
		if n.Change < d.Home.Change {
			return true
		}
		d.Home.Change, d.Home.Lost = n.Change, n.State == schemas.HostLost
		d.e.Save = true
	}
	if d.Other != nil && n.Host == d.Other.Host { // it may be Home one day
		if n.Change < d.Other.Change {
			return true
		}
		other := *d.Other
		other.Change, other.Lost = n.Change, n.State == schemas.HostLost
		d.Other = &other
		d.e.Save = true
	}
	return false
}

// fenced takes an operator's word that a host is off: its copies are gone, nothing waits for it any more.
func (d *server) fenced(host schemas.HostID) {
	if w := d.Unsettled; w != nil && w.Host == host {
		d.Unsettled = nil
		d.touch()
	}
	d.cleanupsFenced(host)
	if d.Other != nil && d.Other.Host == host && !d.Other.Gone {
		other := *d.Other
		other.Gone = true
		d.Other = &other
		d.touch()
	}
	if d.Home.Host == host && d.Home.Copy != 0 && !d.Home.Gone {
		d.Home.Gone = true
		d.touch()
	}
	if c := d.Cursor; c != nil && c.Step != "" {
		if row, _, ok := stepOf(c.Plan, c.Step); ok && d.place(row.At).Gone {
			d.onGoneHost(row)
		}
	}
	d.restOnGoneHost()
}

// restOnGoneHost lets no server rest in another status than ERROR on a host that is off for good.
func (d *server) restOnGoneHost() {
	if !d.Home.Gone || d.Cursor != nil {
		return
	}
	if d.Status == schemas.StatusError {
		d.Reason = "the server's host is gone"
	}
	if _, err := next(&d.Server, schemas.OnHostFenced); err != nil {
		return
	}
	d.fire(schemas.OnHostFenced, 100)
	d.Former, d.ConfirmAt = "", time.Time{}
	if d.Other != nil {
		d.revertItself("the host of the resized server is gone")
		return
	}
	d.Reason = "the server's host is gone"
}

// restOnLostHost lets a server rest in UNKNOWN while its host is silent; the status it has now comes back with the host.
func (d *server) restOnLostHost() {
	if _, err := next(&d.Server, schemas.OnHostLost); !d.Home.Lost || d.Cursor != nil || err != nil {
		return
	}
	former := d.Status
	d.fire(schemas.OnHostLost, 100)
	d.Former = former
}

// rest is the last word on a server that has come to rest: its host may be gone or silent.
func (d *server) rest() {
	d.restOnGoneHost()
	d.restOnLostHost()
}
