package actors

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// How a message fares that nobody can deal with, because a decision about it panics or its rows cannot be stored: by
// the number of its defects. The first time that a decision panics it is tried again.
const (
	// defectsRefused: a command is refused; for anything else its actor is told to give up what it waits for.
	defectsRefused = 2
	// defectsDropped: it is dropped.
	defectsDropped = 3
)

// forgiveAfter bounds how often a shard begins anew because of one message: a few times in this while.
const forgiveAfter = time.Minute

// reset says that units of this shard were given up, and what to blame for it: nothing when another shard's was the cause.
type reset struct {
	fenced  bool // another node has claimed the shard
	culprit *unit
	dropped []*unit // in order; they were counted as on their way
}

// abandon begins the turn that ends the operations of an actor which cannot end them.
type abandon struct{}

func internalError() *schemas.Error { return schemas.Errorf(schemas.KindInternal, "internal error") }

// defect deals with a decision that failed by a defect: what the shard has decided before is committed, then it
// begins anew from its rows and the message is dispatched again.
func (s *shard) defect(ctx actor.Context, err error) {
	s.engine.stats.panics.Add(1)
	i := s.turn.item
	s.engine.cfg.Log.Error("decision failed", "shard", int(s.id), "actor", i.to.String(), "message", fmt.Sprintf("%T", i.message), "error", err)
	s.blame(i, 1)
	s.keepLetter(i)
	s.beginAnew(ctx)
}

// blame counts a defect of a message, and raises the count to least. An actor that cannot even give up is sick.
func (s *shard) blame(i item, least int) {
	n := max(s.defectsOf(i)+1, least)
	if i.arrived != nil {
		i.arrived.defects = n
	} else {
		if len(s.defects) == 0 {
			s.blamedAt = s.engine.cfg.Now()
		}
		s.defects[i.key()] = n
	}
	_, poison := i.message.(core.Poison)
	if _, ended := s.sick[i.to]; !ended && (poison || i.timed() && n > defectsDropped) {
		s.sick[i.to] = false
	}
}

// forgive has what nobody could deal with tried again after a while: its cause may have been mended, and whoever
// waits for an answer asks for ever.
func (s *shard) forgive(now time.Time) {
	if len(s.defects) > 0 && now.Sub(s.blamedAt) > forgiveAfter {
		clear(s.defects)
	}
}

func (s *shard) defectsOf(i item) int {
	switch {
	case i.arrived != nil:
		return i.arrived.defects
	case len(s.defects) == 0:
		return 0
	default:
		return s.defects[i.key()]
	}
}

// key names a message that did not come over the bus; its repetition has the same. Timers of an actor are one.
func (i item) key() string {
	body, err := json.Marshal(i.message)
	if err != nil || i.timed() {
		return i.to.String()
	}
	return fmt.Sprintf("%s %T %s", i.to, i.message, body)
}

// timed tells whether an item comes from the shard itself: because of a timer, a claim or a defect.
func (i item) timed() bool {
	_, sent := i.message.(schemas.Message)
	return !sent
}

// givenUp deals with an item of a turn that must not be decided; false: it is to be decided.
func (s *shard) givenUp(ctx actor.Context, i item) bool {
	c, command := i.message.(*schemas.Command)
	_, ends := i.message.(abandon)
	_, sick := s.sick[i.to]
	switch {
	case i.from != nil && s.engine.committer.gaveUp(i.from):
		s.turn = nil // what it says was never so
		return true
	case ends:
		s.abandon(i.to)
	case command && i.arrived.defects >= defectsDropped: // without a record: it was that which could not be stored
		u := s.turn.unit
		u.answers = append(u.answers, answer{
			waiter: replyTo(i.arrived, c), answer: schemas.Answer{V: schemas.MessageV, Operation: c.ID, Fault: internalError()},
		})
		u.answered = true
	case !command && (sick || !i.timed() && s.defectsOf(i) >= defectsRefused):
	default:
		return false
	}
	s.engine.cfg.Log.Error("message given up", "shard", int(s.id), "actor", i.to.String(), "message", fmt.Sprintf("%T", i.message))
	s.end(ctx)
	return true
}

