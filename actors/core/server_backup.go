package core

import (
	"maps"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// The backups of a server. A slot of its schedule is settled once: by the image that is begun in its window, or by a
// server.backup.missed event that says why there is none. What is not settled is found again from the state after any absence.

// slotsAtOnce bounds the missed slots that one decision records; the next ones come with the next wake. Source: docs/numbers.md.
const slotsAtOnce = 16

// outageAfter is how long after a window's end its slot is settled until nobody can have been there. Source: docs/numbers.md.
const outageAfter = time.Minute

// schedule sets the server's schedule, or none. Slots that began before are settled first. One whose window is open
// and which the new schedule has too goes on.
func (d *server) schedule(a *Admit) {
	c := a.Command
	next := schemas.NoBackups()
	if c.Params.Backups != nil {
		next = *c.Params.Backups
	}
	if !d.settlePassed() {
		d.e.refuse(a, schemas.Errorf(schemas.KindUnavailable, "earlier backups of the server are still being accounted for").After(retryAfter))
		return
	}
	if d.Backups != nil || next != schemas.NoBackups() {
		d.reschedule(next)
	}
	d.accept(a)
	d.e.Progress = append(d.e.Progress, Progress{Operation: c.ID, State: schemas.OperationSucceeded, Percent: 100})
	d.e.event(&d.Sequence, "server.backup_schedule", PhaseEnd, c.ID, nil)
}

func (d *server) reschedule(next schemas.BackupSchedule) {
	b := schemas.Backups{Schedule: next, Halves: make(map[schemas.BackupKind]schemas.BackupHalf, len(backupKinds))}
	for _, kind := range backupKinds {
		half := d.half(kind)
		old, had := d.slot(kind)
		kept, has := nextSlot(&next, kind, half.Settled)
		begun := had && !old.Start.After(d.in.Now)
		switch {
		case begun && has && kept.Start.Equal(old.Start):
		case begun:
			d.missed(old, schemas.MissedChanged, &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: "the backup schedule was changed"})
			fallthrough
		default:
			half.Settled = later(half.Settled, d.in.Now)
		}
		b.Halves[kind] = half
	}
	d.Backups = &b
}

// later is the later time: a clock that was set back brings no slot again.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// half is how far one half of the schedule has come.
func (d *server) half(kind schemas.BackupKind) schemas.BackupHalf {
	if d.Backups == nil {
		return schemas.BackupHalf{}
	}
	return d.Backups.Halves[kind]
}

// putHalf replaces one half.
func (d *server) putHalf(kind schemas.BackupKind, half schemas.BackupHalf) {
	b := *d.Backups
	b.Halves = maps.Clone(b.Halves)
	b.Halves[kind] = half
	d.Backups = &b
	d.e.Save = true
}

// slot is the next slot of a kind that is not settled.
func (d *server) slot(kind schemas.BackupKind) (schemas.BackupSlot, bool) {
	return unsettled(&d.Server, kind)
}

func unsettled(s *schemas.Server, kind schemas.BackupKind) (schemas.BackupSlot, bool) {
	if s.Backups == nil {
		return schemas.BackupSlot{}, false
	}
	return nextSlot(&s.Backups.Schedule, kind, s.Backups.Halves[kind].Settled)
}

// backupWakeAt is when something is to be done about a server's next slots: the time of a backup or, while the server's
// status allows none, the end of its window. Whatever ends that status brings the earlier time back.
func backupWakeAt(s *schemas.Server) time.Time {
	var at time.Time
	if s.Backups == nil {
		return at
	}
	_, refused := mayImage(s)
	for _, kind := range backupKinds {
		slot, ok := unsettled(s, kind)
		switch {
		case !ok:
		case refused != nil:
			at = earliest(at, slot.End())
		default:
			at = earliest(at, runAt(&s.Backups.Schedule, s.ID, slot))
		}
	}
	return at
}

// mayImage tells why no image can be made of the server now.
func mayImage(s *schemas.Server) (schemas.MissedReason, *schemas.Error) {
	if _, refused := next(s, schemas.OnImage); refused != nil {
		return schemas.MissedRefused, refused
	}
	return schemas.MissedLimit, imageLimit(s)
}

