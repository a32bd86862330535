package actors_test

import (
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// latest waits until an operation of that action has ended well.
func (r *rig) latest(action schemas.Action) (row storage.OperationRow) {
	r.t.Helper()
	r.eventually(string(action)+" has succeeded", func() bool {
		rows, err := r.store.Operations(r.t.Context(), testAccount, storage.OperationFilter{Limit: 1})
		if err != nil || len(rows) == 0 {
			return false
		}
		row = rows[0]
		return row.Action == action && row.State == schemas.OperationSucceeded
	})
	return row
}

// Each engine dies with a probe under way; the next one asks for the same one again, and what it leads to says why to its end.
func TestAProbeAndWhatItLeadsToOutliveTheirEngine(t *testing.T) {
	t.Parallel()
	const why = "the probe tcp:22 did not hold: connection refused"
	r := newRig(t)
	server := r.active()
	resize := r.command(schemas.ServerResize, server, schemas.Params{Flavor: 2, Probe: &schemas.Probe{Type: schemas.ProbeTCP, Port: 22}}, "")
	r.accepted(resize)
	r.run(resize, schemas.StepSnapshot, schemas.StepCopy, schemas.StepStop, schemas.StepCopyDelta, schemas.StepStart)
	first := r.stepOf(schemas.StepProbe)
	r.unload()
	again := r.stepOf(schemas.StepProbe)
	if first.ID() != again.ID() || again.Operation != resize || again.Epoch <= first.Epoch || again.Params.Probe.Port != 22 {
		t.Errorf("the probe is asked for again as %+v, want %+v of a later epoch", again, first)
	}
	r.done(again, &schemas.StepFailure{Reason: schemas.FailureUnhealthy, Message: "connection refused"})
	r.stepOf(schemas.StepStop)
	r.unload()
	for _, name := range []schemas.StepName{schemas.StepStop, schemas.StepStart, schemas.StepWipe} {
		r.done(r.stepOf(name), nil)
	}
	if o := r.latest(schemas.ServerResizeRevert); o.Reason != why {
		t.Errorf("the revert's reason is %q, want %q", o.Reason, why)
	}
	if v := r.server(server); v.Status != schemas.StatusActive || v.FlavorID != 1 {
		t.Errorf("reverted: %+v", v)
	}
	said := 0
	for _, e := range r.events(testAccount) {
		if strings.Contains(e.Type, "resize_revert") && strings.Contains(string(e.Body), `"reason":"`+why+`"`) {
			said++
		}
	}
	if said < 3 { // its start, its progress, its end
		t.Errorf("%d events say why, want each of the revert's", said)
	}
	r.audit()
}
