package core

import (
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// image is a decision about an image in the making.
type image struct {
	schemas.Image
	e  Effects
	in Input
}

// ImageView is the image as its tenant sees it, nil when it is shown nowhere.
func ImageView(s *schemas.Image) *schemas.ImageView {
	if s.Status == schemas.ImageDeleted {
		return nil
	}
	v := s.View()
	return &v
}

// ImageWakeAt is the only timer of an image, zero when it waits for nothing.
func ImageWakeAt(s *schemas.Image) time.Time {
	if s.Cursor == nil {
		return time.Time{}
	}
	return s.Cursor.Deadline
}

// DecideImage moves an image: it is made from a server, used, deleted.
func DecideImage(s schemas.Image, m any, in Input) (schemas.Image, Effects, error) {
	d := &image{Image: s, in: in}
	switch m := m.(type) {
	case *Admit:
		d.admit(m)
	case *schemas.Outcome:
		d.outcome(m)
	case ServerGone:
		d.serverGone(m)
	case Discard:
		d.discard()
	case HomeIs:
		d.follow(m.Place)
	case Wake:
		d.wake()
	case Resume:
		if c := d.Cursor; c != nil && c.Step != "" {
			d.edit().Deadline = d.in.Now.Add(d.timeout())
			d.send()
		}
	case Poison:
		if c := d.Cursor; c != nil && c.Plan == planImage && c.Step != "" {
			d.fail(schemas.OnSilent, &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: "internal error", Details: m.Reason})
		}
	default:
		return s, Effects{}, schemas.Errorf(schemas.KindInternal, "an image cannot be told %T", m)
	}
	d.tellChange(&s)
	return d.Image, d.e, nil
}

// nameOf is what an image's events call an action.
func nameOf(a schemas.Action) string {
	switch a {
	case schemas.ServerImage:
		return "image.create"
	case schemas.OperationCancel:
		return "image.cancel"
	default:
		return string(a)
	}
}

// tellChange tells of what tenants see change when nothing else in the decision did: only while it is made.
func (d *image) tellChange(before *schemas.Image) {
	if len(d.e.Events) == 0 && (before.Status != d.Status || before.Progress != d.Progress) {
		d.e.event(&d.Sequence, nameOf(schemas.ServerImage), PhaseProgress, d.Cursor.Operation, nil)
	}
}

// admit takes a command that makes, uses or deletes the image.
func (d *image) admit(a *Admit) {
	c := a.Command
	switch {
	case c.Action == schemas.ServerImage && d.ID == 0:
		d.create(a)
	case d.ID == 0 || d.Status == schemas.ImageDeleted || d.Account != c.Account:
		d.e.refuse(a, schemas.Errorf(schemas.KindNotFound, "image not found"))
	case c.Action == schemas.ImageDelete:
		d.delete(a)
	case c.Action == schemas.OperationCancel:
		d.recall(a)
	case d.Status != schemas.ImageActive:
		d.e.refuse(a, schemas.Errorf(schemas.KindInvalid, "image is %s", d.Status))
	case c.Action == schemas.ServerCreate:
		on := *a
		on.Imaged = true
		d.e.tell(on.afterImage(), &on)
	default:
		on := *a
		on.Imaged = true
		d.e.tell(schemas.ServerID(c.Target).Ref(), &on)
	}
}

// create records a new image; its first step is sent with the next wake, so that QUEUED can be seen.
func (d *image) create(a *Admit) {
	c := a.Command
	name := "image" + strconv.FormatInt(int64(a.NewImage), 10)
	if c.Params.Name != nil {
		name = *c.Params.Name
	}
	d.Image = schemas.Image{
		V: schemas.StateV, ID: a.NewImage, Account: c.Account, Name: name, Server: a.Owner, Host: a.Source.Host, Copy: a.Source.Copy,
		Slot: a.Slot, Status: imageEdges[""][schemas.OnCreate], Created: d.in.Now, Updated: d.in.Now,
		Cursor: &schemas.Cursor{Operation: c.ID, Action: c.Action, Plan: planImage, Deadline: d.in.Now},
	}
	d.e.Save = true
	d.e.accept(a, int64(d.ID), true)
	d.event(PhaseStart, nil)
}

