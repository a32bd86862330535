// Package nodetest gives tests a running node, an account and a client.
package nodetest

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/wire"
)

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Main runs a package's tests and removes the binary behind them; call it from TestMain.
func Main(m *testing.M) int {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a leftover harms nobody
	}
	return code
}

// Binary is the binary under test, built once per test process.
func Binary(tb testing.TB) string {
	tb.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "ozone-bin-"); built.err == nil { //nolint:usetesting // it outlives the test that comes first
			built.path, built.err = node.Build(context.Background(), built.dir)
		}
	})
	if built.err != nil {
		tb.Fatal(built.err)
	}
	return built.path
}

// Start runs a node on a fresh directory until the test ends; its log is shown when the test failed.
func Start(tb testing.TB, args ...string) *node.Node {
	tb.Helper()
	return StartIn(tb, tb.TempDir(), args...)
}

// StartIn is Start on a given data directory.
func StartIn(tb testing.TB, dir string, args ...string) *node.Node {
	tb.Helper()
	return StartWith(tb, node.Config{Dir: dir, Args: args})
}

// StartWith is Start with a configuration. Without a binary it is the one under test.
func StartWith(tb testing.TB, cfg node.Config) *node.Node {
	tb.Helper()
	if err := os.Chmod(cfg.Dir, 0o700); err != nil { //nolint:gosec // a directory
		tb.Fatal(err)
	}
	if cfg.Binary == "" {
		cfg.Binary = Binary(tb)
	}
	n, err := node.Start(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := n.Stop(); err != nil {
			tb.Error(err)
		}
		if tb.Failed() {
			tb.Logf("the node's log:\n%s", tail(n.Log(), 20000))
		}
	})
	return n
}

func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}

// Client makes an account without bounds and logs in.
func Client(tb testing.TB, n *node.Node, user string) *client.Client {
	tb.Helper()
	return ClientWith(tb, n, user, node.Unlimited)
}

// ClientWith makes an account with ramMB of RAM and logs in.
func ClientWith(tb testing.TB, n *node.Node, user string, ramMB int64) *client.Client {
	tb.Helper()
	a, err := n.Account(tb.Context(), user, ramMB)
	if err != nil {
		tb.Fatal(err)
	}
	c := client.New(n.URL(), a.User, a.Key)
	if err := c.Login(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { checkEvents(tb, c) })
	return c
}

// checkEvents holds the first thousand events of an account to their schemas, while there is somebody who tells them.
func checkEvents(tb testing.TB, c *client.Client) {
	tb.Helper()
	r, err := c.Ozone(context.WithoutCancel(tb.Context()), http.MethodGet, "/events?limit=1000", nil)
	if err != nil || r.Status != http.StatusOK {
		return // the node has ended, or what it works with
	}
	var events []json.RawMessage
	if err := r.Decode("events", &events); err != nil {
		tb.Error(err)
	}
	for _, e := range events {
		wire.CheckEvent(tb, e)
	}
}

// Audit fails the test when a law is broken.
func Audit(tb testing.TB, n *node.Node) {
	tb.Helper()
	if out, err := n.Audit(tb.Context()); err != nil {
		tb.Errorf("audit: %v\n%s", err, out)
	}
}
