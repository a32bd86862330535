package core

import (
	"strings"
	"time"
	"unicode"

	"github.com/ozonecloud/ozone/schemas"
)

// The probe of a resized server: it decides what a tenant or the time decides without one. A probe is a step of the resize,
// with a number of its own. The server that every one finds healthy for long enough is confirmed; at the first that does not,
// or that nobody answers, it goes back to its source. Whatever else ends VERIFY_RESIZE ends the probe.

// probeEvery is the pause between two probes. Source: docs/numbers.md.
const probeEvery = 5 * time.Second

// maxMet bounds what a probe met, in characters: it is kept with an operation and its events.
const maxMet = 200

func probeRow() planStep { return planOf(planProbe)[0] }

// probeLater begins the wait for the first probe.
func (d *server) probeLater(c *schemas.Cursor) {
	if c.Probe != nil {
		d.Probe = &schemas.Probing{Probe: *c.Probe, Operation: c.Operation, Next: d.in.Now.Add(c.Probe.After)}
	}
}

// probeWakeAt is when something is to be done about a probe.
func probeWakeAt(p *schemas.Probing) time.Time { return earliest(p.Next, p.Deadline) }

// editProbe is a copy of the probe to be changed; it is the state's from now on.
func (d *server) editProbe() *schemas.Probing {
	p := *d.Probe
	d.Probe = &p
	d.touch()
	return &p
}

// wakeProbe sends the probe that is due, or ends the wait for the one under way.
func (d *server) wakeProbe() {
	switch {
	case due(d.Probe.Next, d.in.Now):
		d.probeNow()
	case due(d.Probe.Deadline, d.in.Now):
		d.unhealthy(schemas.OnSilent, "the host did not answer in time")
	}
}

// probeNow sends the next probe.
func (d *server) probeNow() {
	d.editProbe().Attempt++
	d.sendProbe()
}

// sendProbe sends the latest probe with a fresh deadline; sent again it has the same id, so the host answers the same.
func (d *server) sendProbe() {
	p, row := d.editProbe(), probeRow()
	timeout := d.in.Rules.timeout(row.Step, row.Timeout)
	p.Next, p.Deadline = time.Time{}, d.in.Now.Add(timeout)
	home := d.place(row.At)
	s := schemas.Step{
		V: schemas.MessageV, Operation: p.Operation, Name: row.Step, Attempt: p.Attempt, Host: home.Host, Actor: d.ID.Ref(),
		Account: d.Account, Timeout: timeout, Params: d.params(home),
	}
	asked := p.Probe
	s.Params.Probe, s.Params.Metadata = &asked, d.Metadata
	d.e.Steps = append(d.e.Steps, s)
}

// resumeProbe asks for the probe under way again.
func (d *server) resumeProbe() {
	if d.Probe != nil && !d.Probe.Deadline.IsZero() {
		d.sendProbe()
	}
}

// probeOutcome takes a host's answer to a probe; false when it is for none. One that is not waited for changes nothing.
func (d *server) probeOutcome(o *schemas.Outcome) bool {
	p := d.Probe
	if p == nil || o.Operation != p.Operation || o.Name != schemas.StepProbe {
		return false
	}
	home := d.place(probeRow().At)
	switch {
	case p.Deadline.IsZero() || o.Attempt != p.Attempt || o.Host != home.Host || o.Copy != home.Copy:
	case o.Failure == nil:
		d.healthy()
	case o.Failure.Reason.Passes() && p.Tries+1 < Attempts: // it says nothing about the server
		d.editProbe().Tries++
		d.probeNow()
	case o.Failure.Reason == schemas.FailureUnhealthy:
		d.unhealthy(probeRow().Failed, printable(o.Failure.Message))
	default:
		d.unhealthy(probeRow().Failed, "its host could not probe it ("+string(o.Failure.Reason)+")")
	}
	return true
}

// healthy goes on to the next probe, or confirms the resize when the server was healthy for long enough.
func (d *server) healthy() {
	p := d.editProbe()
	p.Tries, p.Deadline = 0, time.Time{}
	if p.Healthy.IsZero() {
		p.Healthy = d.in.Now
	}
	end := p.Healthy.Add(p.For)
	if !due(end, d.in.Now) {
		p.Next = earliest(d.in.Now.Add(probeEvery), end)
		return
	}
	op := d.in.NewOperation
	d.openOwn(op, schemas.ServerResizeConfirm, "the probe "+p.String()+" held for "+p.For.String())
	d.confirm(op, probeRow().Done)
}

// unhealthy goes back to the source, and says why. When that is gone there is nowhere to go: the tenant is told, and the
// resize waits for them as one without a probe.
func (d *server) unhealthy(on schemas.Trigger, why string) {
	reason := "the probe " + d.Probe.String() + " did not hold: " + why
	if !d.Other.Gone {
		d.fire(on, 100)
		d.revertItself(reason)
		return
	}
	d.Probe = nil
	d.touch()
	op := d.in.NewOperation
	d.openOwn(op, schemas.ServerResizeRevert, reason)
	d.event(schemas.ServerResizeRevert, PhaseStart, op, nil)
	d.end(schemas.ServerResizeRevert, op, operationError(sourceGone()))
}

func sourceGone() *schemas.Error {
	return schemas.Errorf(schemas.KindForbidden, "the server as it was before the resize is gone; confirm the resize")
}

// printable is a text of a host as tenants may see it, in every format.
func printable(s string) string {
	clean := []rune(strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, s))
	return string(clean[:min(len(clean), maxMet)])
}
