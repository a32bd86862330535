package hosttest

import (
	"github.com/ozonecloud/ozone/schemas"
)

// sharing is a step about an address of another server, with the addresses that are to be there afterwards.
func (w *world) sharing(op string, name schemas.StepName, p Place, after ...string) schemas.Step {
	s := w.step(op, name, p)
	s.Params.Address, s.Params.Public = "198.18.0.7", after
	return s
}

// share lets an address come and go, each twice, on a server that goes on running.
func share(w *world) {
	p := w.home(7)
	w.boot("create", p)
	for _, configure := range []bool{false, true} {
		s := w.sharing("share", schemas.StepShareIP, p, "198.18.0.5", "198.18.0.7")
		s.Params.Configure = configure
		w.must(s)
		w.must(s)
		w.has(w.First, w.machine(p, true))
		gone := w.sharing("unshare", schemas.StepUnshareIP, p, "198.18.0.5")
		w.must(gone)
		w.must(gone)
		w.has(w.First, w.machine(p, true))
	}
	w.refused(w.sharing("share", schemas.StepShareIP, w.home(8), "198.18.0.7"), schemas.FailureMissing)
}
