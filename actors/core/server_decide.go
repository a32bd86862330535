package core

import (
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// DecideServer moves a server: a command is admitted or refused, a host's outcome leads to the next step,
// a timer gives up waiting. A message that matches nothing the server waits for changes nothing, so
// every one may come twice, late or reversed.
func DecideServer(s schemas.Server, m any, in Input) (schemas.Server, Effects, error) {
	d := &server{Server: s, in: in}
	switch m := m.(type) {
	case *Admit:
		d.admit(m)
	case *schemas.Allocated:
		d.allocated(m)
	case *schemas.Outcome:
		d.outcome(m)
	case *schemas.Released:
		d.released(m)
	case *schemas.HostNotice:
		d.notice(m)
	case GroupGone:
		d.groupGone(m)
	case GroupPinned:
		d.groupPinned(m)
	case ImageEnded:
		d.imageEnded(m)
	case WhereIs:
		d.e.tell(m.Image.Ref(), HomeIs{Place: d.Home})
	case Wake:
		d.wake()
	case Resume:
		d.resume()
	case Poison:
		d.poison(m)
	default:
		return s, Effects{}, schemas.Errorf(schemas.KindInternal, "a server cannot be told %T", m)
	}
	d.tellChange(&s, m)
	return d.Server, d.e, nil
}

// allocated is the cluster's answer: the second half of the admission of a create or a resize.
func (d *server) allocated(m *schemas.Allocated) {
	d.e.Answered = append(d.e.Answered, allocateID(m.Operation, m.Cluster, m.Copy))
	c := d.Cursor
	if c == nil || c.Operation != m.Operation || c.Step != "" || c.Cluster != m.Cluster || m.Copy != d.Copies {
		return // given up before: the release that was asked then takes the place back
	}
	if m.Refused != nil {
		d.refusedByCluster(m.Refused)
		return
	}
	if due(c.Expires, d.in.Now) {
		d.giveUp()
		return
	}
	place := schemas.Placement{Cluster: m.Cluster, Host: m.Host, Copy: m.Copy, Flavor: c.Flavor}
	if c.Action == schemas.ServerCreate {
		d.Home, d.Private, d.Hidden = place, m.Private, false
		if len(d.Shared) == 0 {
			d.Public = m.Public
		} else {
			d.Spare = m.Public
		}
		d.tellGroup(schemas.OnAllocated)
		d.QuotaRAMMiB = d.in.Rules.Flavors[c.Flavor].RAMMiB
	} else {
		d.Other = &place
		d.QuotaRAMMiB += d.extraRAM(c.Flavor)
	}
	d.settle(c.Operation, true, schemas.Quota{})
	d.fire(schemas.OnAllocated, 0)
	d.e.Answers = append(d.e.Answers, Decision{
		Answer: schemas.Answer{V: schemas.MessageV, Operation: c.Operation, Target: d.ID.Ref()},
		Show:   c.Action == schemas.ServerCreate,
	})
	d.event(c.Action, PhaseStart, c.Operation, nil)
	d.edit().Expires = time.Time{}
	d.begin(planOf(c.Plan)[0])
}

// refusedByCluster tries the next cluster for a create, or refuses the command with the cluster's reason.
func (d *server) refusedByCluster(why *schemas.Error) {
	c := d.Cursor
	if all := d.in.Rules.Clusters; c.Action == schemas.ServerCreate && !c.Pinned && d.Copies < len(all) {
		d.askCluster(nextCluster(all, c.Cluster))
		return
	}
	d.refuseAdmitting(schemas.OperationRejected, why)
}

// askCluster asks another cluster for a place for a new server.
func (d *server) askCluster(id schemas.ClusterID) {
	d.edit().Cluster = id
	d.Copies++ // a copy's number means one place in one cluster
	d.e.Save = true
	d.allocate(true, 0)
}

// firstCluster is the one that is asked first for the servers of an account: accounts are spread over all.
func firstCluster(all []schemas.ClusterID, account schemas.AccountID) schemas.ClusterID {
	return all[int(account-1)%len(all)]
}

// nextCluster is the one that is asked when another has no room; after the last one comes the first.
func nextCluster(all []schemas.ClusterID, refused schemas.ClusterID) schemas.ClusterID {
	return all[(slices.Index(all, refused)+1)%len(all)]
}

// giveUp refuses an operation that its cluster did not decide in time.
func (d *server) giveUp() { d.withdraw(schemas.OperationExpired, expired()) }

// withdraw refuses an operation that its cluster did not decide yet; what it may have got is given back.
func (d *server) withdraw(state schemas.OperationState, why *schemas.Error) {
	c := d.Cursor
	d.e.Answered = append(d.e.Answered, allocateID(c.Operation, c.Cluster, d.Copies))
	d.release(c.Operation, c.Cluster, d.Copies, c.Action == schemas.ServerCreate)
	d.refuseAdmitting(state, why)
}

// refuseAdmitting undoes the first half of an admission: the quota goes back, a create leaves nothing.
func (d *server) refuseAdmitting(state schemas.OperationState, why *schemas.Error) {
	c := d.Cursor
	d.settle(c.Operation, false, schemas.Quota{})
	d.e.Progress = append(d.e.Progress, Progress{Operation: c.Operation, State: state, Error: operationError(why)})
	d.e.Answers = append(d.e.Answers, Decision{Answer: schemas.Answer{V: schemas.MessageV, Operation: c.Operation, Target: d.ID.Ref(), Fault: why}})
	if c.Action == schemas.ServerCreate {
		d.e.Remove = true
		d.tellGroup(schemas.OnRefused)
	}
	d.Cursor = nil
	d.fire(schemas.OnRefused, 100)
}

// extraRAM is what a resize to a flavor needs beyond what the account holds for the server.
func (d *server) extraRAM(f schemas.FlavorID) int64 {
	return max(0, d.in.Rules.Flavors[f].RAMMiB-d.QuotaRAMMiB)
}

// imageEnded takes an image of this server out of the way.
func (d *server) imageEnded(m ImageEnded) {
	if i := d.Imaging; i != nil && i.Image == m.Image {
		d.Imaging = nil
		d.e.Save = true
		if i.Slot != nil {
			d.backedUp(*i.Slot, m)
		}
	}
	if !m.Gone {
		return
	}
	d.backupGone(m.Image)
	kept := make([]schemas.ImageID, 0, len(d.Images))
	for _, id := range d.Images {
		if id != m.Image {
			kept = append(kept, id)
		}
	}
	d.e.Save = d.e.Save || len(kept) != len(d.Images)
	d.Images = kept
}

// wake deals with every timer that is due.
func (d *server) wake() {
	if c := d.Cursor; c != nil {
		switch {
		case due(c.Expires, d.in.Now):
			d.giveUp()
		case due(c.Deadline, d.in.Now):
			d.silent()
		}
	}
	switch {
	case d.Probe != nil:
		d.wakeProbe()
	case d.Status == schemas.StatusVerifyResize && due(d.ConfirmAt, d.in.Now):
		d.confirmItself()
	}
	d.repeatCleanups(false)
	d.backUp()
}

func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// confirmItself is the automatic confirm: an operation of its own, caused by the timer.
func (d *server) confirmItself() {
	op := d.in.NewOperation
	d.openOwn(op, schemas.ServerResizeConfirm, "nobody confirmed or reverted the resize in time")
	d.confirm(op, schemas.OnConfirm)
}

// resume asks again, after a claim, for everything that the server waits for; the ids are the same, so hosts do it once.
// The host gets the step's whole time again: nobody may have listened for long.
func (d *server) resume() {
	if c := d.Cursor; c != nil && c.Step != "" {
		row, _, ok := stepOf(c.Plan, c.Step)
		if ok {
			d.edit().Deadline = d.in.Now.Add(d.in.Rules.timeout(row.Step, row.Timeout))
			d.e.Save = true
			d.report()
			d.send(row)
		}
	}
	d.resumeProbe()
	d.repeatCleanups(true)
}

// poison gives up what the server waits for after a defect; what the step may have done counts as done.
func (d *server) poison(m Poison) {
	if d.Cursor == nil {
		d.loseBackups(m)
		if d.Probe != nil {
			d.unhealthy(schemas.OnSilent, "internal error")
		}
		return
	}
	if d.Cursor.Step == "" {
		d.giveUp()
		return
	}
	d.edit().Failure = &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: "internal error", Details: m.Reason}
	d.silent()
}
