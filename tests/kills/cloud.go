package kills

import (
	"context"
	"sync"

	"github.com/ozonecloud/ozone/tests/node"
)

// The store and the simulated hosts in a data directory.
const (
	storeFile = "ozone.db"
	hostsDir  = "hosts"
)

// cloud is what a run loads and kills: one process, or several with their servers.
type cloud interface {
	victims
	inspected
}

// victims are the processes.
type victims interface {
	// start starts all of them and returns the URLs of the edges once they serve.
	start(ctx context.Context) ([]string, error)
	// kill kills something, takes a census of what it left and returns when everything runs again.
	kill(ctx context.Context, i int) error
	// mend starts what has ended by itself, or says that this must not happen.
	mend(ctx context.Context) error
	// stop ends all in order.
	stop() error
	// end kills what is left, after an error too.
	end()
}

// inspected is what the judges look at.
type inspected interface {
	account(ctx context.Context, user string) (node.Account, error)
	// programs gives tenants a client on the bus, where there is one.
	programs(ctx context.Context, of []*tenant) error
	audit(ctx context.Context) (string, error)
	// hosts is the directory of the simulated hosts.
	hosts() string
}

// gate tells the clients whether somebody serves them.
type gate struct {
	mu    sync.Mutex
	up    chan struct{} // guarded by mu; closed while somebody does
	lives int           // guarded by mu; how often it was opened
}

func newGate() *gate { return &gate{up: make(chan struct{})} }

// open begins another life; the last one need not have ended.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.up:
	default:
		close(g.up)
	}
	g.lives++
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.up = make(chan struct{})
}

// pass waits until the gate is open and says in which of its lives; false: ctx has ended.
func (g *gate) pass(ctx context.Context) (life int, ok bool) {
	g.mu.Lock()
	up := g.up
	g.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
		return 0, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lives, ctx.Err() == nil
}
