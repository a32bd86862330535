// Package outside_test looks at a node as its clients do: over HTTP and raw sockets, through the command line.
package outside_test

import (
	"context"
	"net/http"
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

var (
	shared     *node.Node
	sharedOnce sync.Once
	errShared  error
	sharedDir  string
)

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	defer func() {
		if shared != nil {
			_ = shared.Kill9() // its tests are over
		}
		_ = os.RemoveAll(sharedDir)
	}()
	return nodetest.Main(m)
}

// cloud is a node that tests share; each test has accounts of its own on it.
func cloud(t *testing.T) *node.Node {
	t.Helper()
	binary := nodetest.Binary(t)
	sharedOnce.Do(func() {
		if sharedDir, errShared = os.MkdirTemp("", "ozone-outside-"); errShared != nil { //nolint:usetesting // it outlives the test that comes first
			return
		}
		shared, errShared = node.Start(context.Background(), node.Config{
			Binary: binary, Dir: sharedDir, Args: []string{"--hosts", "sim:6", "--sim-delay", slow.String()},
		})
	})
	if errShared != nil {
		t.Fatal(errShared)
	}
	return shared
}

// tenant is a client with an account of its own on the shared node.
func tenant(t *testing.T) *client.Client {
	t.Helper()
	return nodetest.Client(t, cloud(t), "user-"+strconv.FormatInt(time.Now().UnixNano(), 36))
}

// expect checks an answer's status and, for errors, the name of its fault and that the fault's code is the status.
func expect(t *testing.T, what string, r *client.Reply, err error, status int, fault string) {
	t.Helper()
	if r == nil {
		t.Fatalf("%s: %v", what, err)
	}
	if r.Status != status {
		t.Errorf("%s: answer %d %s, want %d", what, r.Status, r.Body, status)
		return
	}
	f := r.Fault()
	switch {
	case fault == "" && f != nil:
		t.Errorf("%s: fault %+v, want none", what, *f)
	case fault == "":
	case f == nil:
		t.Errorf("%s: body %q, want a %s", what, r.Body, fault)
	case f.Name != fault || f.Code != status || f.Message == "":
		t.Errorf("%s: fault %+v, want a %s with code %d and a message", what, *f, fault, status)
	case r.Header.Get("Content-Type") != "application/json" && r.Header.Get("Content-Type") != "application/json; charset=UTF-8":
		t.Errorf("%s: a fault of type %q", what, r.Header.Get("Content-Type"))
	}
}

// active makes a server that is ACTIVE.
func active(t *testing.T, c *client.Client, name string) client.Server {
	t.Helper()
	s, err := c.ActiveServer(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// status reads a server's status.
func status(t *testing.T, c *client.Client, id int64) string {
	t.Helper()
	s, r, err := c.Server(t.Context(), id)
	if err != nil {
		t.Fatalf("GET server %d: %v %v", id, err, r)
	}
	return s.Status
}

// await waits for the end of the operation that an answer names and checks how it ended.
func await(t *testing.T, c *client.Client, r *client.Reply, state string) {
	t.Helper()
	if r == nil || r.Operation() == "" {
		t.Fatal("the answer names no operation")
	}
	o, err := c.Await(t.Context(), r.Operation())
	if err != nil {
		t.Fatal(err)
	}
	if o.State != state {
		t.Fatalf("operation %s of %s ended %s (%+v), want %s", o.ID, o.Action, o.State, o.Error, state)
	}
}

func path(id int64) string { return "/servers/" + strconv.FormatInt(id, 10) }

// get reads a path below the management URL.
func get(t *testing.T, c *client.Client, path string) (*client.Reply, error) {
	t.Helper()
	return c.Do(t.Context(), http.MethodGet, path, nil)
}

// limited is a client whose account has so much RAM and no more.
func limited(t *testing.T, ramMB int64) *client.Client {
	t.Helper()
	return nodetest.ClientWith(t, cloud(t), "user-"+strconv.FormatInt(time.Now().UnixNano(), 36), ramMB)
}
