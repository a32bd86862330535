package core

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
)

// servers lists every stored server, ascending.
func (w *cloud) servers() []schemas.Server {
	var list []schemas.Server
	for _, ref := range w.refs(schemas.ActorServer) {
		list = append(list, stateOf[schemas.Server](w, ref))
	}
	return list
}

func (w *cloud) images() []schemas.Image {
	var list []schemas.Image
	for _, ref := range w.refs(schemas.ActorImage) {
		list = append(list, stateOf[schemas.Image](w, ref))
	}
	return list
}

// busy tells whether somebody waits for something that can still come.
func (w *cloud) busy() bool { return w.busyWith() != "" }

// busyWith names the first thing that is not done. What only a silent host could do is not counted.
func (w *cloud) busyWith() string {
	switch {
	case len(w.queue) > 0:
		return fmt.Sprintf("a message %T", w.queue[0].message)
	case len(w.later) > 0:
		return fmt.Sprintf("a late %T", w.later[0].message)
	case len(w.rows.outboxOrder) > 0:
		return "request " + w.rows.outboxOrder[0]
	}
	for _, s := range w.servers() {
		if due(backupWakeAt(&s), w.now) {
			return fmt.Sprintf("a backup of server %d", s.ID)
		}
		if s.Cursor != nil {
			return fmt.Sprintf("server %d in %s at %s/%q", s.ID, s.Status, s.Cursor.Plan, s.Cursor.Step)
		}
		if s.Probe != nil {
			return fmt.Sprintf("probe %d of server %d", s.Probe.Attempt, s.ID)
		}
		for _, c := range s.Cleanups {
			if w.answers(c.Place.Host) {
				return fmt.Sprintf("teardown %q of server %d copy %d", c.Step, s.ID, c.Place.Copy)
			}
		}
	}
	for _, i := range w.images() {
		if i.Cursor != nil && !w.orphaned(i) && (i.Cursor.Plan == planImage || w.answers(i.Host)) {
			return fmt.Sprintf("image %d in %s at %s/%q", i.ID, i.Status, i.Cursor.Plan, i.Cursor.Step)
		}
	}
	for _, id := range sortedKeys(w.machines) {
		m := w.machines[id]
		if h := stateOf[schemas.Host](w, id.Ref()); !m.alive && h.State == schemas.HostUp {
			return fmt.Sprintf("host %d whose silence nobody noticed", id)
		}
	}
	return ""
}

// orphaned tells whether the files of an image are on a host that was fenced when its server was no longer there:
// nobody tells the image, which asks until its server is on another host that answers.
func (w *cloud) orphaned(i schemas.Image) bool {
	s := w.server(i.Server)
	left := s.Home.Host != i.Host || s.Status == schemas.StatusDeleted && len(s.Cleanups) == 0
	return w.machines[i.Host].off && i.Cursor.Plan == planRemove && left && !w.machines[s.Home.Host].alive
}

func (w *cloud) answers(id schemas.HostID) bool { return w.machines[id].alive || w.machines[id].off }

// laws checks what holds whenever nothing is on its way.
func (w *cloud) laws() {
	w.t.Helper()
	w.quotaLaw()
	w.reservationLaw()
	w.operationLaw()
	w.limboLaw()
	w.powerLaw()
	w.groupLaw()
	w.backupLaw()
	if w.t.Failed() && w.name != "" {
		w.t.Logf("%s: %s", w.name, w.trace())
	}
}

func (w *cloud) brokenf(format string, args ...any) {
	w.t.Helper()
	w.t.Errorf("%s: %s", w.name, fmt.Sprintf(format, args...))
}

// quotaLaw: what the account holds is what its servers hold.
func (w *cloud) quotaLaw() {
	w.t.Helper()
	a := stateOf[schemas.Account](w, schemas.AccountID(1).Ref())
	var used, count int64
	for _, s := range w.servers() {
		used += s.QuotaRAMMiB
		if ServerView(&s, &w.rules) != nil {
			count++
			if need := w.rules.Flavors[s.Home.Flavor].RAMMiB; s.QuotaRAMMiB < need {
				w.brokenf("server %d holds %d MB of quota, its flavor has %d", s.ID, s.QuotaRAMMiB, need)
			}
		}
		if s.Status != schemas.StatusVerifyResize && s.Status != schemas.StatusError && ServerView(&s, &w.rules) != nil {
			if need := w.rules.Flavors[s.Home.Flavor].RAMMiB; s.QuotaRAMMiB != need {
				w.brokenf("server %d in %s holds %d MB of quota, its flavor has %d", s.ID, s.Status, s.QuotaRAMMiB, need)
			}
		}
	}
	if a.UsedRAMMiB != used || a.Servers != count || a.Groups != int64(len(w.groups())) || len(a.Pending) > 0 {
		w.brokenf("account has %d MB, %d servers, %d groups, pending %v; its servers have %d MB and are %d, its groups are %d",
			a.UsedRAMMiB, a.Servers, a.Groups, a.Pending, used, count, len(w.groups()))
	}
}

