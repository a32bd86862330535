package storagetest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// childPlace names the environment variable that makes a test binary the process that is killed.
const childPlace = "OZONE_STORAGETEST_PLACE"

const (
	childServers  = 20 // snapshots in each of the child's batches
	childReturned = "returned "
)

func isChild() bool { return os.Getenv(childPlace) != "" }

// runChild commits until it is killed, and says after each return of Commit which batch it was.
func runChild(t *testing.T, traits Traits) {
	t.Helper()
	r := newRig(t, traits.At(t, os.Getenv(childPlace)))
	r.committer = "child"
	_, _ = fmt.Fprintln(os.Stdout, "\n"+childReturned+"0")
	for version := int64(1); ; version++ {
		u, other := r.of(alice), r.of(bob)
		for id := int64(1); id <= childServers; id++ {
			u.Snapshots = append(u.Snapshots, r.server(alice, id, version))
			other.Snapshots = append(other.Snapshots, r.server(bob, childServers+id, version))
			other.Events = append(other.Events, r.event(schemas.ServerID(id).Ref(), version, "x", ""))
		}
		r.commit(u, other)
		_, _ = fmt.Fprintln(os.Stdout, childReturned+strconv.FormatInt(version, 10))
	}
}

// testKill kills a committing process at several moments and looks at what it left.
func testKill(t *testing.T, traits Traits) {
	t.Helper()
	for _, returns := range []int64{1, 10, 50} {
		place := t.TempDir()
		returned := killChild(t, place, returns)
		s := traits.At(t, place)
		r := newRig(t, s)
		var version int64
		o, err := s.Object(t.Context(), schemas.ActorServer, alice, 1)
		if err != nil {
			t.Fatalf("Object() after the kill = %v", err)
		}
		if _, err := fmt.Sscanf(string(o.Rendered), `{"version":%d}`, &version); err != nil {
			t.Fatal(err)
		}
		if version < returned || version > returned+1 {
			t.Errorf("after the kill version %d is there, want %d, whose Commit had returned, or the next", version, returned)
		}
		for id := int64(1); id <= childServers; id++ {
			r.shows(alice, id, version)
			r.shows(bob, childServers+id, version)
		}
		// The killed process would go on like this.
		r.committer, r.number = "child", version-1
		r.commit(r.of(alice)) // had been committed
		next := r.of(bob)
		next.Events = []storage.EventRow{r.event(schemas.ServerID(1).Ref(), version+1, "x", "")}
		r.commit(next)
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
}

// killChild starts the test binary as the child, kills it in the middle of a commit after some have returned
// and tells the last one of which it said so.
func killChild(t *testing.T, place string, returns int64) int64 {
	t.Helper()
	root, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+root+"$", "-test.count=1") //nolint:gosec // this test binary
	cmd.Env = append(os.Environ(), childPlace+"="+place)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last int64
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text, ok := strings.CutPrefix(lines.Text(), childReturned)
		if !ok {
			t.Log(lines.Text())
			continue
		}
		if last, err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatal(err)
		}
		if last == returns {
			// Somewhere in one of the next commits.
			time.AfterFunc(time.Duration(returns)*37*time.Microsecond, func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait() // it was killed
	if last < returns {
		t.Fatalf("the child ended after %d commits", last)
	}
	return last
}

// testReopen closes a store and opens it again.
func testReopen(t *testing.T, traits Traits) {
	t.Helper()
	place := t.TempDir()
	s := traits.At(t, place)
	r := newRig(t, s)
	u := r.of(alice)
	u.Snapshots = []storage.Snapshot{r.server(alice, 1, 1)}
	r.commit(u)
	for range 2 { // Close may be called twice
		if err := s.Close(); err != nil {
			t.Fatalf("Close() = %v", err)
		}
	}
	s = traits.At(t, place)
	r.s = s
	r.shows(alice, 1, 1)
	c, err := s.Claim(t.Context(), u.Shard, "node")
	if err != nil || c.Epoch != u.Epoch+1 {
		t.Errorf("Claim() = epoch %d, %v, want %d", c.Epoch, err, u.Epoch+1)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}
