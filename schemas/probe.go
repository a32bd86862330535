package schemas

import (
	"strconv"
	"time"
)

// Probe is how a resized server is to be looked at: the resize is confirmed when the server answers well for long enough
// and reverted when it does not.
type Probe struct {
	Type ProbeType `json:"type"`
	Port int       `json:"port"`
	Path string    `json:"path,omitempty"` // of http; with its query
	// After is how long the server is left alone first; it has to be up by then. For is how long every probe must find it healthy.
	After time.Duration `json:"after_ns"`
	For   time.Duration `json:"for_ns"`
}

// ProbeType is what a probe asks for.
type ProbeType string

// The types of probes.
const (
	ProbeTCP  ProbeType = "tcp"  // a connection is accepted
	ProbeHTTP ProbeType = "http" // a GET is answered with 200 to 399
)

// The bounds of a probe, and what counts when nothing else is said. Source: docs/numbers.md.
const (
	ProbeAfter   = time.Minute
	ProbeFor     = 30 * time.Second
	MaxProbeWait = time.Hour // of After and of For
	MaxProbePath = 255       // bytes
)

// String is the probe as the command line writes it: "tcp:22", "http:80/healthz".
func (p *Probe) String() string { return string(p.Type) + ":" + strconv.Itoa(p.Port) + p.Path }

// ValidProbePath tells whether a GET can ask for s: a path from the root, in visible ASCII, without a fragment.
func ValidProbePath(s string) bool {
	if s == "" || len(s) > MaxProbePath || s[0] != '/' {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '#' {
			return false
		}
	}
	return true
}

// Probing is how far the probes of a server in VERIFY_RESIZE have come. Either one is under way or the next one has its time.
type Probing struct {
	Probe

	Operation OperationID `json:"operation"` // the resize, which has ended: it names the steps
	Attempt   int         `json:"attempt"`   // number of the latest probe; 0: none was sent
	Tries     int         `json:"tries"`     // attempts in a row that a host had trouble with
	Next      time.Time   `json:"next,omitzero"`
	Deadline  time.Time   `json:"deadline,omitzero"` // of the one under way
	Healthy   time.Time   `json:"healthy,omitzero"`  // when the first one found the server healthy
}