// abandon ends every operation on an actor that cannot decide anything: nobody else would.
func (s *shard) abandon(ref schemas.Ref) {
	t := s.turn
	for id, o := range s.ops {
		if o.row.Target != ref || o.row.State.Terminal() {
			continue
		}
		state := schemas.OperationFailed
		if o.row.Answer == nil {
			state = schemas.OperationRejected
			s.decision(t, core.Decision{Answer: schemas.Answer{V: schemas.MessageV, Operation: id, Target: ref, Fault: internalError()}}, nil)
		}
		s.progress(t, core.Progress{
			Operation: id, State: state, Step: o.row.Step, Index: o.row.StepIndex, Count: o.row.StepCount, Attempt: o.row.Attempt, Percent: o.row.Percent,
			Error: &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: internalError().Message},
		})
	}
}

// reset begins the shard anew, because units of it could not be stored. The culprit ends in a fault this time.
func (s *shard) reset(ctx actor.Context, m reset) {
	if m.culprit != nil {
		s.blame(m.culprit.item, defectsRefused)
	}
	s.flights -= len(m.dropped)
	for _, u := range m.dropped {
		s.keepLetter(u.item)
	}
	if s.turn != nil {
		s.keepLetter(s.turn.item)
	}
	s.fenced = s.fenced || m.fenced
	s.beginAnew(ctx)
}

// keepLetter has a message dispatched again after the shard began anew, when it did not come over the bus: its
// sender would repeat it only after a while, or never. After its second defect its actor must give up instead.
func (s *shard) keepLetter(i item) {
	_, poison := i.message.(core.Poison)
	switch n := s.defectsOf(i); {
	case i.arrived != nil, i.timed() && !poison:
	case poison, n < defectsRefused:
		s.letters = append(s.letters, i)
	case n == defectsRefused:
		s.defects[i.key()] = defectsDropped
		s.letters = append(s.letters, item{message: poisonMessage, to: i.to})
	}
}

// beginAnew gives up the turn under way and begins from the rows once everything that can be stored is stored.
func (s *shard) beginAnew(ctx actor.Context) {
	s.turn = nil
	s.running = false
	s.restarting = true
	s.restart(ctx)
}

// restart drops what is in memory and claims again, when nothing of the shard is on its way to the store any more.
func (s *shard) restart(ctx actor.Context) {
	if s.restarting && s.flights == 0 {
		s.restarting = false
		if s.fenced {
			s.release(ctx)
			s.quietNow(ctx)
			return
		}
		s.forgetAll(ctx)
		s.claim(ctx)
	}
}

// forgetAll drops memory; deliveries that are not committed and letters are dispatched again, in order.
func (s *shard) forgetAll(ctx actor.Context) {
	s.generation++
	for ref, c := range s.children {
		s.unload(ctx, ref, c)
	}
	s.engine.stats.open.Add(-int64(len(s.ops)))
	s.engine.stats.outbox.Add(-int64(len(s.outbox)))
	s.timers.stop()
	s.endTrial()
	s.forget()
	for _, i := range s.queue {
		s.keepLetter(i)
	}
	s.queue = nil
	for _, a := range s.window.pending() {
		if !a.dead {
			s.queue = append(s.queue, redispatch(a))
		}
	}
	s.queue = append(s.queue, s.letters...)
	s.letters = nil
}

// redispatch is a delivery once more. What is refused of a command is seen in its turn; for any other message that
// meets its second defect its actor must give up.
func redispatch(a *arrived) item {
	a.again = true
	if a.suspect() {
		return item{arrived: a}
	}
	i := item{message: a.message, to: a.message.To(), arrived: a}
	if _, command := a.message.(*schemas.Command); !command && a.defects >= defectsRefused {
		i.message = poisonMessage
	}
	return i
}

// resumes is what a claim begins with: every actor with a timer asks again for what it waits for, or gives up after
// the second defect.
func (s *shard) resumes(timed []storage.Snapshot) []item {
	first := make([]item, 0, len(timed))
	for i := range timed {
		resume := item{message: resumeMessage, to: timed[i].Ref}
		if s.defectsOf(resume) == defectsRefused {
			s.defects[resume.key()] = defectsDropped
			resume.message = poisonMessage
		}
		first = append(first, resume)
	}
	for ref, ended := range s.sick {
		if !ended {
			s.sick[ref] = true
			first = append(first, item{message: abandon{}, to: ref})
		}
	}
	return first
}

// lost is the end of a shard that cannot run: the process says why and ends, so that its supervisor starts it anew.
func (s *shard) lost(err error) {
	s.running = false
	s.gone = true
	if s.draining != nil {
		s.endDrain()
	}
	if s.ready != nil {
		s.ready <- err
		s.ready = nil
		return
	}
	if !errors.Is(err, storage.ErrClosed) {
		s.engine.fail(fmt.Errorf("shard %d: %w", s.id, err))
	}
}
