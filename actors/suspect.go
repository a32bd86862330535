package actors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// suspectAfter is after how many redeliveries a message is a suspect: it may be what ends the processes that handle it. It is
// then handled alone in its shard and as the only suspect of this process, and a row says so before each try. The window of
// a process that has ended is redelivered whole, so most suspects are innocent: they are done at their first try. Only what
// ends the process during just that try counts against them. Source: docs/numbers.md.
const suspectAfter = 5

// How a suspect fares whose handling is cut short again and again, by the number of its tries.
const (
	// maxTries: until then it is handled. After that a command is refused; for anything else its actor gives up what it
	// waits for. Source: docs/numbers.md.
	maxTries = 3
	// triesUnread: not even that can be done. It is not looked into any more.
	triesUnread = maxTries + 2
)

// trial is a suspect that is handled.
type trial struct {
	arrived *arrived
	begun   bool // it is the engine's only one
}

// tried says that a try of a suspect is in the store, and how many there were.
type tried struct {
	trial *trial
	tries int
	err   error
}

func (a *arrived) suspect() bool {
	return a != nil && a.delivery.Redeliveries >= suspectAfter && a.delivery.Type != schemas.TypeWake
}

// condemned tells whether nobody may handle it any more.
func (a *arrived) condemned() bool { return a != nil && a.tries > maxTries }

// key names the message in the store. An id that is none there is replaced.
func (a *arrived) key() string {
	id := a.delivery.ID
	if id != "" && schemas.CleanText(id) {
		return id
	}
	sum := sha256.Sum256(append([]byte(id), a.delivery.Body...))
	return hex.EncodeToString(sum[:])
}

func poisonError() *schemas.Error {
	return schemas.Errorf(schemas.KindInternal, "given up after %d tries that were all cut short; nothing was done", maxTries)
}

// try waits for the engine's only place for a suspect and counts the try; the answer comes as tried.
func (s *shard) try(ctx actor.Context, a *arrived) {
	t := &trial{arrived: a}
	s.trial = t
	e, self, id, epoch := s.engine, ctx.Self(), s.id, s.epoch
	e.beside(func(c context.Context) {
		select {
		case e.trial <- struct{}{}:
		case <-c.Done():
			return
		}
		tries, err := e.countTry(c, id, epoch, a.key())
		e.system.Root.Send(self, tried{t, tries, err})
	})
}

// countTry repeats what failed: nothing is handled before it is counted.
func (e *Engine) countTry(ctx context.Context, id schemas.Shard, epoch schemas.Epoch, key string) (int, error) {
	for {
		tries, err := e.cfg.Store.Suspect(ctx, id, epoch, key)
		if _, fenced := errors.AsType[*storage.FencedError](err); err == nil || fenced {
			return tries, err
		}
		if !errors.Is(err, storage.ErrAway) { // that the node says itself, once
			e.cfg.Log.Warn("try of a suspect not counted; it is repeated", "shard", int(id), "error", err)
		}
		if !sleep(ctx, readRetry) {
			return 0, err
		}
	}
}

// tried handles the suspect, unless the shard began anew or has lost its queue meanwhile: then it comes again.
func (s *shard) tried(ctx actor.Context, t tried) {
	if s.trial != t.trial {
		<-s.engine.trial
		return
	}
	s.trial.begun = true
	a := t.trial.arrived
	switch {
	case t.err != nil:
		s.fencedOut(ctx)
	case a.consumer != s.consumer:
		s.endTrial()
		s.next(ctx)
	default:
		a.tries = t.tries
		s.handle(ctx, a)
	}
}

// handle begins the turn of a suspect.
func (s *shard) handle(ctx actor.Context, a *arrived) {
	s.engine.stats.suspects.Add(1)
	s.engine.cfg.Log.Warn("suspect is handled alone", "shard", int(s.id), "message", a.delivery.ID, "type", string(a.delivery.Type),
		"redeliveries", a.delivery.Redeliveries, "try", a.tries)
	if a.tries >= triesUnread {
		s.giveUpUnread(ctx, a)
		return
	}
	a.message, a.err = decode(&a.delivery)
	if a.err != nil {
		s.endTrial()
		s.bury(a, a.err.Error())
		s.next(ctx)
		return
	}
	i := item{message: a.message, to: a.message.To(), arrived: a}
	if _, command := a.message.(*schemas.Command); !command && (a.condemned() || a.defects >= defectsRefused) {
		i.message = poisonMessage
	}
	s.start(ctx, i)
}

// giveUpUnread answers whoever waits for a suspect, and does nothing else about it.
func (s *shard) giveUpUnread(ctx actor.Context, a *arrived) {
	i := item{arrived: a}
	s.turns++
	s.turn = &turn{id: s.turns, item: i, now: s.engine.cfg.Now(), unit: newUnit(s, i)}
	if to := a.delivery.ReplyTo; to != "" {
		s.turn.unit.answers = append(s.turn.unit.answers, answer{
			waiter: waiter{to: to, correlation: a.delivery.ID}, answer: schemas.Answer{V: schemas.MessageV, Fault: poisonError()},
		})
	}
	s.end(ctx)
}

// concluded is the end of a delivery whose outcome is committed: it is acknowledged.
func (s *shard) concluded(a *arrived) {
	if a.condemned() {
		s.bury(a, poisonError().Message)
	} else {
		s.ack(a)
	}
	if s.trial != nil && s.trial.arrived == a {
		s.endTrial()
	}
}

// endTrial lets the next suspect of this process be handled.
func (s *shard) endTrial() {
	if s.trial != nil && s.trial.begun {
		<-s.engine.trial
	}
	s.trial = nil
}
