package core

import (
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// triggerOf is the trigger that a command pulls on its server.
func triggerOf(c *schemas.Command) schemas.Trigger {
	switch c.Action {
	case schemas.ServerUpdate:
		if c.Params.Password {
			return schemas.OnPassword
		}
		return schemas.OnRename
	case schemas.ServerDelete:
		if c.Params.Force {
			return schemas.OnForce
		}
		return schemas.OnDelete
	case schemas.ServerReboot:
		if c.Params.Hard {
			return schemas.OnRebootHard
		}
		return schemas.OnRebootSoft
	case schemas.ServerShareIP:
		if c.Params.Configure {
			return schemas.OnShareSetUp
		}
		return schemas.OnShare
	default:
		return actionTriggers[c.Action]
	}
}

var actionTriggers = map[schemas.Action]schemas.Trigger{
	schemas.ServerCreate:        schemas.OnCreate,
	schemas.ServerRebuild:       schemas.OnRebuild,
	schemas.ServerResize:        schemas.OnResize,
	schemas.ServerResizeConfirm: schemas.OnConfirm,
	schemas.ServerResizeRevert:  schemas.OnRevert,
	schemas.ServerImage:         schemas.OnImage,
	schemas.ServerUnshareIP:     schemas.OnUnshare,
	schemas.BackupSet:           schemas.OnBackups,
	schemas.BackupDisable:       schemas.OnBackups,
	schemas.OperationCancel:     schemas.OnCancel,
	schemas.ServerSuspend:       schemas.OnSuspend,
	schemas.ServerResume:        schemas.OnResume,
	schemas.ServerRescue:        schemas.OnRescue,
	schemas.ServerUnrescue:      schemas.OnUnrescue,
}

// admit takes or refuses a command by the state table.
func (d *server) admit(a *Admit) {
	c := a.Command
	switch {
	case c.Action == schemas.ServerCreate:
		d.create(a)
		return
	case c.Action == schemas.SharedIPGroupCreate:
		d.join(a)
		return
	case c.Action == schemas.OperationCancel:
		d.recall(a)
		return
	case !d.exists(c.Account):
		d.e.refuse(a, schemas.Errorf(schemas.KindNotFound, "server not found"))
		return
	}
	on := triggerOf(c)
	to, refused := next(&d.Server, on)
	switch {
	case refused == nil:
		d.accepted(a, on, to)
	case c.Action == schemas.ServerShareIP && !a.Joins:
		asked := *a
		asked.Refused = refused
		d.e.tell(c.Params.Group.Ref(), &asked)
	default:
		d.e.refuse(a, refused)
	}
}

// accepted does what an admitted command begins with.
func (d *server) accepted(a *Admit, on schemas.Trigger, to schemas.Status) {
	c := a.Command
	switch on {
	case schemas.OnRename:
		d.rename(a)
	case schemas.OnPassword:
		d.name(c)
		d.start(a, planPassword, to)
	case schemas.OnRebootSoft:
		d.keepFormer()
		d.start(a, planRebootSoft, to)
	case schemas.OnRebootHard:
		d.keepFormer()
		d.cancel("a hard reboot took its place")
		d.start(a, planRebootHard, to)
	case schemas.OnRebuild:
		d.rebuild(a, to)
	case schemas.OnResize:
		d.resize(a, to)
	case schemas.OnConfirm:
		d.accept(a)
		d.confirm(c.ID, on)
	case schemas.OnRevert:
		d.revert(a, to)
	case schemas.OnImage:
		d.image(a)
	case schemas.OnShare:
		d.share(a, planShare, to)
	case schemas.OnShareSetUp:
		d.share(a, planShareSetUp, to)
	case schemas.OnUnshare:
		d.unshare(a, to)
	case schemas.OnBackups:
		d.schedule(a)
	case schemas.OnDelete, schemas.OnForce:
		d.delete(a, to)
	default: // suspend, resume, rescue, unrescue: the operator's, with no work on a host
		d.Former = to
		d.set(to, 100)
		d.finishAtOnce(a)
	}
}

// keepFormer remembers a resting status that a reboot must come back to.
func (d *server) keepFormer() {
	switch d.Status {
	case schemas.StatusActive, schemas.StatusError:
		d.Former = schemas.StatusActive
	case schemas.StatusRescue:
		d.Former = schemas.StatusRescue
	default: // a hard reboot during a soft one: the former is the soft one's
	}
}

// create starts a server that nobody sees until the cluster has a place for it.
func (d *server) create(a *Admit) {
	c := a.Command
	d.e.Used = append(d.e.Used, schemas.ActorServer)
	d.Server = newServer(a, d.in.Now)
	if len(d.in.Rules.Clusters) == 0 {
		d.e.refuse(a, schemas.Errorf(schemas.KindCapacity, "there is no cluster yet").After(retryAfter))
		d.e.Remove = true
		d.tellGroup(schemas.OnRefused)
		return
	}
	d.fire(schemas.OnCreate, 0)
	d.Copies = 1
	d.Cursor = &schemas.Cursor{
		Operation: c.ID, Action: c.Action, Plan: planCreate, Expires: c.Expires, Flavor: c.Params.Flavor, Image: c.Params.Image,
		Cluster: firstCluster(d.in.Rules.Clusters, d.Account), Payload: len(c.Payload) > 0,
	}
	if a.Cluster != 0 {
		d.Cursor.Cluster, d.Cursor.Pinned = a.Cluster, true
	}
	d.e.open(a, int64(d.ID), schemas.OperationAdmitting, nil)
	d.e.key(c)
	d.allocate(true, 0)
}

// accept admits a command of an existing server.
func (d *server) accept(a *Admit) {
	d.e.accept(a, a.Command.Target, false)
	d.touch()
}

// start admits a command that needs its host only, and sends the first step.
func (d *server) start(a *Admit, plan string, to schemas.Status) {
	c := a.Command
	d.accept(a)
	d.set(to, 0)
	d.Reason = ""
	d.Cursor = &schemas.Cursor{Operation: c.ID, Action: c.Action, Plan: plan, Image: d.Image, Payload: len(c.Payload) > 0, Address: c.Params.Address}
	d.event(c.Action, PhaseStart, c.ID, nil)
	d.begin(planOf(plan)[0])
}

// finishAtOnce admits and ends a command that no host is needed for.
func (d *server) finishAtOnce(a *Admit) {
	d.accept(a)
	d.end(a.Command.Action, a.Command.ID, nil)
}

func (d *server) rename(a *Admit) {
	d.name(a.Command)
	d.finishAtOnce(a)
}

func (d *server) name(c *schemas.Command) {
	if c.Params.Name != nil {
		d.Name = *c.Params.Name
	}
}

// rebuild wipes the disk and installs an image that was found to be usable; without one the present image.
func (d *server) rebuild(a *Admit, to schemas.Status) {
	c := a.Command
	if c.Params.Image == 0 { // the command itself stays as it came: it may be decided again
		present, on := *c, *a
		present.Params.Image, on.Command = d.Image, &present
		a, c = &on, &present
	}
	if !a.Imaged && !d.in.Rules.BaseImages[c.Params.Image] {
		d.e.tell(c.Params.Image.Ref(), a)
		return
	}
	d.Image = c.Params.Image
	d.start(a, planRebuild, to)
}

// resize asks the account for the difference first, then the cluster for a place.
func (d *server) resize(a *Admit, to schemas.Status) {
	c := a.Command
	if _, ok := d.in.Rules.Flavors[c.Params.Flavor]; !ok {
		d.e.refuse(a, unknownFlavor(c.Params.Flavor))
		return
	}
	if c.Params.Flavor == d.Flavor {
		d.e.refuse(a, schemas.Errorf(schemas.KindForbidden, "server has flavor %d already", int64(d.Flavor)))
		return
	}
	if len(d.Cleanups) >= maxCleanups {
		d.e.refuse(a, schemas.Errorf(schemas.KindUnavailable, "earlier copies of the server are still being removed").After(retryAfter))
		return
	}
	if !a.Granted {
		d.e.tell(c.Account.Ref(), Reserve{Admit: a, RAMMiB: d.extraRAM(c.Params.Flavor)})
		return
	}
	d.Copies++
	d.Cursor = &schemas.Cursor{
		Operation: c.ID, Action: c.Action, Plan: planResize, Expires: c.Expires, Flavor: c.Params.Flavor, Cluster: d.Home.Cluster,
		Probe: c.Params.Probe,
	}
	d.set(to, 0)
	d.e.open(a, c.Target, schemas.OperationAdmitting, nil)
	d.e.key(c)
	d.allocate(false, d.Home.Host)
}

// maxCleanups bounds the copies of one server that are being torn down, and with them its snapshot.
const maxCleanups = 8

// confirm makes the new half the only one; the source is removed in the background.
func (d *server) confirm(op schemas.OperationID, on schemas.Trigger) {
	d.fire(on, 100)
	d.ConfirmAt, d.Probe = time.Time{}, nil
	d.event(schemas.ServerResizeConfirm, PhaseStart, op, nil)
	d.shrinkQuota(d.in.Rules.Flavors[d.Home.Flavor].RAMMiB)
	d.tearDown(*d.Other, schemas.StepWipe, op, schemas.ServerResizeConfirm)
	d.Other = nil
}

// shrinkQuota gives back to the account what is no longer needed.
func (d *server) shrinkQuota(need int64) {
	if d.QuotaRAMMiB > need {
		d.settle("", false, schemas.Quota{RAMMiB: d.QuotaRAMMiB - need})
		d.QuotaRAMMiB = need
	}
}

// revert goes back to the source: Home is the old copy again from the start.
func (d *server) revert(a *Admit, to schemas.Status) {
	if d.Other.Gone {
		d.e.refuse(a, sourceGone())
		return
	}
	d.swapHalves()
	d.start(a, planRevert, to)
}

// revertItself goes back to the source: an operation of its own.
func (d *server) revertItself(reason string) {
	op := d.in.NewOperation
	d.openOwn(op, schemas.ServerResizeRevert, reason)
	d.swapHalves()
	d.Cursor = &schemas.Cursor{Operation: op, Action: schemas.ServerResizeRevert, Plan: planRevert, Image: d.Image}
	d.event(schemas.ServerResizeRevert, PhaseStart, op, nil)
	d.begin(planOf(planRevert)[0])
}

// openOwn records an operation that nobody asked for, and why there is one.
func (d *server) openOwn(op schemas.OperationID, a schemas.Action, reason string) {
	d.e.Open = append(d.e.Open, Opened{Operation: schemas.Operation{
		ID: op, Account: d.Account, Action: a, State: schemas.OperationRunning, Target: d.ID.Ref(), Created: d.in.Now, Reason: reason,
	}})
}

func (d *server) swapHalves() {
	home := *d.Other
	other := d.Home
	d.Home, d.Other = home, &other
	d.ConfirmAt, d.Probe = time.Time{}, nil
}

// image hands the command to a new image actor.
func (d *server) image(a *Admit) {
	if refused := imageLimit(&d.Server); refused != nil {
		d.e.refuse(a, refused)
		return
	}
	if a.Slot != nil {
		d.settleSlot(*a.Slot)
	}
	on := *a
	on.Source, on.Owner = d.Home, d.ID
	d.Imaging = &schemas.Imaging{Image: a.NewImage, Operation: a.Command.ID, Slot: a.Slot}
	d.Images = append(slices.Clone(d.Images), a.NewImage)
	d.touch()
	d.e.Used = append(d.e.Used, schemas.ActorImage)
	d.e.tell(a.NewImage.Ref(), &on)
}

// imageLimit tells why the server may not have one more image.
func imageLimit(s *schemas.Server) *schemas.Error {
	if len(s.Images) < schemas.MaxImagesPerServer {
		return nil
	}
	return schemas.Errorf(schemas.KindLimit, "server has %d images; delete some", len(s.Images))
}

// delete hides the server at once; it ends when every copy is confirmed gone.
func (d *server) delete(a *Admit, to schemas.Status) {
	c := a.Command
	const why = "the server was deleted"
	if d.Cursor != nil && d.Cursor.Step == "" { // a resize that its cluster did not decide yet
		d.withdraw(schemas.OperationRejected, schemas.Errorf(schemas.KindConflict, why))
	}
	d.cancel(why)
	d.accept(a)
	d.set(to, 0)
	d.event(c.Action, PhaseStart, c.ID, nil)
	d.goAway(c.ID, c.Action)
}

// goAway gives back what a server that was deleted has; op, of the given action, ends when every copy is confirmed gone.
func (d *server) goAway(op schemas.OperationID, ends schemas.Action) {
	d.ConfirmAt, d.Probe, d.Unsettled, d.Imaging, d.Backups = time.Time{}, nil, nil, nil, nil
	d.tellGroup(schemas.OnDelete)
	d.settle("", false, schemas.Quota{RAMMiB: d.QuotaRAMMiB, Servers: 1})
	d.QuotaRAMMiB = 0
	for _, id := range d.Images {
		d.e.tell(id.Ref(), ServerGone{Operation: op})
	}
	d.Images = nil
	d.tearDown(d.Home, schemas.StepStop, op, ends)
	if d.Other != nil { // after Home: were it gone already, the addresses would go with it
		d.tearDown(*d.Other, schemas.StepStop, op, ends)
		d.Other = nil
	}
}