// backUp settles the slots whose windows are over, and begins the backup that has been due for the longest time.
func (d *server) backUp() {
	if d.Backups == nil || !d.settlePassed() {
		return // or the next wake goes on
	}
	if _, refused := mayImage(&d.Server); refused != nil || len(d.e.Open) > 0 { // or the wake's operation is taken
		return
	}
	var first schemas.BackupSlot
	var at time.Time
	for _, kind := range backupKinds {
		slot, ok := d.slot(kind)
		if !ok {
			continue
		}
		if run := runAt(&d.Backups.Schedule, d.ID, slot); due(run, d.in.Now) && (at.IsZero() || run.Before(at)) {
			first, at = slot, run
		}
	}
	if !at.IsZero() {
		d.orderBackup(first)
	}
}

// orderBackup has an image made like any other: by a command, which the account, this server and the image admit in this turn.
func (d *server) orderBackup(slot schemas.BackupSlot) {
	c := &schemas.Command{
		V: schemas.MessageV, ID: d.in.NewOperation, Action: schemas.ServerImage, Account: d.Account, Created: d.in.Now,
		Params: schemas.Params{Server: d.ID, Name: new(string(slot.Kind))},
	}
	d.e.tell(c.To(), &Admit{Command: c, Slot: &slot})
}

// settlePassed records the slots whose windows are over, the oldest first; false when there are more than one decision takes.
func (d *server) settlePassed() bool {
	for range slotsAtOnce {
		slot, ok := d.passed()
		if !ok {
			return true
		}
		reason, why := d.hindrance(slot)
		d.missed(slot, reason, why)
		d.settleSlot(slot)
	}
	_, more := d.passed()
	return !more
}

// passed is the oldest slot that is not settled and whose window is over.
func (d *server) passed() (oldest schemas.BackupSlot, ok bool) {
	for _, kind := range backupKinds {
		slot, has := d.slot(kind)
		if has && due(slot.End(), d.in.Now) && (!ok || slot.Start.Before(oldest.Start)) {
			oldest, ok = slot, true
		}
	}
	return oldest, ok
}

// hindrance is why a slot whose window is over has no backup.
func (d *server) hindrance(slot schemas.BackupSlot) (schemas.MissedReason, *schemas.OperationError) {
	reason, refused := mayImage(&d.Server)
	if refused == nil || d.in.Now.Sub(slot.End()) > outageAfter {
		refused = schemas.Errorf(schemas.KindUnavailable, "nobody could make backups before the window was over")
		reason = schemas.MissedOutage
	}
	return reason, operationError(refused)
}

// settleSlot makes a slot one that does not come again.
func (d *server) settleSlot(slot schemas.BackupSlot) {
	half := d.half(slot.Kind)
	half.Settled = slot.Start
	d.putHalf(slot.Kind, half)
}

// missed says that a slot has no backup, and why.
func (d *server) missed(slot schemas.BackupSlot, reason schemas.MissedReason, why *schemas.OperationError) {
	if forgets(slot) {
		return
	}
	d.e.backup(&d.Sequence, "server.backup.missed", schemas.BackupFact{BackupSlot: slot, Reason: reason}, why)
	d.e.Save = true
}

// backedUp is the end of a backup's image. A good one replaces the one before, which is deleted; a failed one is deleted itself.
func (d *server) backedUp(slot schemas.BackupSlot, m ImageEnded) {
	if m.Error != nil {
		d.missed(slot, schemas.MissedFailed, m.Error)
		d.e.tell(m.Image.Ref(), Discard{})
		return
	}
	half := d.half(slot.Kind)
	replaced := half.Good
	half.Good = m.Image
	d.putHalf(slot.Kind, half)
	if replaced != 0 {
		d.e.backup(&d.Sequence, "server.backup.rotated", schemas.BackupFact{BackupSlot: slot, Image: m.Image, Replaced: replaced}, nil)
		d.e.tell(replaced.Ref(), Discard{})
	}
}

// backupGone forgets a good backup that was deleted.
func (d *server) backupGone(id schemas.ImageID) {
	for _, kind := range backupKinds {
		if half := d.half(kind); half.Good == id && id != 0 {
			half.Good = 0
			d.putHalf(kind, half)
		}
	}
}

// loseBackups settles the slots that are due after a defect, so that they do not end in it again.
func (d *server) loseBackups(m Poison) {
	for _, kind := range backupKinds {
		slot, ok := d.slot(kind)
		if !ok || slot.Start.After(d.in.Now) {
			continue
		}
		d.missed(slot, schemas.MissedDefect, &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: "internal error", Details: m.Reason})
		d.settleSlot(slot)
	}
}
