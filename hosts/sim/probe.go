package sim

import (
	"context"
	"strconv"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
)

// probeKey is the key of a server's metadata that says what a probe meets: "" or anything else a healthy guest, "fail" one
// that refuses, "fail:3" one that refuses the third probe and those after it, "hang" one that makes its host say nothing.
const probeKey = "sim.probe"

// Probe looks at the guest, which is as its tenant wants it to be. One that is off refuses every connection.
func (h *Host) Probe(ctx context.Context, s schemas.Step) error {
	return h.do(ctx, &s, func() error {
		h.state.mu.Lock()
		m := h.state.machines[keyOf(&s)]
		h.state.mu.Unlock()
		behaviour, from, _ := strings.Cut(s.Params.Metadata[probeKey], ":")
		switch {
		case m == nil:
			return h.missing(&s)
		case behaviour == "hang":
			<-ctx.Done()
			return ctx.Err()
		case !m.On:
			return failed(schemas.FailureUnhealthy, "connection refused")
		case behaviour == "fail" && reached(from, s.Attempt):
			return failed(schemas.FailureUnhealthy, refusals[s.Params.Probe.Type])
		default:
			return nil
		}
	})
}

// refusals are what probes meet at a guest that is not healthy.
var refusals = map[schemas.ProbeType]string{schemas.ProbeTCP: "connection refused", schemas.ProbeHTTP: "HTTP status 503"}

// reached tells whether the n-th probe is one that fails.
func reached(from string, n int) bool {
	first, err := strconv.Atoi(from)
	return err != nil || n >= first
}
