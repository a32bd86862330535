package core

import (
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// The plans: what an operation does on hosts, in order.
const (
	planCreate     = "create"
	planRebootSoft = "reboot_soft"
	planRebootHard = "reboot_hard"
	planPassword   = "password"
	planRebuild    = "rebuild"
	planResize     = "resize"
	planRestore    = "restore" // undoes a resize that failed
	planRevert     = "revert"
	planProbe      = "probe" // each probe of a resized server
	planShare      = "share"
	planShareSetUp = "share_set_up"
	planUnshare    = "unshare"
	planImage      = "image"
	planRemove     = "remove"
)

// place says which copy of the server a step works on.
type place int

const (
	atHome  place = iota // where the server runs
	atOther              // the second half of a resize
)

// planStep is one row of a plan.
type planStep struct {
	Plan    string
	Step    schemas.StepName
	At      place
	Timeout time.Duration
	Percent int             // the server's progress while the step is under way
	Done    schemas.Trigger // pulled when the step is done; "" when only the next step follows
	Failed  schemas.Trigger // pulled when it cannot be done
}

// Plans are the steps of every plan, in order. Source of the deadlines: docs/numbers.md.
var plans = []planStep{
	{planCreate, schemas.StepFetchImage, atHome, 10 * time.Minute, 0, "", schemas.OnFailed},
	{planCreate, schemas.StepCreateDisk, atHome, 5 * time.Minute, 40, "", schemas.OnFailed},
	{planCreate, schemas.StepStart, atHome, 2 * time.Minute, 80, schemas.OnDone, schemas.OnFailed},

	{planRebootSoft, schemas.StepRestartSoft, atHome, 2 * time.Minute, 50, schemas.OnDone, schemas.OnFailed},
	{planRebootHard, schemas.StepRestartHard, atHome, 2 * time.Minute, 50, schemas.OnDone, schemas.OnFailed},
	{planPassword, schemas.StepSetPassword, atHome, time.Minute, 50, schemas.OnDone, schemas.OnFailed},

	{planRebuild, schemas.StepStop, atHome, 2 * time.Minute, 0, "", schemas.OnFailed},
	{planRebuild, schemas.StepWipe, atHome, 10 * time.Minute, 20, "", schemas.OnFailed},
	{planRebuild, schemas.StepCreateDisk, atHome, 5 * time.Minute, 40, "", schemas.OnFailed},
	{planRebuild, schemas.StepStart, atHome, 2 * time.Minute, 80, schemas.OnDone, schemas.OnFailed},

	{planResize, schemas.StepSnapshot, atHome, 10 * time.Minute, 0, "", schemas.OnFailed},
	{planResize, schemas.StepCopy, atOther, 60 * time.Minute, 20, schemas.OnPrepared, schemas.OnFailed},
	{planResize, schemas.StepStop, atHome, 2 * time.Minute, 60, "", schemas.OnFailed},
	{planResize, schemas.StepCopyDelta, atOther, 10 * time.Minute, 70, "", schemas.OnFailed},
	{planResize, schemas.StepStart, atOther, 2 * time.Minute, 80, schemas.OnDone, schemas.OnFailed},

	{planRestore, schemas.StepStop, atOther, 2 * time.Minute, 40, "", schemas.OnBroken},
	{planRestore, schemas.StepStart, atHome, 2 * time.Minute, 80, schemas.OnRestored, schemas.OnBroken},

	{planRevert, schemas.StepStop, atOther, 2 * time.Minute, 40, "", schemas.OnBroken},
	{planRevert, schemas.StepStart, atHome, 2 * time.Minute, 80, schemas.OnRestored, schemas.OnBroken},

	{planProbe, schemas.StepProbe, atHome, 30 * time.Second, 100, schemas.OnDone, schemas.OnFailed},

	{planShare, schemas.StepShareIP, atHome, 2 * time.Minute, 50, schemas.OnDone, schemas.OnFailed},
	{planShareSetUp, schemas.StepShareIP, atHome, 5 * time.Minute, 50, schemas.OnDone, schemas.OnFailed},
	{planUnshare, schemas.StepUnshareIP, atHome, 2 * time.Minute, 50, schemas.OnDone, schemas.OnFailed},

	{planImage, schemas.StepSnapshot, atHome, 10 * time.Minute, 10, schemas.OnPrepared, schemas.OnFailed},
	{planImage, schemas.StepSave, atHome, 60 * time.Minute, 50, schemas.OnDone, schemas.OnFailed},
}

// fallbacks are the plans that follow one that failed, by the passing status that its failure leads to.
var fallbacks = map[schemas.Status]struct {
	plan   string
	undoes bool // the operation has failed all the same
}{
	schemas.StatusHardReboot: {planRebootHard, false},
	schemas.StatusResize:     {planRestore, true}, // the source is started again
}

// The deadlines of the steps of a teardown; it is repeated until the host confirms it. Source: docs/numbers.md.
var cleanupTimeouts = map[schemas.StepName]time.Duration{
	schemas.StepStop:   2 * time.Minute,
	schemas.StepWipe:   10 * time.Minute,
	schemas.StepRemove: 10 * time.Minute,
}

// planOf lists the steps of a plan.
func planOf(plan string) []planStep {
	first := 0
	for first < len(plans) && plans[first].Plan != plan {
		first++
	}
	last := first
	for last < len(plans) && plans[last].Plan == plan {
		last++
	}
	return plans[first:last]
}

// stepOf finds a step of a plan and its index; ok is false when the plan has no such step.
func stepOf(plan string, name schemas.StepName) (row planStep, index int, ok bool) {
	for i, row := range planOf(plan) {
		if row.Step == name {
			return row, i, true
		}
	}
	return planStep{}, 0, false
}

// linked tells whether a host that was given row goes on with next by itself: it is the same host, and nothing
// else is to happen in between.
func linked(row, next planStep) bool {
	return row.Plan == next.Plan && row.At == next.At && row.Done == ""
}

// follow lists the steps that a host is given along with row, in order.
func follow(row planStep) []planStep {
	rows := planOf(row.Plan)
	_, first, _ := stepOf(row.Plan, row.Step)
	last := first + 1
	for last < len(rows) && linked(rows[last-1], rows[last]) {
		last++
	}
	return rows[first+1 : last]
}

// answers tells whether o is the answer to an attempt of row's step: its own, or that of a step which follows it on its host.
func answers(o *schemas.Outcome, row planStep, attempt int) bool {
	return o.Name == row.Step && o.Attempt == attempt ||
		o.Attempt == 1 && slices.ContainsFunc(follow(row), func(next planStep) bool { return next.Step == o.Name })
}

// timeout is a step's deadline under the node's rules.
func (r *Rules) timeout(name schemas.StepName, plan time.Duration) time.Duration {
	if t, ok := r.Timeouts[name]; ok {
		return t
	}
	return plan
}
