package core

import (
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// host is a decision about a host in the making.
type host struct {
	schemas.Host
	e  Effects
	in Input
}

// DecideHost keeps what is physical of a host: what it has, when its agent last spoke, what that makes the
// cloud believe. Heartbeats and fences may come as often as they like: only what is new is saved and told.
func DecideHost(h schemas.Host, m any, in Input) (schemas.Host, Effects, error) {
	d := &host{Host: h, in: in}
	switch m := m.(type) {
	case *schemas.Heartbeat:
		d.heartbeat(m)
	case *schemas.Fence:
		d.fence(m)
	case *schemas.HostNoted:
		d.e.Answered = append(d.e.Answered, noticeID(m.Host, m.Change, m.Server))
	case Wake:
		d.wake()
	case Resume:
		d.LastSeen = in.Now // the silence may have been the last owner's: every host gets a full LostAfter
	case Poison:
	default:
		return h, Effects{}, schemas.Errorf(schemas.KindInternal, "a host cannot be told %T", m)
	}
	return d.Host, d.e, nil
}

// HostView is the host as operators see it.
func HostView(h *schemas.Host) *schemas.HostView {
	return &schemas.HostView{ID: h.ID, Cluster: h.Cluster, Name: h.Name, State: h.State, RAMMiB: h.RAMMiB, DiskGB: h.DiskGB}
}

// HostWakeAt is when a host that is up counts as lost; the others wait for nothing.
func HostWakeAt(h schemas.Host, r *Rules) time.Time {
	if h.State != schemas.HostUp {
		return time.Time{}
	}
	return h.LastSeen.Add(r.LostAfter)
}

// heartbeat adds a host, brings it back, or notes that it lives. Only the first two, and a change of what the
// host has, are worth a commit: LastSeen alone stays in memory. What makes no sense, or comes from an agent set up
// for another cluster, is not believed; it is no defect of this shard.
func (d *host) heartbeat(m *schemas.Heartbeat) {
	if m.Host <= 0 || m.Host > schemas.MaxID || m.RAMMiB < 0 || m.DiskGB < 0 || (d.ID != 0 && d.Cluster != m.Cluster) {
		return
	}
	// What a fenced host held was given to others: it must never be believed again. The operator adds the
	// machine anew under another id.
	if d.State == schemas.HostFenced {
		return
	}
	d.LastSeen = d.in.Now
	event := ""
	switch {
	case d.ID == 0:
		d.V, d.ID, d.Cluster = schemas.StateV, m.Host, m.Cluster
		event = "host.add"
	case d.State == schemas.HostLost:
		event = "host.back"
	case d.Name == m.Name && d.RAMMiB == m.RAMMiB && d.DiskGB == m.DiskGB:
		return
	}
	d.Name, d.RAMMiB, d.DiskGB = m.Name, m.RAMMiB, m.DiskGB
	d.change(schemas.HostUp, event)
}

// wake counts a host as lost when it has been silent for too long.
func (d *host) wake() {
	if at := HostWakeAt(d.Host, d.in.Rules); due(at, d.in.Now) {
		d.change(schemas.HostLost, "host.lost")
	}
}

// fence takes an operator's word that the host is off for good. The engine sends the answer to whoever asked.
func (d *host) fence(m *schemas.Fence) {
	answer := schemas.Answer{V: schemas.MessageV, Target: m.Host.Ref()}
	if d.ID == 0 {
		answer.Fault = schemas.Errorf(schemas.KindNotFound, "host %d not found", int64(m.Host))
	} else if d.State != schemas.HostFenced {
		d.change(schemas.HostFenced, "host.fence")
	}
	d.e.Answers = append(d.e.Answers, Decision{Answer: answer})
}

// change saves the host and tells its cluster; event is "" when only what it has is new.
func (d *host) change(to schemas.HostState, event string) {
	d.State = to
	d.Updated = d.in.Now
	d.e.Save = true
	if event != "" {
		d.e.event(&d.Sequence, event, PhaseNone, "", nil)
	}
	d.e.tell(d.Cluster.Ref(), HostChanged{Host: d.Host, Change: d.Sequence})
}
