package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// OperationFilter narrows a list of operations; what is zero does not.
type OperationFilter struct {
	State  schemas.OperationState
	Server schemas.ServerID
	Limit  int // at most 1000; 0: 100
}

// Operations lists operations, newest first.
func (c *Client) Operations(ctx context.Context, f OperationFilter) ([]schemas.Operation, error) {
	q := url.Values{}
	if f.State != "" {
		q.Set("state", string(f.State))
	}
	if f.Server != 0 {
		q.Set("server", strconv.FormatInt(int64(f.Server), 10))
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return get[[]schemas.Operation](ctx, c, request{api: own, path: "/operations?" + q.Encode()}, "operations")
}

// Operation reads an operation.
func (c *Client) Operation(ctx context.Context, id schemas.OperationID) (schemas.Operation, error) {
	return c.operation(ctx, id, 0)
}

// CancelOperation takes an operation back, as far as it can be. The one that it returns ends when nothing of the other is left.
func (c *Client) CancelOperation(ctx context.Context, id schemas.OperationID, t Terms) (schemas.OperationID, error) {
	return c.write(ctx, request{method: http.MethodPost, api: own, path: path("operations", url.PathEscape(string(id)), "cancel"), terms: t}, "", nil)
}

// operation reads an operation after its next change, at the latest after wait.
func (c *Client) operation(ctx context.Context, id schemas.OperationID, wait time.Duration) (schemas.Operation, error) {
	return get[schemas.Operation](ctx, c, request{
		api: own, path: path("operations", url.PathEscape(string(id))) + "?wait=" + strconv.Itoa(int(wait/time.Second)), wait: wait,
	}, "operation")
}

// How an operation is followed. Source: docs/numbers.md.
const (
	followFor   = 20 * time.Second       // one request
	followPause = 200 * time.Millisecond // after an answer that has nothing new: a busy edge does not wait
)

// Follow reads an operation until it has ended and tells each change, first what there is. It returns the last that it read.
func (c *Client) Follow(ctx context.Context, id schemas.OperationID, change func(schemas.Operation)) (schemas.Operation, error) {
	last, err := c.Operation(ctx, id)
	for err == nil {
		change(last)
		if last.State.Terminal() {
			return last, nil
		}
		var next schemas.Operation
		if next, err = c.changed(ctx, last); err == nil {
			last = next
		}
	}
	return last, err
}

// changed reads the operation until it is another than last.
func (c *Client) changed(ctx context.Context, last schemas.Operation) (schemas.Operation, error) {
	for {
		next, err := c.operation(ctx, last.ID, followFor)
		if err != nil || next.State != last.State || next.Step != last.Step || next.Attempt != last.Attempt {
			return next, err
		}
		if err := rest(ctx, followPause); err != nil {
			return last, err
		}
	}
}
