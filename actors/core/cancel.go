package core

import "github.com/ozonecloud/ozone/schemas"

// What a tenant wants to cancel is taken back as far as the state tables have a row for it: a create as long as it builds, a resize
// until its source is stopped, an image until it is there. Each such status covers the steps of its plan, so the tables say which.

// tooLate says why the steps of a plan are not taken back, in words that go on from "cannot cancel".
var tooLate = map[string]string{
	planRebootSoft: "the guest has been told to restart; a hard reboot takes the place of one that hangs",
	planRebootHard: "the server is being switched off and on",
	planPassword:   "the guest may have the new password",
	planRebuild:    "the old disk is being replaced",
	planResize:     "the server is off and on its way: revert it when it has arrived",
	planRestore:    "the resize has failed and is being undone already",
	planRevert:     "the server is on its way back",
	planShare:      "the host may have the address: stop sharing it",
	planShareSetUp: "the host may have the address: stop sharing it",
	planUnshare:    "the host may have given the address up: share it again",
}

// cancelled is why an operation has ended that its tenant has cancelled.
const cancelled = "it was cancelled by a request"

// notUnderWay is the refusal to cancel what nobody does any more, or yet.
func notUnderWay() *schemas.Error {
	return schemas.Errorf(schemas.KindConflict, "cannot cancel: the operation is not under way").Because("it has ended, or is not decided yet")
}

// recall takes the operation under way back. What it has made goes, and with it ends the operation of the cancel.
func (d *server) recall(a *Admit) {
	c, op := d.Cursor, a.Command.ID
	to, refused := next(&d.Server, schemas.OnCancel)
	switch {
	case c == nil || c.Operation != a.Command.Params.Operation:
		d.e.refuse(a, d.notRecalled(a.Command.Params.Operation))
		return
	case refused != nil:
		d.e.refuse(a, refused.Because("%s", tooLate[c.Plan]))
		return
	case d.Hidden:
		d.e.refuse(a, schemas.Errorf(schemas.KindConflict, "cannot cancel: the server has no place yet").Because("it will have one within seconds, or be refused"))
		return
	}
	if c.Step == "" { // its cluster has not decided yet
		d.withdraw(schemas.OperationRejected, schemas.Errorf(schemas.KindConflict, cancelled))
		d.accept(a)
		d.end(schemas.OperationCancel, op, nil)
		return
	}
	d.cancel(cancelled)
	d.accept(a)
	d.event(schemas.OperationCancel, PhaseStart, op, nil)
	d.set(to, 100)
	if to == schemas.StatusDeleted {
		d.goAway(op, schemas.OperationCancel)
		return
	}
	other := *d.Other
	d.Other = nil
	d.shrinkQuota(d.in.Rules.Flavors[d.Home.Flavor].RAMMiB)
	d.tearDown(other, schemas.StepStop, op, schemas.OperationCancel)
	d.rest()
}

// notRecalled is why an operation that is not the one under way is not taken back.
func (d *server) notRecalled(op schemas.OperationID) *schemas.Error {
	for _, c := range d.Cleanups {
		if c.Operation == op && c.Ends != "" {
			return schemas.Errorf(schemas.KindConflict, "cannot cancel: %s is done but for what it removes", c.Ends)
		}
	}
	return notUnderWay()
}

// recall takes the making of the image back: it has failed, and its files go. The removal of a backup that is no good is an
// operation of its own.
func (d *image) recall(a *Admit) {
	c, op := d.Cursor, a.Command.ID
	if !d.takes(schemas.OnCancel) || c == nil || c.Operation != a.Command.Params.Operation {
		d.e.refuse(a, notUnderWay())
		return
	}
	why := &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: cancelled}
	d.fire(schemas.OnCancel, 0)
	d.e.Progress = append(d.e.Progress, Progress{Operation: c.Operation, State: schemas.OperationCancelled, Error: why})
	d.event(PhaseCancelled, why)
	d.Cursor = nil
	d.e.accept(a, a.Command.Target, false)
	d.e.event(&d.Sequence, nameOf(schemas.OperationCancel), PhaseStart, op, nil)
	d.remove(op, schemas.OperationCancel)
	d.e.tell(d.Server.Ref(), ImageEnded{Image: d.ID, Error: why})
}