// event says how the operation under way fares; of a backup also which.
func (d *image) event(p Phase, err *schemas.OperationError) {
	c := d.Cursor
	d.e.event(&d.Sequence, nameOf(c.Action), p, c.Operation, err)
	if d.Slot != nil && c.Action == schemas.ServerImage {
		d.e.Events[len(d.e.Events)-1].Backup = &schemas.BackupFact{BackupSlot: *d.Slot, Image: d.ID}
	}
}

// delete hides the image at once; its files go in the background.
func (d *image) delete(a *Admit) {
	if !d.takes(schemas.OnDelete) {
		d.e.refuse(a, schemas.Errorf(schemas.KindConflict, "image is %s", d.Status).Named(schemas.FaultBackupOrResize))
		return
	}
	d.e.accept(a, a.Command.Target, false)
	d.vanish(a.Command.ID)
}

// discard deletes a backup that is not needed any more: an operation of its own. One that was deleted meanwhile is gone.
func (d *image) discard() {
	if !d.takes(schemas.OnDelete) {
		return
	}
	d.e.Open = append(d.e.Open, Opened{Operation: schemas.Operation{
		ID: d.in.NewOperation, Account: d.Account, Action: schemas.ImageDelete, State: schemas.OperationRunning, Target: d.ID.Ref(), Created: d.in.Now,
	}})
	d.vanish(d.in.NewOperation)
}

// vanish is a delete that was admitted.
func (d *image) vanish(op schemas.OperationID) {
	d.fire(schemas.OnDelete, 100)
	d.e.event(&d.Sequence, string(schemas.ImageDelete), PhaseStart, op, nil)
	d.e.tell(d.Server.Ref(), ImageEnded{Image: d.ID, Gone: true})
	d.remove(op, schemas.ImageDelete)
}

// serverGone deletes the image with the server it was made from; one in flight is cancelled.
func (d *image) serverGone(m ServerGone) {
	if d.ID == 0 || d.Status == schemas.ImageDeleted {
		return
	}
	if c := d.Cursor; c != nil && c.Plan == planImage {
		err := &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: "the server was deleted"}
		d.e.Progress = append(d.e.Progress, Progress{Operation: c.Operation, State: schemas.OperationCancelled, Error: err})
		d.event(PhaseCancelled, err)
	} else {
		d.e.event(&d.Sequence, string(schemas.ImageDelete), PhaseEnd, "", nil)
	}
	d.fire(schemas.OnServerGone, 0)
	d.remove(m.Operation, "")
}

// remove has the image's host delete the files, repeated until it confirms; op ends with it when action is given. An earlier removal
// goes on as this one.
func (d *image) remove(op schemas.OperationID, action schemas.Action) {
	if c := d.Cursor; c != nil && c.Plan == planRemove {
		d.removed()
	}
	d.Cursor = &schemas.Cursor{Operation: op, Action: action, Plan: planRemove, Step: schemas.StepRemove, Attempt: 1}
	d.try()
}

// follow repeats a removal on the host where the image's server is now. Files of a host that is off for good are nobody's.
func (d *image) follow(p schemas.Placement) {
	if c := d.Cursor; c == nil || c.Plan != planRemove {
		return
	}
	switch {
	case p.Gone && p.Host == d.Host:
		d.removed()
		return
	case !p.Gone && p.Host != 0:
		d.Host, d.Copy = p.Host, p.Copy
	}
	d.try()
}

// takes tells whether the image's table has a row for the trigger.
func (d *image) takes(on schemas.Trigger) bool {
	_, ok := imageEdges[d.Status][on]
	return ok
}

// fire follows one row of the image's table.
func (d *image) fire(on schemas.Trigger, percent int) {
	to, ok := imageEdges[d.Status][on]
	if !ok {
		panic("image table: no row for " + string(d.Status) + " on " + string(on))
	}
	d.Status, d.Progress, d.Updated = to, percent, d.in.Now
	d.e.Save = true
}

// edit is a copy of the cursor to be changed.
func (d *image) edit() *schemas.Cursor {
	c := *d.Cursor
	d.Cursor = &c
	d.e.Save = true
	return &c
}

// begin makes row the step under way.
func (d *image) begin(row planStep) {
	c := d.edit()
	c.Step, c.Attempt = row.Step, 1
	d.Progress = row.Percent
	d.try()
}

// timeout is the deadline of the cursor's step.
func (d *image) timeout() time.Duration {
	c := d.Cursor
	if row, _, ok := stepOf(c.Plan, c.Step); ok {
		return d.in.Rules.timeout(c.Step, row.Timeout)
	}
	return d.in.Rules.timeout(c.Step, cleanupTimeouts[c.Step])
}

