package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/schemas"
)

// errOvertaken ends a step whose outcome nobody knows and nobody waits for any more.
var errOvertaken = errors.New("agent: a later step for the same copy waits")

// process brings one job to its end: an answer that the bus vouches for. Without one the message is not done, so that
// the step comes again; only an overtaken one is forgotten unanswered.
func (a *Agent) process(ctx context.Context, ln *lane, j *job, s *schemas.Step) {
	s, failure, err := a.goOn(ctx, ln, j, s)
	done := a.forget(j)
	if errors.Is(err, errOvertaken) {
		a.logOf(s).Warn("step given up: its outcome is unknown and a later step for the same copy waits")
		finish(done)
		return
	}
	if err != nil {
		if ctx.Err() == nil {
			a.logOf(s).Error("step not answered", "error", err)
		}
		return
	}
	if a.reply(ctx, outcomeOf(s, failure)) {
		finish(done)
	}
}

// goOn does a step and those that follow it, until one fails or its actor has said something newer. It returns the
// last one and what became of it.
func (a *Agent) goOn(ctx context.Context, ln *lane, j *job, s *schemas.Step) (*schemas.Step, *schemas.StepFailure, error) {
	drop := func() {} // nothing is to be told yet
	for {
		began := a.cfg.Now()
		failure, err := a.outcome(ctx, ln, j, s)
		drop()
		if a.log.Enabled(ctx, slog.LevelDebug) && err == nil {
			a.logOf(s).Debug("step ended", "took", a.cfg.Now().Sub(began), "done", failure == nil)
		}
		next, more := s.Next()
		if err != nil || failure != nil || !more || a.overtaken(ln, s) {
			return s, failure, err
		}
		drop = a.tellLater(ctx, outcomeOf(s, nil))
		s = &next
	}
}

// outcome finds out what became of s, doing it when that is needed. An error means that there is nothing to answer.
func (a *Agent) outcome(ctx context.Context, ln *lane, j *job, s *schemas.Step) (*schemas.StepFailure, error) {
	do, known := powers[s.Name]
	if !known {
		return failed(schemas.FailureUnknown, "no such step: %q", s.Name), nil
	}
	a.renew(j, s)
	entry, err := a.cfg.Ledger.Begin(s)
	if err != nil {
		return nil, err
	}
	if entry.Known {
		return entry.Failure, nil
	}
	if entry.Fenced {
		return failed(schemas.FailureFenced, "epoch %d, version %d: a newer one has spoken to host %d", s.Epoch, s.Version, s.Host), nil
	}
	failure, err := a.insist(ctx, ln, s, do)
	if err != nil {
		return nil, err
	}
	a.renew(j, s)
	return failure, a.cfg.Ledger.End(s, failure)
}

// insist calls the driver until it knows what became of the step.
func (a *Agent) insist(ctx context.Context, ln *lane, s *schemas.Step, do power) (*schemas.StepFailure, error) {
	payload, failure := a.open(s)
	if failure != nil {
		return failure, nil
	}
	wait := newBackoff()
	for {
		err := a.call(ctx, s, payload, do)
		if err == nil {
			return nil, nil
		}
		if f, ok := errors.AsType[*hosts.Failed](err); ok {
			return &f.Failure, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		a.logOf(s).Warn("driver does not know what became of a step; calling it again", "error", err)
		if !wait.until(ctx.Done()) {
			return nil, ctx.Err()
		}
		if a.overtaken(ln, s) {
			return nil, errOvertaken
		}
	}
}

func (a *Agent) open(s *schemas.Step) (schemas.Payload, *schemas.StepFailure) {
	if len(s.Params.Payload) == 0 || !s.Name.TakesPayload() {
		return schemas.Payload{}, nil
	}
	if a.cfg.Open == nil {
		return schemas.Payload{}, failed(schemas.FailureFault, "host %d has no key to open the payload", s.Host)
	}
	p, err := a.cfg.Open(s.Operation, s.Params.Payload)
	if err != nil {
		return schemas.Payload{}, failed(schemas.FailureFault, "%v", err)
	}
	return p, nil
}

// call is one try. The context ends with the step's time-out, but the driver's answer is waited for however late it is:
// the step may have been done.
func (a *Agent) call(ctx context.Context, s *schemas.Step, p schemas.Payload, do power) (err error) {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Timeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("driver panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return do(ctx, a.cfg.Driver, *s, p)
}

// reply repeats an outcome that is durable until the bus vouches for it; false: the agent stops.
func (a *Agent) reply(ctx context.Context, o schemas.Outcome) bool {
	if err := a.cfg.Ledger.Sync(); err != nil {
		return false // closed
	}
	wait := newBackoff()
	for {
		err := a.cfg.Reply(ctx, o)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		a.log.Warn("outcome not taken; sending it again", "operation", string(o.Operation), "step", string(o.Name), "error", err)
		if !wait.until(ctx.Done()) {
			return false
		}
	}
}

func (a *Agent) logOf(s *schemas.Step) *slog.Logger {
	return a.log.With("operation", string(s.Operation), "step", string(s.Name), "attempt", s.Attempt, "server", int64(s.Params.Server))
}

func outcomeOf(s *schemas.Step, failure *schemas.StepFailure) schemas.Outcome {
	return schemas.Outcome{
		V: schemas.MessageV, Operation: s.Operation, Name: s.Name, Attempt: s.Attempt, Host: s.Host,
		Copy: s.Params.Copy, Actor: s.Actor, Account: s.Account, Failure: failure,
	}
}

func failed(reason schemas.FailureReason, format string, args ...any) *schemas.StepFailure {
	return &schemas.StepFailure{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
