package outside_test

import (
	"context"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// slow is how long a step takes on the node that most tests share: long enough to see each passing status.
const slow = 250 * time.Millisecond

// way is one of the two ways to run a node. Its clients cannot tell which.
type way struct {
	name    string
	servers *servers // nil: everything is embedded

	once sync.Once // starts the node that tests share
	node *node.Node
	dir  string
	err  error // why there is none
}

var ways = []*way{{name: "embedded"}, {name: "servers", servers: new(servers)}}

// bothWays runs a test once for each way, side by side: most of the time it waits for simulated hosts. Two tests do not
// meet on one node: those that are parallel have nodes for themselves or ask nothing of the shared one, and do not mind a busy machine.
func bothWays(t *testing.T, test func(t *testing.T, w *way)) {
	t.Helper()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// start runs a node that has everything for itself until the test ends.
func (w *way) start(t *testing.T, args ...string) *node.Node {
	t.Helper()
	cfg := node.Config{Dir: t.TempDir(), Args: args}
	if w.servers != nil {
		cfg.Env = w.servers.lend(t)
	}
	return nodetest.StartWith(t, cfg)
}

// cloud is a node that tests share; each test has accounts of its own on it.
func (w *way) cloud(t *testing.T) *node.Node {
	t.Helper()
	binary := nodetest.Binary(t)
	w.once.Do(func() { w.node, w.err = w.startShared(context.Background(), binary) }) // it outlives the test that comes first
	if w.err != nil {
		t.Fatal(w.err)
	}
	return w.node
}

func (w *way) startShared(ctx context.Context, binary string) (*node.Node, error) {
	cfg := node.Config{Binary: binary, Args: []string{"--hosts", "sim:6", "--sim-delay", slow.String()}}
	var err error
	if w.dir, err = os.MkdirTemp("", "ozone-outside-"); err != nil {
		return nil, err
	}
	cfg.Dir = w.dir
	if w.servers != nil {
		if cfg.Env, err = w.servers.env(ctx, "shared"); err != nil {
			return nil, err
		}
	}
	return node.Start(ctx, cfg)
}

// dirs are where what a node was told may be written.
func (w *way) dirs(n *node.Node) []string {
	if w.servers == nil {
		return []string{n.Dir()}
	}
	return []string{n.Dir(), w.servers.both.Broker.Dir(), w.servers.both.Database.Dir()}
}

// end gives back what the tests shared.
func (w *way) end() {
	if w.node != nil {
		_ = w.node.Kill9() // its tests are over
	}
	_ = os.RemoveAll(w.dir) // a leftover harms nobody
	if w.servers != nil {
		w.servers.close()
	}
}

// tenant is a client with an account of its own on the shared node.
func (w *way) tenant(t *testing.T) *client.Client {
	t.Helper()
	return w.limited(t, node.Unlimited)
}

// limited is a tenant whose account has so much RAM and no more.
func (w *way) limited(t *testing.T, ramMB int64) *client.Client {
	t.Helper()
	return nodetest.ClientWith(t, w.cloud(t), "user-"+strconv.FormatInt(time.Now().UnixNano(), 36), ramMB)
}
