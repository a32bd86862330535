package edge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/storage"
)

// Module is an API: a set of routes in one namespace.
type Module interface {
	// ID is "<namespace>.<name>". The namespace core is /v1.0/<account>/..., any other is
	// /<namespace>/v1/<account>/...
	ID() string
	// Routes mounts the module's routes. A route mounted twice is an error.
	Routes(d Deps, r *Router) error
}

// Deps is all that a module gets: it can send commands and read committed rows, and has no way to call an actor.
type Deps struct {
	Commands   Commands
	Operations *Operations
	Reader     storage.Reader
	Events     storage.EventReader
	Watches    *Watches
	Limits     storage.Limits
	Backups    storage.Backups
	// BusUsers, Queues and Subscriptions are nil where no bus reaches tenants.
	BusUsers      storage.BusUsers
	Queues        bus.Subscriptions
	Subscriptions storage.Subscriptions
	Log           *slog.Logger
	Now           func() time.Time
	PublicURL     string // scheme and authority, without a slash at its end
}

// Commands sends orders to actors.
type Commands interface {
	// Do sends one order and answers when it is decided: with o.Accepted's response, or with the fault.
	// When nobody knows in time it is KindUnavailable. The Response names the operation in every case
	// in which an actor may have met the command.
	Do(ctx context.Context, r *Request, o Order) (Response, error)
}

// mountAll lets every module mount its routes.
func mountAll(r *Router, d Deps, modules []Module) error {
	seen := map[string]bool{}
	for _, m := range modules {
		id := m.ID()
		namespace, name, ok := strings.Cut(id, ".")
		if !ok || namespace == "" || name == "" || seen[id] {
			return fmt.Errorf("module %q: its id is not a new <namespace>.<name>", id)
		}
		seen[id] = true
		r.enter(id, namespace)
		if err := m.Routes(d, r); err != nil {
			return fmt.Errorf("module %s: %w", id, err)
		}
	}
	return nil
}