// reservationLaw: clusters, servers and hosts agree on who is where.
func (w *cloud) reservationLaw() {
	w.t.Helper()
	want := map[copyKey]schemas.Placement{}
	for _, s := range w.servers() {
		for _, c := range s.Cleanups {
			want[keyOf(s.ID, c.Place.Copy)] = c.Place
		}
		if s.Hidden || s.Status == schemas.StatusDeleted {
			continue
		}
		want[keyOf(s.ID, s.Home.Copy)] = s.Home
		if s.Other != nil {
			want[keyOf(s.ID, s.Other.Copy)] = *s.Other
		}
		own := slices.Concat(s.Public, s.Spare)
		if len(own) != 1 || w.rows.addresses[own[0]].Server != s.ID || len(s.Private) != 1 || w.rows.addresses[s.Private[0]].Server != s.ID {
			w.brokenf("server %d has addresses %v %v, which are not its own", s.ID, own, s.Private)
		}
	}
	used := map[schemas.HostID]int64{}
	for k, r := range w.rows.reservations {
		if r.Released {
			continue
		}
		used[r.Host] += r.RAMMiB
		p, ok := want[k]
		if !ok || p.Host != r.Host || p.Cluster != r.Cluster || w.rules.Flavors[p.Flavor].RAMMiB != r.RAMMiB {
			w.brokenf("reservation %+v, its server says %+v", r, p)
		}
		delete(want, k)
	}
	for k, p := range want {
		w.brokenf("server %d says copy %d is at %+v; nothing is reserved", k.server(), copyOf(k), p)
	}
	for id, m := range w.machines {
		if used[id] > m.ram {
			w.brokenf("host %d has %d MB, reserved are %d", id, m.ram, used[id])
		}
		for k := range m.copies {
			if r := w.rows.reservations[k]; !m.off && (r.Host != id || r.Released) {
				w.brokenf("host %d has server %d copy %d, which is reserved as %+v", id, k.server(), copyOf(k), r)
			}
		}
	}
	for ip, a := range w.rows.addresses {
		if a.Server == 0 {
			continue
		}
		s := stateOf[schemas.Server](w, a.Server.Ref())
		named := slices.Contains(slices.Concat(s.Public, s.Private, s.Spare), ip)
		if gone := s.Status == schemas.StatusDeleted && len(s.Cleanups) == 0; !named || gone && !w.kept(ip) {
			w.brokenf("address %s is held for server %d, which is %q without it", ip, a.Server, s.Status)
		}
	}
}

// changeLaw: tenants see nothing of a server or an image change without an event.
func (w *cloud) changeLaw(d *decision) {
	w.t.Helper()
	if !d.e.Save || len(d.e.Events) > 0 {
		return
	}
	var before, after any
	switch d.ref.Kind {
	case schemas.ActorServer:
		before, after = viewed(w, d, ServerView)
	case schemas.ActorImage:
		before, after = viewed(w, d, func(s *schemas.Image, _ *Rules) *schemas.ImageView { return ImageView(s) })
	case schemas.ActorGroup:
		before, after = viewed(w, d, func(s *schemas.Group, _ *Rules) *schemas.GroupView { return GroupView(s) })
	default: // tenants see no others
		return
	}
	if !reflect.DeepEqual(before, after) {
		w.brokenf("%s changed without an event from %+v to %+v", d.ref, before, after)
	}
}

// viewed is what is shown of an actor before and after a decision.
func viewed[S, V any](w *cloud, d *decision, view func(*S, *Rules) *V) (before, after *V) {
	w.t.Helper()
	for _, x := range []struct {
		state []byte
		view  **V
	}{{w.rows.states[d.ref].state, &before}, {d.next.row().state, &after}} {
		if x.state == nil {
			continue
		}
		s := new(S)
		if err := json.Unmarshal(x.state, s); err != nil {
			w.t.Fatal(err)
		}
		*x.view = view(s, &w.rules)
	}
	return before, after
}

// eventLaw: the start of an operation is its first event, nothing comes after its last one, and no other begins it.
func (w *cloud) eventLaw(list []Event) {
	w.t.Helper()
	seen := map[schemas.OperationID]Phase{}
	for _, ev := range list {
		last, begun := seen[ev.Operation]
		seen[ev.Operation] = ev.Phase
		over := last == PhaseEnd || last == PhaseError || last == PhaseCancelled
		if ev.Operation != "" && (over || begun == (ev.Phase == PhaseStart) && (begun || ev.Phase != PhaseEnd)) {
			w.brokenf("event %d of operation %s is %s %s, the one before %q", ev.Sequence, ev.Operation, ev.Name, ev.Phase, last)
		}
	}
}