// try sends the present attempt of the cursor's step with a fresh deadline.
func (d *image) try() {
	c := d.edit()
	c.Deadline = d.in.Now.Add(d.timeout())
	if c.Action != "" {
		_, index, _ := stepOf(c.Plan, c.Step)
		d.e.Progress = append(d.e.Progress, Progress{
			Operation: c.Operation, State: schemas.OperationRunning, Step: c.Step, Index: index + 1, Count: max(1, len(planOf(c.Plan))),
			Attempt: c.Attempt, Percent: d.Progress, Deadline: c.Deadline,
		})
	}
	d.send()
}

// send gives the host the cursor's step; its id is the same when it is sent again.
func (d *image) send() {
	c := d.Cursor
	d.e.Steps = append(d.e.Steps, schemas.Step{
		V: schemas.MessageV, Operation: c.Operation, Name: c.Step, Attempt: c.Attempt, Host: d.Host, Actor: d.ID.Ref(), Account: d.Account,
		Timeout: d.timeout(),
		Params:  schemas.StepParams{Server: d.Server, Copy: d.Copy, Image: d.ID, Name: d.Name},
	})
}

// outcome is a host's answer; one that is not waited for changes nothing.
func (d *image) outcome(o *schemas.Outcome) {
	c := d.Cursor
	if c == nil || c.Operation != o.Operation || c.Step != o.Name || c.Attempt != o.Attempt {
		return
	}
	row, index, _ := stepOf(c.Plan, c.Step)
	switch {
	case c.Plan == planRemove && o.Failure != nil:
		next := d.edit()
		next.Attempt++
		next.Deadline = d.in.Now.Add(d.in.Rules.RetryEvery)
	case c.Plan == planRemove:
		d.removed()
	case o.Failure != nil && c.Attempt < Attempts && o.Failure.Reason.Passes():
		d.edit().Attempt++
		d.try()
	case o.Failure != nil:
		d.fail(row.Failed, stepError(o))
	case index+1 < len(planOf(c.Plan)):
		d.fire(row.Done, row.Percent)
		d.begin(planOf(c.Plan)[index+1])
	default:
		d.fire(row.Done, 100)
		d.ended(nil)
		d.Cursor = nil
	}
}

// removed is the host's word that nothing is left of the files.
func (d *image) removed() {
	c := d.Cursor
	d.Cursor = nil
	d.e.Save = true
	if c.Action != "" {
		d.e.Progress = append(d.e.Progress, Progress{Operation: c.Operation, State: schemas.OperationSucceeded, Percent: 100})
		d.e.event(&d.Sequence, nameOf(c.Action), PhaseEnd, c.Operation, nil)
	}
}

// ended closes the operation that made the image and lets the server go on.
func (d *image) ended(err *schemas.OperationError) {
	c := d.Cursor
	state, phase := schemas.OperationSucceeded, PhaseEnd
	if err != nil {
		state, phase = schemas.OperationFailed, PhaseError
	}
	d.e.Progress = append(d.e.Progress, Progress{Operation: c.Operation, State: state, Percent: 100, Error: err})
	d.event(phase, err)
	d.e.tell(d.Server.Ref(), ImageEnded{Image: d.ID, Error: err})
}

// fail leaves a FAILED image; what the host may have written is removed.
func (d *image) fail(on schemas.Trigger, why *schemas.OperationError) {
	op := d.Cursor.Operation
	d.fire(on, 0)
	d.ended(why)
	d.remove(op, "")
}

// wake starts a queued image, gives up a silent host, or repeats a removal.
func (d *image) wake() {
	c := d.Cursor
	if c == nil || !due(c.Deadline, d.in.Now) {
		return
	}
	switch {
	case c.Plan == planRemove:
		d.e.tell(d.Server.Ref(), WhereIs{Image: d.ID}) // its answer repeats the removal in this turn
	case c.Step == "":
		d.fire(schemas.OnPrepared, 0)
		d.begin(planOf(planImage)[0])
	default:
		d.fail(schemas.OnSilent, &schemas.OperationError{
			Fault: schemas.FaultCloudServers, Message: "the host did not answer step " + string(c.Step) + " in time", Retryable: true,
		})
	}
}
