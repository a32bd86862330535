package edge

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

// readDryRun reads ?dry_run=, which every write outside v1.0 takes; v1.0 ignores what it does not know.
func (r *Request) readDryRun(route *Route) error {
	if route.Verb == "GET" || r.core {
		return nil
	}
	var err error
	if r.dry, err = r.Flag("dry_run"); r.dry && route.Direct {
		return schemas.Errorf(schemas.KindInvalid, "This cannot be tried dry.")
	}
	return err
}

// Flag is a query parameter that is true or false; absent it is false.
func (r *Request) Flag(name string) (bool, error) {
	switch text, _ := r.Query(name); text {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, schemas.Errorf(schemas.KindInvalid, "The query parameter %s must be true or false.", name)
	}
}

// dryRun asks what an order would come to: the same fault, or what it would begin. Its key is not looked at, and its payload stays
// here: nobody decides by it.
func (s *sender) dryRun(ctx context.Context, r *Request, o Order) (Response, error) {
	o.Payload = schemas.Payload{}
	cmd, err := s.command(r.Account, nil, &o, s.config.Wait)
	if err != nil {
		return Response{}, err
	}
	body, err := json.Marshal(schemas.DryRun{V: schemas.MessageV, Command: *cmd})
	if err != nil {
		return Response{}, fmt.Errorf("encode dry run: %w", err)
	}
	m := bus.Message{ID: string(cmd.ID), Type: schemas.TypeDryRun, Expires: cmd.Expires, Body: body, Direct: true}
	sent, err := s.post(ctx, cmd, bus.ShardQueue(schemas.ShardOf(cmd.Account)), m)
	if err != nil {
		return Response{}, err
	}
	a, err := sent.decision(ctx)
	switch {
	case err != nil:
		return Response{}, err
	case a.Fault != nil:
		return Response{}, a.Fault
	case a.Forecast == nil:
		return Response{}, errBusy // nobody has decided it
	default:
		return Response{Body: Document{map[string]forecastView{"dry_run": viewForecast(a.Forecast)}, ozoneForm}}, nil
	}
}

// forecastView is what a dry run would come to, on the wire. Source: docs/api.md.
type forecastView struct {
	Action schemas.Action `json:"action"`
	Target targetView     `json:"target"`
	Status string         `json:"status"`
	Quota  quotaView      `json:"quota"`
	// Placed is null when no place is needed; there is none without one.
	Placed *bool `json:"placed"`
}

// targetView is an object; one that is not made has no id.
type targetView struct {
	Kind schemas.ActorKind `json:"kind"`
	ID   *int64            `json:"id"`
}

// quotaView is in MB of RAM; limit and left are null for an account without a limit.
type quotaView struct {
	Used  int64  `json:"ram_used"`
	Limit *int64 `json:"ram_limit"`
	Left  *int64 `json:"ram_left"`
}

func viewForecast(f *schemas.Forecast) forecastView {
	v := forecastView{Action: f.Action, Target: targetView{Kind: f.Target.Kind}, Status: f.Status, Quota: quotaView{Used: f.UsedRAMMiB}}
	if f.Target.ID != 0 {
		v.Target.ID = &f.Target.ID
	}
	if f.RAMLimitMiB != 0 {
		v.Quota.Limit, v.Quota.Left = &f.RAMLimitMiB, new(max(0, f.RAMLimitMiB-f.UsedRAMMiB))
	}
	if f.Placed {
		v.Placed = &f.Placed
	}
	return v
}
