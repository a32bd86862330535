//go:build planted

package actors

import (
	"os"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
)

// The defects that OZONE_PLANT can name. A test must find each of them; no release has any.
const (
	plantAnswer = "answer-before-commit"
	plantStep   = "step-before-commit"
	plantDedupe = "no-dedupe"
	plantAck    = "ack-before-commit"
	plantPoison = "poison"
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

// plantDeath ends the process when an actor is about to decide on a command with a certain name.
func plantDeath(message any) {
	a, ok := message.(*core.Admit)
	if ok && planted == plantPoison && a.Command.Params.Name != nil && *a.Command.Params.Name == plantPoison {
		os.Exit(1)
	}
}
