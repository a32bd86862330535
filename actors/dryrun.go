package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

// dryRun is what a turn has beside its own when nothing of what it decides counts: its actors decide from what they would have
// decided before in this turn, and keep nothing.
type dryRun struct {
	asks     *schemas.DryRun
	states   map[schemas.Ref]any    // as decisions of this turn would have left them
	statuses map[schemas.Ref]string // of those
	opened   *schemas.Operation     // what the command would be
	answer   *schemas.Answer        // what its actors say; nil when that is the cluster's to say
	place    *schemas.Allocate      // what they ask the cluster
}

// startDry sends a dry run's command to its account, as route does for one that counts.
func (s *shard) startDry(ctx actor.Context, asks *schemas.DryRun) {
	t := s.turn
	c := asks.Command
	t.dry = &dryRun{asks: asks, states: make(map[schemas.Ref]any), statuses: make(map[schemas.Ref]string)}
	t.admit = &core.Admit{
		Command: &c, NewServer: schemas.DryRunID, NewImage: schemas.DryRunID, NewGroup: schemas.DryRunID,
	}
	s.aim(t.admit)
	if asks.ReplyTo == "" {
		asks.ReplyTo = string(t.item.address())
	}
	if refused := s.refusal(t.item, &c); refused != nil {
		t.dry.answer = &schemas.Answer{Fault: refused}
		s.end(ctx)
		return
	}
	t.work = append(t.work, core.Told{To: c.To(), Message: t.admit})
	s.proceed(ctx)
}

// would notes what an actor would have decided.
func (d *dryRun) would(by *decided) {
	d.states[by.ref], d.statuses[by.ref] = by.next, by.status
	e, id := &by.effects, d.asks.Command.ID
	for i := range e.Open {
		if o := &e.Open[i].Operation; o.ID == id {
			d.opened = o
		}
	}
	for i := range e.Answers { // others are of what it takes the place of
		if a := &e.Answers[i].Answer; a.Operation == id {
			d.answer = a
		}
	}
	for i := range e.Ask {
		if m, ok := e.Ask[i].Message.(*schemas.Allocate); ok {
			d.place = m
		}
	}
}

// endDry tells who asks what the command would come to, or has the cluster say so. Of the turn itself nothing is left.
func (s *shard) endDry(ctx actor.Context) {
	t := s.turn
	for _, ref := range t.took {
		if c := s.children[ref]; c != nil && !c.stored {
			s.unload(ctx, ref, c)
		}
	}
	t.took, t.unit.answered = nil, true // nobody waits for an operation of it
	asks, forecast := t.dry.asks, t.dry.forecast()
	if t.dry.answer == nil && t.dry.place != nil {
		server, _ := t.dry.states[t.dry.place.Server.Ref()].(*schemas.Server)
		next := *asks
		next.Place, next.Forecast, next.Clusters = t.dry.place, forecast, core.ClustersFor(server, &s.engine.cfg.Rules)
		t.unit.letters = append(t.unit.letters, core.Letter{To: schemas.ShardOfCluster(next.Place.Cluster), Type: schemas.TypeDryRun, Message: &next})
		return
	}
	a := schemas.Answer{Fault: internalError()}
	switch said := t.dry.answer; {
	case said != nil && said.Fault != nil:
		a.Fault = said.Fault
	case said != nil:
		a.Fault, a.Forecast = nil, forecast
	}
	t.unit.addDry(asks, a)
}

// forecast is what the command would come to, as far as its account's actors know.
func (d *dryRun) forecast() *schemas.Forecast {
	if d.opened == nil {
		return nil
	}
	f := &schemas.Forecast{Action: d.opened.Action, Target: d.opened.Target, Status: d.statuses[d.opened.Target]}
	if account, ok := d.states[d.opened.Account.Ref()].(*schemas.Account); ok {
		f.UsedRAMMiB, f.RAMLimitMiB = account.HeldRAMMiB(), account.RAMLimitMiB
	}
	if f.Target.ID == schemas.DryRunID {
		f.Target.ID = 0
	}
	return f
}

// addDry tells who asked for a dry run what came of it.
func (u *unit) addDry(asks *schemas.DryRun, a schemas.Answer) {
	c := &asks.Command
	a.V, a.Operation = schemas.MessageV, c.ID
	w := waiter{to: bus.Address(asks.ReplyTo), correlation: string(c.ID), expires: c.Expires.Add(answerKept)}
	u.answers = append(u.answers, answer{waiter: w, answer: a})
}
