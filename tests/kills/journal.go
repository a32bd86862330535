package kills

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"
)

// command is one order of a client with every answer to it.
type command struct {
	tenant *tenant
	server int64  // that it is about; 0: none, or a new one
	action string // as its operation names it
	method string
	path   string
	body   string
	key    string // "": sent without one
	guest  string // of server.create: what probes will meet
	trial  *trial // of server.resize; nil: without a probe

	mu      sync.Mutex
	answers []answer // guarded by mu
	created int64    // guarded by mu; id of what it made
	sends   int      // guarded by mu
}

// overBus tells whether the next sending goes over the bus. The same seed makes the same choices.
func (c *command) overBus() bool {
	if c.key == "" || c.tenant.program == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sends++
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, c.key, c.sends) // it never fails
	return h.Sum32()%100 < busShare
}

// busShare is how many of a hundred commands with a key go over the bus: of all some forty.
const busShare = 45

// made notes the id of what an accepted command made.
func (c *command) made(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.action == "server.create" || c.action == "server.image" {
		c.created = id
	}
}

// answer is one answer; status 0 means that the connection ended without one.
type answer struct {
	status    int
	operation string
	full      bool // no host had room
	unknown   bool // the edge could not find out; the operation will tell
	bus       bool // it came over the bus
	sent      time.Time
	came      time.Time
}

func (c *command) note(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, a)
}

// accepted is the operation that the first 2xx named; ok is false when there was none.
func (c *command) accepted() (operation string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.answers {
		if a.status/100 == 2 {
			return a.operation, true
		}
	}
	return "", false
}

// decided tells whether an answer said for good what became of the command.
func (c *command) decided() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.answers {
		if a.status != 0 && a.status != http.StatusServiceUnavailable {
			return true
		}
	}
	return false
}

// mayHaveRun tells whether the command was accepted, or nobody knows and nobody will ask.
func (c *command) mayHaveRun() bool {
	_, ok := c.accepted()
	return ok || c.key == "" && !c.decided()
}

// span is the time from the first sending to the last answer.
func (c *command) span() (from, to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.answers {
		if from.IsZero() || a.sent.Before(from) {
			from = a.sent
		}
		if a.came.After(to) {
			to = a.came
		}
	}
	return from, to
}

// outage is a time in which the broker or the database was away or an engine hung: commands may be answered 503.
type outage struct{ from, to time.Time }

// excuses tells whether an answer was under way then.
func (o outage) excuses(a *answer) bool { return a.sent.Before(o.to) && a.came.After(o.from) }

// journal is every command of a run.
type journal struct {
	mu       sync.Mutex
	commands []*command // guarded by mu
}

func (j *journal) add(c *command) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commands = append(j.commands, c)
}

func (j *journal) all() []*command {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]*command(nil), j.commands...)
}

func (j *journal) accepted() int {
	n := 0
	for _, c := range j.all() {
		if _, ok := c.accepted(); ok {
			n++
		}
	}
	return n
}
