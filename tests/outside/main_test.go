// Package outside_test looks at a node as its clients do: over HTTP and raw sockets, through the command line.
// They see the same on both ways to run it.
package outside_test

import (
	"net/http"
	"os"
	"strconv"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	defer func() {
		for _, w := range ways {
			w.end()
		}
	}()
	return nodetest.Main(m)
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
