package tenant

import (
	"context"
	"fmt"
	"time"

	"github.com/ozonecloud/ozone/client"
	"github.com/ozonecloud/ozone/schemas"
)

type operationCmd struct {
	cloud `embed:"" group:"Which cloud is asked, as whom:"`

	List   operationListCmd   `cmd:"" help:"List operations, newest first."`
	Show   operationShowCmd   `cmd:"" help:"Show an operation."`
	Watch  operationWatchCmd  `cmd:"" help:"Follow an operation to its end; exits as --wait does."`
	Cancel operationCancelCmd `cmd:"" help:"Take an operation back, as far as it can be."`
}

var operationColumns = []column[schemas.Operation]{
	{"OPERATION", func(o schemas.Operation) any { return o.ID }},
	{"ACTION", func(o schemas.Operation) any { return o.Action }},
	{"TARGET", target},
	{"STATE", func(o schemas.Operation) any { return o.State }},
	{"STEP", func(o schemas.Operation) any { return o.Step }},
	{"PERCENT", func(o schemas.Operation) any { return o.Percent }},
	{"CREATED", func(o schemas.Operation) any { return o.Created.Format(time.RFC3339) }},
	{"ERROR", reason},
	{"REASON", func(o schemas.Operation) any { return o.Reason }},
}

func target(o schemas.Operation) any {
	if o.Target.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s %d", o.Target.Kind, o.Target.ID)
}

func reason(o schemas.Operation) any {
	if o.Error == nil {
		return ""
	}
	return (&schemas.Error{Message: o.Error.Message, Details: o.Error.Details}).Error()
}

type operationListCmd struct {
	Server string `help:"Of this server only: its number or its name." placeholder:"SERVER" env:"-"`
	State  string `help:"In this state only: ${enum}." enum:",queued,running,succeeded,failed,cancelled,rejected,expired" default:"" placeholder:"STATE" env:"-"`
	Limit  int    `help:"At most so many, up to 1000." default:"100" env:"-"`
}

// Run lists operations.
func (c *operationListCmd) Run(ctx context.Context, s *session) error {
	f := client.OperationFilter{State: schemas.OperationState(c.State), Limit: c.Limit}
	if c.Server != "" {
		var err error
		if f.Server, err = s.server(ctx, c.Server); err != nil {
			return err
		}
	}
	list, err := s.Operations(ctx, f)
	if err != nil {
		return err
	}
	return showAll(s.printer, list, operationColumns)
}

type operationShowCmd struct {
	Operation schemas.OperationID `arg:"" help:"Id of the operation."`
}

// Run shows an operation.
func (c *operationShowCmd) Run(ctx context.Context, s *session) error {
	o, err := s.Operation(ctx, c.Operation)
	if err != nil {
		return noSuch(err, "operation", string(c.Operation))
	}
	return show(s.printer, o, operationColumns)
}

type operationWatchCmd struct {
	Operation schemas.OperationID `arg:"" help:"Id of the operation."`
}

// Run follows an operation.
func (c *operationWatchCmd) Run(ctx context.Context, s *session) error {
	return noSuch(s.watched(ctx, c.Operation), "operation", string(c.Operation))
}

type operationCancelCmd struct {
	Operation schemas.OperationID `arg:"" help:"Id of the operation."`
	write     `embed:""`
}

// Help says what can be cancelled.
func (*operationCancelCmd) Help() string {
	return "A create can be cancelled while the server is built, a resize before the server is stopped for it, an image until it is there. " +
		"Anything else is refused, with the reason. With --wait it returns when nothing of the operation is left."
}

// Run cancels an operation.
func (c *operationCancelCmd) Run(ctx context.Context, s *session) error {
	op, err := s.CancelOperation(ctx, c.Operation, c.terms())
	return noSuch(s.done(ctx, c.write, op, err), "operation", string(c.Operation))
}
