// Package operations is the API of the namespace ozone that shows what became of each accepted request.
package operations

import (
	"context"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The length of a list, when the client does not say, and at most.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

type module struct {
	commands   edge.Commands
	operations *edge.Operations
	reader     storage.Reader
}

// New is the module ozone.operations.
func New() edge.Module { return &module{} }

// ID names the module.
func (m *module) ID() string { return "ozone.operations" }

// Routes mounts the list, the single operation and its cancel.
func (m *module) Routes(d edge.Deps, r *edge.Router) error {
	m.commands, m.operations, m.reader = d.Commands, d.Operations, d.Reader
	return r.HandleAll([]edge.Route{
		{Verb: "GET", Path: "/ozone/v1/{account}/operations", Handle: m.list},
		{Verb: "GET", Path: "/ozone/v1/{account}/operations/{operation}", Handle: m.get},
		{Verb: "POST", Path: "/ozone/v1/{account}/operations/{operation}/cancel", Handle: m.cancel},
	})
}

// get shows one operation; with ?wait=SECONDS after its next change.
func (m *module) get(ctx context.Context, r *edge.Request) (edge.Response, error) {
	wait, err := number(r, "wait", 0)
	if err != nil {
		return edge.Response{}, err
	}
	id := schemas.OperationID(r.Param("operation"))
	if r.WantsStream() {
		return m.follow(ctx, r.Account, id)
	}
	patience := min(time.Duration(wait)*time.Second, edge.MaxWait)
	row, err := m.operations.AwaitChange(ctx, r.Account, id, patience)
	if err != nil {
		return edge.Response{}, err
	}
	return edge.Response{Body: edge.OneOperation(row), Modified: row.Updated}, nil
}

// list shows operations, newest first, narrowed by ?state=&server=&after= and bounded by ?limit=.
func (m *module) list(ctx context.Context, r *edge.Request) (edge.Response, error) {
	f, err := filter(r)
	if err != nil {
		return edge.Response{}, err
	}
	rows, err := m.reader.Operations(ctx, r.Account, f)
	if err != nil {
		return edge.Response{}, err
	}
	return edge.Response{Body: edge.OperationList(rows)}, nil
}

func filter(r *edge.Request) (f storage.OperationFilter, err error) {
	if f.State, err = state(r); err != nil {
		return f, err
	}
	server, err := number(r, "server", 0)
	if err != nil {
		return f, err
	}
	f.Server = schemas.ServerID(server)
	if f.Limit, err = number(r, "limit", defaultLimit); err != nil {
		return f, err
	}
	if f.Limit == 0 || f.Limit > maxLimit {
		f.Limit = maxLimit
	}
	if after, ok := r.Query("after"); ok {
		if f.After, _, ok = edge.ParseOperationID(after); !ok {
			return f, bad("after", "the id of an operation")
		}
	}
	return f, nil
}

// states are those that a tenant sees, with the stored state that each stands for: what is queued has no
// row but while it waits for the cluster.
var states = map[string]schemas.OperationState{
	string(schemas.OperationQueued):    schemas.OperationAdmitting,
	string(schemas.OperationRunning):   schemas.OperationRunning,
	string(schemas.OperationSucceeded): schemas.OperationSucceeded,
	string(schemas.OperationFailed):    schemas.OperationFailed,
	string(schemas.OperationCancelled): schemas.OperationCancelled,
	string(schemas.OperationRejected):  schemas.OperationRejected,
	string(schemas.OperationExpired):   schemas.OperationExpired,
}

func state(r *edge.Request) (schemas.OperationState, error) {
	name, ok := r.Query("state")
	if !ok {
		return "", nil
	}
	s, ok := states[name]
	if !ok {
		return "", bad("state", "a state of operations")
	}
	return s, nil
}

// number reads a query parameter that is a whole number from 0 to 2^31-1; absent: otherwise.
func number(r *edge.Request, name string, otherwise int) (int, error) {
	text, ok := r.Query(name)
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, bad(name, "a whole number")
	}
	return int(n), nil
}

func bad(name, want string) error {
	return schemas.Errorf(schemas.KindInvalid, "The query parameter %s must be %s.", name, want)
}
