package edge

import (
	"context"
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// queue publishes the order for who does not want to wait, and answers as soon as the bus vouches for it. It may be decided as
// long as its operation shows as queued without a row. An order with a key is not queued so: only its decision says which
// operation it stands for.
func (s *sender) queue(ctx context.Context, account schemas.AccountID, o *Order) (Response, error) {
	cmd, err := s.command(account, nil, o, youngFor)
	if err != nil {
		return Response{}, err
	}
	to, m, err := message(cmd)
	if err != nil {
		return Response{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Wait)
	defer cancel()
	switch err := bus.Send(ctx, s.config.Bus, to, m); {
	case err == nil:
		return async(queuedRow(cmd)), nil
	case refused(err):
		return named(cmd.ID), errBusy
	default:
		s.config.Log.Warn("command is not confirmed", "operation", string(cmd.ID), "error", err)
		return named(cmd.ID), errUnconfirmed
	}
}

// decidedAsync is the answer to an order that was decided although nobody wanted to wait.
func (s *sender) decidedAsync(ctx context.Context, cmd *schemas.Command, a schemas.Answer) Response {
	row, err := s.operations.Get(ctx, cmd.Account, a.Operation)
	if err != nil { // it is committed: the client can read it later
		row = queuedRow(cmd)
		row.ID = a.Operation
	}
	return async(row)
}

// async is an operation as the answer to who does not want to wait: in JSON, whatever the request is in.
func async(row storage.OperationRow) Response {
	location := fmt.Sprintf("/ozone/v1/%d/operations/%s", row.Account, row.ID)
	return Response{Status: fasthttp.StatusAccepted, Body: JSON(OneOperation(row).AppendJSON(nil))}.
		with(headerOperation, string(row.ID)).with("Location", location).with(headerApplied, "respond-async")
}
