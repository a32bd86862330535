package actors

import (
	"context"
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

// foreignAfter is after how many redeliveries a message that this program does not know is given up: by then both engines
// that wait in line for the shard have had it. Source: docs/numbers.md.
const foreignAfter = 3

// buried says what has become of a dead letter.
type buried struct {
	arrived *arrived
	done    bool // it is kept, or everything was tried; else it comes again
}

// unread deals with a delivery that cannot be read. Of a type or a version that this program does not know another engine
// may have a newer one: it gets the shard.
func (s *shard) unread(ctx actor.Context, a *arrived) {
	if !errors.Is(a.err, schemas.ErrForeign) || a.delivery.Redeliveries >= foreignAfter {
		s.bury(a, a.err.Error())
		return
	}
	s.engine.cfg.Log.Warn("message is of a newer program; the shard is released", "shard", int(s.id), "message", a.delivery.ID, "error", a.err)
	s.handOver(ctx)
}

// bury puts a delivery to the dead letters, and acknowledges it then: whatever ends in between, a copy is kept. When the
// bus does not take it, what the log says is all that is left: a full queue of dead letters must stop no shard.
func (s *shard) bury(a *arrived, reason string) {
	a.dead = true
	s.burials++
	e, self := s.engine, s.timers.pid
	e.stats.dead.Add(1)
	e.cfg.Log.Error("dead letter", "shard", int(s.id), "message", a.delivery.ID, "type", string(a.delivery.Type), "reason", reason)
	l := bus.DeadLetter{
		Message: a.delivery.Message, From: bus.ShardQueue(s.id), Redeliveries: a.delivery.Redeliveries, Reason: reason, Died: e.cfg.Now(),
	}
	e.beside(func(ctx context.Context) {
		err := bus.Bury(ctx, e.cfg.Bus, l)
		if err != nil {
			e.cfg.Log.Error("dead letter not kept", "message", l.ID, "error", err)
		}
		e.system.Root.Send(self, buried{a, ctx.Err() == nil && !errors.Is(err, bus.ErrClosed)})
	})
}

func (s *shard) buried(ctx actor.Context, b buried) {
	s.burials--
	if b.done {
		s.ack(b.arrived)
	}
	s.quietNow(ctx)
}
