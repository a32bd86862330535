package tenant

import (
	"context"
	"errors"
	"fmt"

	"github.com/ozonecloud/ozone/client"
	"github.com/ozonecloud/ozone/schemas"
)

// write is what every command that changes something takes.
type write struct {
	Wait bool   `short:"w" help:"Wait until it is done, and show how far it is." env:"-"`
	Dry  bool   `name:"dry-run" help:"Show what it would come to, and do nothing." env:"-"`
	Once string `name:"once" help:"Idempotency-Key: who repeats the command with the same one gets the first answer and has no second effect. Default: a new one." placeholder:"WORD" env:"-"`
}

// terms are those of the command's one write.
func (w write) terms() client.Terms { return client.Terms{Key: w.Once, Dry: w.Dry} }

// tried shows what a dry run says instead of an error.
func (s *session) tried(err error) error {
	f, ok := errors.AsType[*client.DryRunError](err)
	if !ok {
		return err
	}
	return show(s.printer, f, forecastColumns)
}

var forecastColumns = []column[*client.DryRunError]{
	{"WOULD", func(f *client.DryRunError) any { return f.Action }},
	{"TARGET", func(f *client.DryRunError) any {
		if f.Target.ID == nil {
			return "a new " + f.Target.Kind
		}
		return schemas.Ref{Kind: f.Target.Kind, ID: *f.Target.ID}
	}},
	{"STATUS", func(f *client.DryRunError) any { return f.Status }},
	{"RAM USED (MB)", func(f *client.DryRunError) any { return f.Quota.Used }},
	{"RAM LEFT (MB)", func(f *client.DryRunError) any { return optional(f.Quota.Left) }},
	{"ROOM ON A HOST", func(f *client.DryRunError) any { return optional(f.Placed) }},
}

// optional is what a pointer has, nothing when it is nil.
func optional[T any](v *T) any {
	if v == nil {
		return ""
	}
	return *v
}

// done shows the operation of a write, with --wait once it has ended.
func (s *session) done(ctx context.Context, w write, id schemas.OperationID, err error) error {
	if err != nil {
		return s.tried(err)
	}
	if w.Wait {
		return s.watched(ctx, id)
	}
	o, err := s.Operation(ctx, id)
	if err != nil {
		return err
	}
	return show(s.printer, o, operationColumns)
}

// watched follows an operation to its end and shows it.
func (s *session) watched(ctx context.Context, id schemas.OperationID) error {
	o, err := s.watch(ctx, id)
	if o.ID == "" { // it was not read once
		return err
	}
	return errors.Join(show(s.printer, o, operationColumns), err)
}

// waited shows what a create made, with --wait once that has ended, and as it then is.
func waited[T any](ctx context.Context, s *session, w write, v T, id schemas.OperationID, columns []column[T], latest func(context.Context) (T, error)) error {
	if !w.Wait {
		return show(s.printer, v, columns)
	}
	o, err := s.watch(ctx, id)
	if o.State.Terminal() {
		if now, readErr := latest(ctx); readErr == nil { // else what was answered is shown
			v = now
		}
	}
	return errors.Join(show(s.printer, v, columns), err)
}

// watch follows an operation to its end, and shows on the way how far it is.
func (s *session) watch(ctx context.Context, id schemas.OperationID) (schemas.Operation, error) {
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	p := newProgress(s.Err)
	o, err := s.Follow(ctx, id, p.show)
	p.close()
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return o, &problem{error: fmt.Errorf("not waited for the end of operation %s, which goes on", id), code: exitAway, advice: "Follow it with ozone operation watch " + string(id) + "."}
	case err != nil:
		return o, err
	default:
		return o, failure(o)
	}
}

// failure is why an operation that has ended did not succeed; nil when it did.
func failure(o schemas.Operation) error {
	if o.State == schemas.OperationSucceeded {
		return nil
	}
	p := &problem{code: exitRefused, error: fmt.Errorf("%s of %s has %s", o.Action, o.Target, endings[o.State])}
	if o.Error == nil {
		return p
	}
	p.error = fmt.Errorf("%w: %w (%s)", p.error, &schemas.Error{Message: o.Error.Message, Details: o.Error.Details}, o.Error.Fault)
	if o.Error.Retryable {
		p.advice = "The same command may succeed later."
	}
	return p
}

// endings are the states in which an operation ends without success, as a sentence has them.
var endings = map[schemas.OperationState]string{
	schemas.OperationFailed: "failed", schemas.OperationCancelled: "been cancelled", schemas.OperationRejected: "been refused", schemas.OperationExpired: "not been decided in time",
}
