package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// tellRetry is how long a step waits that the bus did not take.
const tellRetry = time.Second

// teller publishes what committed units have to say: answers to edges, messages to shards elsewhere, steps to host agents. It never loses a step:
// one that the bus does not take is sent again until its deadline, and again after every claim. An answer may be
// lost with its bus: the edge then reads the operation.
type teller struct {
	engine *Engine

	mu       sync.Mutex
	queue    [][]*unit // guarded by mu; bounded as the committer's is, but for requests that are repeated: maxOutbox a shard, each 5 s
	busy     bool      // guarded by mu
	idle     *sync.Cond
	wake     chan struct{} // holds one word
	finished chan struct{}
}

func newTeller(ctx context.Context, e *Engine) *teller {
	t := &teller{engine: e, wake: make(chan struct{}, 1), finished: make(chan struct{})}
	t.idle = sync.NewCond(&t.mu)
	go t.loop(ctx) // ends with ctx; wait waits for it
	return t
}

// tell queues the units of one commit.
func (t *teller) tell(units []*unit) {
	t.mu.Lock()
	t.queue = append(t.queue, units)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (t *teller) loop(ctx context.Context) {
	defer close(t.finished)
	for {
		select {
		case <-t.wake:
		case <-ctx.Done():
			return
		}
		for units := t.take(); units != nil; units = t.take() {
			t.say(ctx, units)
		}
	}
}

// say publishes what units have to say, answers first: somebody waits for them.
func (t *teller) say(ctx context.Context, units []*unit) {
	for _, p := range t.engine.publishers {
		p.committed(units)
	}
	for _, u := range units {
		for i := range u.answers {
			t.answer(ctx, &u.answers[i])
		}
	}
	for _, u := range units {
		for i := range u.away {
			t.letter(ctx, &u.away[i])
		}
		for i := range u.steps {
			t.step(ctx, u.steps[i])
		}
	}
}

func (t *teller) take() []*unit {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		t.busy = false
		t.idle.Broadcast()
		return nil
	}
	units := t.queue[0]
	t.queue[0] = nil
	t.queue = t.queue[1:]
	t.busy = true
	return units
}

// answer sends an admission's decision to the edge that waits for it.
func (t *teller) answer(ctx context.Context, a *answer) {
	body, err := json.Marshal(a.answer)
	if err != nil {
		t.engine.cfg.Log.Error("answer cannot be sent", "operation", string(a.answer.Operation), "error", err)
		return
	}
	m := bus.Message{
		ID: a.correlation + "/answer", Type: schemas.TypeAnswer, CorrelationID: a.correlation, Expires: a.expires, Body: body, Direct: true,
	}
	if err := t.engine.cfg.Bus.Publish(ctx, a.to, m, func(error) {}); err != nil {
		t.engine.cfg.Log.Warn("answer not sent; the edge reads the operation", "operation", string(a.answer.Operation), "error", err)
	}
}

// letter sends a message to a shard elsewhere. When it is lost, whoever wants an answer asks again.
func (t *teller) letter(ctx context.Context, p *posted) {
	body, err := json.Marshal(p.message)
	if err != nil {
		t.engine.cfg.Log.Error("message cannot be sent", "shard", int(p.to), "type", string(p.kind), "error", err)
		return
	}
	id := p.id
	if id == "" {
		id = uuid.NewString() // nobody repeats it
	}
	if err := t.engine.cfg.Bus.Publish(ctx, bus.ShardQueue(p.to), bus.Message{ID: id, Type: p.kind, Body: body}, func(error) {}); err != nil {
		t.engine.cfg.Log.Warn("message not sent; it is asked for again", "shard", int(p.to), "type", string(p.kind), "error", err)
	}
}

// step sends a step to its host's agent.
func (t *teller) step(ctx context.Context, s schemas.Step) {
	if s.Params.WantsPayload && s.Params.Payload == nil {
		var err error
		s.Params.Payload, err = t.engine.cfg.Store.Payload(ctx, s.Account, s.Operation)
		if errors.Is(err, storage.ErrNotFound) {
			return // delivered and ended before: the step is a late repetition
		}
		if err != nil {
			t.later(ctx, s)
			return
		}
	}
	body, err := json.Marshal(s)
	if err != nil {
		t.engine.cfg.Log.Error("step cannot be sent", "operation", string(s.Operation), "step", string(s.Name), "error", err)
		return
	}
	m := bus.Message{ID: s.ID(), Type: schemas.TypeStep, Expires: t.engine.cfg.Now().Add(s.Timeout), Body: body, Direct: true}
	err = t.engine.cfg.Bus.Publish(ctx, bus.HostQueue(s.Host), m, func(err error) {
		if err != nil && !errors.Is(err, bus.ErrClosed) {
			t.later(ctx, s)
		}
	})
	if err != nil && ctx.Err() == nil {
		t.later(ctx, s)
	}
}

// later sends a step again after a while, until its deadline would have passed.
func (t *teller) later(ctx context.Context, s schemas.Step) {
	s.Timeout -= tellRetry
	if s.Timeout <= 0 {
		return // its actor gives up waiting
	}
	time.AfterFunc(tellRetry, func() {
		if ctx.Err() == nil {
			t.step(ctx, s)
		}
	})
}

// flush returns when everything that was committed is told.
func (t *teller) flush(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { broadcast(t.idle) })
	defer stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) > 0 || t.busy {
		if ctx.Err() != nil {
			return fmt.Errorf("stop: not everything is told: %w", ctx.Err())
		}
		t.idle.Wait()
	}
	return nil
}

func (t *teller) wait() { <-t.finished }
