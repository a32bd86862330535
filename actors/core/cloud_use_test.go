package core

import (
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// do sends a command and lets everything end that follows from it. It returns the operation.
func (w *cloud) do(action schemas.Action, target int64, p schemas.Params) schemas.OperationID {
	w.t.Helper()
	id := w.order(action, target, p)
	w.settle()
	w.laws()
	return id
}

// order sends a command and lets messages flow, but no time pass.
func (w *cloud) order(action schemas.Action, target int64, p schemas.Params) schemas.OperationID {
	w.t.Helper()
	return w.orderAs(&schemas.Command{Action: action, Target: target, Params: p})
}

func (w *cloud) orderAs(c *schemas.Command) schemas.OperationID {
	w.t.Helper()
	w.submit(c)
	w.drain()
	return c.ID
}

// submit sends a command that nobody takes before the next drain.
func (w *cloud) submit(c *schemas.Command) schemas.OperationID {
	c.V, c.ID, c.Account, c.Created = 1, w.newID("op"), 1, w.now
	if c.Expires.IsZero() {
		c.Expires = w.now.Add(30 * time.Second)
	}
	if c.Action == schemas.ServerCreate || c.Params.Password {
		c.Payload = []byte("sealed")
	}
	w.send(envelope{to: c.To(), message: c, durable: true})
	return c.ID
}

// create makes a server of a flavor and waits until it rests.
func (w *cloud) create(flavor schemas.FlavorID) schemas.ServerID {
	w.t.Helper()
	id := w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: flavor, Image: 1})
	return schemas.ServerID(w.rows.ops[id].op.Target.ID)
}

// resized makes a server of flavor 2 that waits as one of flavor 3 in VERIFY_RESIZE for confirm or revert.
func (w *cloud) resized() schemas.ServerID {
	w.t.Helper()
	s := w.create(2)
	w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
	w.wantStatus(s, schemas.StatusVerifyResize)
	return s
}

// makeImage makes an image of a server and waits until it rests.
func (w *cloud) makeImage(s schemas.ServerID) schemas.ImageID {
	w.t.Helper()
	id := w.do(schemas.ServerImage, 0, schemas.Params{Server: s})
	return schemas.ImageID(w.rows.ops[id].op.Target.ID)
}

func (w *cloud) server(id schemas.ServerID) schemas.Server {
	return stateOf[schemas.Server](w, id.Ref())
}

func (w *cloud) image(id schemas.ImageID) schemas.Image { return stateOf[schemas.Image](w, id.Ref()) }

func (w *cloud) account() schemas.Account {
	return stateOf[schemas.Account](w, schemas.AccountID(1).Ref())
}

func (w *cloud) wantStatus(id schemas.ServerID, want schemas.Status) {
	w.t.Helper()
	if s := w.server(id); s.Status != want {
		w.t.Errorf("%s: server %d is %s (%s), want %s; %s", w.name, id, s.Status, s.Reason, want, w.trace())
	}
}

func (w *cloud) wantImage(id schemas.ImageID, want schemas.ImageStatus) {
	w.t.Helper()
	if i := w.image(id); i.Status != want {
		w.t.Errorf("image %d is %s, want %s; %s", id, i.Status, want, w.trace())
	}
}

func (w *cloud) wantState(id schemas.OperationID, want schemas.OperationState) {
	w.t.Helper()
	if o := w.rows.ops[id]; o == nil || o.op.State != want {
		w.t.Errorf("operation %s is %+v, want %s; %s", id, o, want, w.trace())
	}
}

func (w *cloud) wantFault(id schemas.OperationID, kind schemas.Kind, fault schemas.Fault) {
	w.t.Helper()
	o := w.rows.ops[id]
	if o == nil || len(o.answers) != 1 || o.answers[0].Fault == nil || o.answers[0].Fault.Kind != kind || o.answers[0].Fault.Fault != fault {
		w.t.Errorf("operation %s was answered %+v, want %s/%s", id, o, kind, fault)
	}
}

