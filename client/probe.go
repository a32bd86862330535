package client

import (
	"context"
	"net/http"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Probe decides what becomes of a resize. After and For are seconds; nil: the cloud's own.
type Probe struct {
	Type  schemas.ProbeType `json:"type"`
	Port  int               `json:"port"`
	Path  string            `json:"path,omitempty"`
	After *int64            `json:"after,omitempty"`
	For   *int64            `json:"for,omitempty"`
}

// ResizeProbed gives a server another flavor, which is confirmed or reverted by itself.
func (c *Client) ResizeProbed(ctx context.Context, id schemas.ServerID, flavor schemas.FlavorID, p Probe, t Terms) (schemas.OperationID, error) {
	type resize struct {
		Flavor schemas.FlavorID `json:"flavorId"`
		Probe  Probe            `json:"probe"`
	}
	return c.write(ctx, request{method: http.MethodPost, api: own, path: path("servers", id, "action"), body: map[string]resize{"resize": {flavor, p}}, terms: t}, "", nil)
}

// decisionPause is how long after one look for a decision the next one follows. Source: docs/numbers.md.
const decisionPause = time.Second

// decides are the actions that end a resize which is on trial.
var decides = map[schemas.Action]bool{schemas.ServerResizeConfirm: true, schemas.ServerResizeRevert: true, schemas.ServerDelete: true}

// Decision waits for the operation that ends the trial of a resize, whoever began it, and returns it as it begins.
func (c *Client) Decision(ctx context.Context, server schemas.ServerID, resize schemas.Operation) (schemas.Operation, error) {
	for {
		list, err := c.Operations(ctx, OperationFilter{Server: server})
		if err != nil {
			return schemas.Operation{}, err
		}
		for _, o := range list {
			if decides[o.Action] && o.State.Accepted() && o.Created.After(resize.Created) {
				return o, nil
			}
		}
		if err := rest(ctx, decisionPause); err != nil {
			return schemas.Operation{}, err
		}
	}
}
