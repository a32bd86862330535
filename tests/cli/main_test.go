// Package cli_test runs the tenants' commands of the real binary against real nodes. What they did it asks through tests/client.
package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

func TestMain(m *testing.M) { os.Exit(nodetest.Main(m)) }

// tenant is somebody with an account and a home directory of their own.
type tenant struct {
	*client.Client
	binary string
	env    []string
	stdin  string // of the next command
}

// arrives makes an account on the node. Nobody is logged in on the command line yet.
func arrives(t *testing.T, n *node.Node, user string) *tenant {
	t.Helper()
	return &tenant{
		Client: nodetest.Client(t, n, user), binary: nodetest.Binary(t),
		env: append(os.Environ(), "XDG_CONFIG_HOME="+t.TempDir()),
	}
}

// loggedIn is arrives with the login kept for the command line, at url.
func loggedIn(t *testing.T, n *node.Node, user, url string) *tenant {
	t.Helper()
	me := arrives(t, n, user)
	me.stdin = me.Key() + "\n"
	me.ok(t, "login", "--url", url, "--user", user)
	return me
}

// result is what a command printed and how it ended.
type result struct {
	out, err string
	code     int
}

// run runs a command.
func (me *tenant) run(t *testing.T, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), me.binary, args...)
	var out, problem bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = me.env, strings.NewReader(me.stdin), &out, &problem
	me.stdin = ""
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("ozone %v: %v", args, err)
	}
	return result{out.String(), problem.String(), cmd.ProcessState.ExitCode()}
}

// ok runs a command that must work and returns what it printed.
func (me *tenant) ok(t *testing.T, args ...string) string {
	t.Helper()
	r := me.run(t, args...)
	if r.code != 0 {
		t.Fatalf("ozone %v = %d\n%s%s", args, r.code, r.out, r.err)
	}
	return r.out
}

// kept is a file that the command line keeps.
func (me *tenant) kept(name string) string {
	return filepath.Join(strings.TrimPrefix(me.env[len(me.env)-1], "XDG_CONFIG_HOME="), "ozone", name)
}

// decode reads what a command printed as JSON.
func decode[T any](t *testing.T, out string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%q: %v, want JSON", out, err)
	}
	return v
}