// wantRuns checks on which host a server runs, 0: nowhere.
func (w *cloud) wantRuns(id schemas.ServerID, want schemas.HostID) {
	w.t.Helper()
	var on []schemas.HostID
	for _, h := range sortedKeys(w.machines) {
		for k, g := range w.machines[h].copies {
			if k.server() == id && g.on && !w.machines[h].off {
				on = append(on, h)
			}
		}
	}
	if want == 0 && len(on) == 0 || slices.Equal(on, []schemas.HostID{want}) {
		return
	}
	w.t.Errorf("server %d runs on %v, want host %d", id, on, want)
}

// history lists the statuses a server passes while do runs.
func (w *cloud) history(id schemas.ServerID, do func()) []schemas.Status {
	list := []schemas.Status{w.server(id).Status}
	old := w.fault
	w.fault = func(p point) action {
		if s := w.server(id).Status; s != list[len(list)-1] {
			list = append(list, s)
		}
		if old != nil {
			return old(p)
		}
		return pass
	}
	do()
	w.fault = old
	if s := w.server(id).Status; s != list[len(list)-1] {
		list = append(list, s)
	}
	return list
}

// at makes a fault strike each time at points with this name.
func (w *cloud) at(kind pointKind, name string, a action) {
	w.fault = func(p point) action {
		if p == (point{kind, name}) {
			return a
		}
		return pass
	}
}

// deleteAll deletes every server and checks that nothing is left anywhere.
func (w *cloud) deleteAll() {
	w.t.Helper()
	w.fault = nil
	for _, s := range w.servers() {
		if ServerView(&s, &w.rules) != nil {
			w.order(schemas.ServerDelete, int64(s.ID), schemas.Params{})
		}
	}
	w.settle()
	for _, g := range w.groups() {
		w.wantState(w.order(schemas.SharedIPGroupDelete, int64(g.ID), schemas.Params{}), schemas.OperationSucceeded)
	}
	w.laws()
	w.nothingLeft()
}

func (w *cloud) nothingLeft() {
	w.t.Helper()
	for _, s := range w.servers() {
		if s.Status != schemas.StatusDeleted || len(s.Cleanups) > 0 {
			w.brokenf("server %d is %s with teardowns %+v, want DELETED without", s.ID, s.Status, s.Cleanups)
		}
	}
	for _, i := range w.images() {
		if i.Status != schemas.ImageDeleted || i.Cursor != nil && !w.orphaned(i) {
			w.brokenf("image %d is %s with cursor %+v, want DELETED without", i.ID, i.Status, i.Cursor)
		}
	}
	for _, r := range w.rows.reservations {
		if !r.Released {
			w.brokenf("reservation %+v is left", r)
		}
	}
	for ip, a := range w.rows.addresses {
		if a.Server != 0 {
			w.brokenf("address %s is left: %+v", ip, a)
		}
	}
	for id, m := range w.machines {
		if len(m.copies) > 0 && !m.off {
			w.brokenf("host %d still has copies %v", id, m.copies)
		}
	}
	for id := range w.files { // what a fenced host had is nobody's
		if w.machines[w.image(id).Host].alive {
			w.brokenf("the files of image %d are left", id)
		}
	}
	if a := w.account(); a.UsedRAMMiB != 0 || a.Servers != 0 || len(a.Pending) > 0 {
		w.brokenf("account still holds %+v", a)
	}
}

// release lets go of what was held, in order, and of what follows from it.
func (w *cloud) release() {
	w.t.Helper()
	w.fault = nil
	w.queue = append(w.queue, w.held...)
	w.held = nil
	w.drain()
}

// dropOutbox lets the cluster's requests go unanswered for a while: their next try is far away.
func (w *cloud) dropOutbox() {
	for _, r := range w.rows.outbox {
		r.sentAt = w.now.Add(5 * time.Minute)
	}
}
