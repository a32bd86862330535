package libcloud_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// python is the one that Debian's python3-libcloud is installed for.
const python = "/usr/bin/python3"

// library is a running calls.py.
type library struct {
	in  io.Writer
	out *bufio.Scanner

	methods []string // of the driver
}

// ended is how a call ended. One of both is there.
type ended struct {
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// newLibrary starts the library as a user; it ends with the test.
func newLibrary(t *testing.T, url, user, key string) *library {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), python, "calls.py", url, user, key)
	var problem strings.Builder
	cmd.Stderr = &problem
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if errIn != nil || errOut != nil {
		t.Fatal(errIn, errOut)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; tests/rig/install.sh installs it", err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		if err := cmd.Wait(); err != nil || problem.Len() > 0 {
			t.Errorf("calls.py: %v\n%s", err, problem.String())
		}
	})
	l := &library{in: in, out: bufio.NewScanner(out)}
	l.out.Buffer(nil, 1<<20)
	l.read(t, &l.methods)
	return l
}

func (l *library) read(t *testing.T, into any) {
	t.Helper()
	if !l.out.Scan() {
		t.Fatalf("calls.py ended early: %v; tests/rig/install.sh installs what it needs", l.out.Err())
	}
	if err := json.Unmarshal(l.out.Bytes(), into); err != nil {
		t.Fatalf("%s: %v", l.out.Bytes(), err)
	}
}

// call calls a method with arguments in JSON.
func (l *library) call(t *testing.T, method, arguments string) ended {
	t.Helper()
	line, err := json.Marshal(map[string]any{"method": method, "arguments": json.RawMessage(arguments)})
	if err != nil {
		t.Fatalf("%s: %v", arguments, err)
	}
	if _, err := l.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	var e ended
	l.read(t, &e)
	return e
}
