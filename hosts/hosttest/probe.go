package hosttest

import "github.com/ozonecloud/ozone/schemas"

// probe looks at a server that is off, which cannot be healthy, and at one that is not there. It changes neither.
func probe(w *world) {
	p := w.home(7)
	look := func(op string, at Place) schemas.Step {
		s := w.step(op, schemas.StepProbe, at)
		s.Params.Probe = &schemas.Probe{Type: schemas.ProbeTCP, Port: 22}
		return s
	}
	w.boot("create", p)
	w.must(look("resize", p))
	w.has(w.First, w.machine(p, true))
	w.must(w.step("delete", schemas.StepStop, p))
	w.refused(look("resize", p), schemas.FailureUnhealthy)
	w.has(w.First, w.machine(p, false))
	w.refused(look("resize", w.home(8)), schemas.FailureMissing)
}
