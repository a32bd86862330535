//go:build planted

package actors

import (
	"os"

	"github.com/ozonecloud/ozone/schemas"
)

// The defects that OZONE_PLANT can name. A test must find each of them; no release has any.
const (
	plantAnswer = "answer-before-commit"
	plantStep   = "step-before-commit"
	plantDedupe = "no-dedupe"
	plantAck    = "ack-before-commit"
)

var planted = os.Getenv("OZONE_PLANT")

// tellEarly tells what must not leave before its commit.
func (c *committer) tellEarly(u *unit) {
	switch planted {
	case plantAnswer:
		c.engine.teller.tell([]*unit{{shard: u.shard, answers: u.answers}})
	case plantStep:
		c.engine.teller.tell([]*unit{{shard: u.shard, steps: u.steps}})
	}
}

// ackEarly acknowledges a delivery when it is decided.
func (s *shard) ackEarly(u *unit) {
	if planted == plantAck {
		s.ack(u.item.arrived)
	}
}

// plantOn makes every command a new one.
func plantOn(c *schemas.Command) {
	if planted == plantDedupe {
		c.Key = nil
	}
}
