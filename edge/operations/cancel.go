package operations

import (
	"context"
	"errors"
	"net/http"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
)

// cancel has an operation taken back, as far as it can be: an operation of its own, which ends when nothing of the other is left. The
// answer shows the cancelled one.
func (m *module) cancel(ctx context.Context, r *edge.Request) (edge.Response, error) {
	id := schemas.OperationID(r.Param("operation"))
	if _, _, ok := edge.ParseOperationID(string(id)); !ok {
		_, err := m.operations.Get(ctx, r.Account, id) // whose error says that it is not found
		return edge.Response{}, err
	}
	res, err := m.commands.Do(ctx, r, edge.Order{
		Action: schemas.OperationCancel, Params: schemas.Params{Operation: id},
		Accepted: func(schemas.Answer) edge.Response { return edge.Response{Status: http.StatusAccepted} },
	})
	refused, ok := errors.AsType[*schemas.Error](err)
	switch {
	case ok && refused.Kind == schemas.KindConflict:
		if _, unknown := m.operations.Get(ctx, r.Account, id); unknown != nil {
			return res, unknown
		}
		return res, err
	case err != nil || res.Body != nil:
		return res, err
	}
	row, err := m.operations.Get(ctx, r.Account, id)
	if err != nil {
		return res, nil //nolint:nilerr // it is cancelled, which is what counts
	}
	res.Body = edge.OneOperation(row)
	return res, nil
}