// operationLaw: every operation was answered once; every accepted one has ended once, in its record and in its events.
func (w *cloud) operationLaw() {
	w.t.Helper()
	ends := map[schemas.OperationID]int{}
	for _, ref := range slices.SortedFunc(maps.Keys(w.rows.events), func(a, b schemas.Ref) int { return strings.Compare(a.String(), b.String()) }) {
		w.eventLaw(w.rows.events[ref])
		for _, ev := range w.rows.events[ref] {
			if ev.Phase == PhaseEnd || ev.Phase == PhaseError || ev.Phase == PhaseCancelled {
				ends[ev.Operation]++
			}
		}
	}
	for _, id := range w.rows.order {
		o := w.rows.ops[id]
		state := o.op.State
		open := !state.Terminal() && w.waitsForHost(id)
		automatic := strings.HasPrefix(string(id), "auto")
		switch {
		case len(o.answers) != 1 && !automatic:
			w.brokenf("operation %s (%s) has %d answers", id, o.op.Action, len(o.answers))
		case open:
		case !state.Terminal() || o.terminals != 1:
			w.brokenf("operation %s (%s) is %s, ended %d times", id, o.op.Action, state, o.terminals)
		case state.Accepted() && ends[id] != 1, !state.Accepted() && ends[id] != 0:
			w.brokenf("operation %s (%s) is %s and has %d terminal events", id, o.op.Action, state, ends[id])
		case !automatic && state.Accepted() != (o.answers[0].Fault == nil):
			w.brokenf("operation %s (%s) is %s and was answered %+v", id, o.op.Action, state, o.answers[0])
		}
	}
}

// waitsForHost tells whether an operation waits for a teardown on a host that does not answer.
func (w *cloud) waitsForHost(id schemas.OperationID) bool {
	for _, s := range w.servers() {
		for _, c := range s.Cleanups {
			if c.Operation == id && !w.answers(c.Place.Host) {
				return true
			}
		}
	}
	for _, i := range w.images() {
		if i.Cursor != nil && i.Cursor.Operation == id && (!w.answers(i.Host) || w.orphaned(i)) {
			return true
		}
	}
	return false
}

// limboLaw: nothing rests in a passing state.
func (w *cloud) limboLaw() {
	w.t.Helper()
	for _, s := range w.servers() {
		if s.Status.Passing() && (s.Status != schemas.StatusVerifyResize || s.ConfirmAt.IsZero() || s.Other == nil) {
			w.brokenf("server %d rests in %s", s.ID, s.Status)
		}
		if !s.Status.Passing() && (s.Cursor != nil || s.Other != nil || s.Hidden) {
			w.brokenf("server %d in %s still has cursor %+v, other %+v, hidden %v", s.ID, s.Status, s.Cursor, s.Other, s.Hidden)
		}
		if s.Probe != nil && s.Status != schemas.StatusVerifyResize {
			w.brokenf("server %d in %s is still probed: %+v", s.ID, s.Status, *s.Probe)
		}
		if s.Imaging != nil {
			w.brokenf("server %d still has an image in the making: %+v", s.ID, *s.Imaging)
		}
		if s.Status != schemas.StatusError && s.Status != schemas.StatusDeleted && s.Home.Gone {
			w.brokenf("server %d is %s on a host that is gone", s.ID, s.Status)
		}
		if s.Unsettled != nil && s.Status != schemas.StatusError {
			w.brokenf("server %d is %s and still unsettled", s.ID, s.Status)
		}
	}
	for _, i := range w.images() {
		if i.Status == schemas.ImageQueued || i.Status == schemas.ImagePreparing || i.Status == schemas.ImageSaving {
			w.brokenf("image %d rests in %s", i.ID, i.Status)
		}
		if _, saved := w.files[i.ID]; saved != (i.Status == schemas.ImageActive) && w.machines[i.Host].alive && i.Cursor == nil {
			w.brokenf("image %d is %s; its file is there: %v", i.ID, i.Status, saved)
		}
	}
}

// powerLaw: a server that is ready runs, once, at home.
func (w *cloud) powerLaw() {
	w.t.Helper()
	for _, s := range w.servers() {
		if h := stateOf[schemas.Host](w, s.Home.Host.Ref()); s.Status == schemas.StatusUnknown && h.State != schemas.HostLost {
			w.brokenf("server %d is UNKNOWN on host %d, which is %s", s.ID, h.ID, h.State)
		}
		if s.Status != schemas.StatusActive && s.Status != schemas.StatusVerifyResize {
			continue
		}
		if g := w.machines[s.Home.Host].copies[keyOf(s.ID, s.Home.Copy)]; g == nil || !g.on {
			w.brokenf("server %d is %s and does not run on host %d", s.ID, s.Status, s.Home.Host)
		}
	}
}
