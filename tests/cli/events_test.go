package cli_test

import (
	"bufio"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/ozonecloud/ozone/tests/nodetest"
)

// TestFollowedEventsGoOnBehindAKill follows a server over a kill of its node: each event once and in order.
func TestFollowedEventsGoOnBehindAKill(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, "--sim-delay", "20ms")
	me := loggedIn(t, n, "me", n.URL())
	r := me.run(t, "events")
	cursor := regexp.MustCompile(`--after (\S+)`).FindStringSubmatch(r.err)
	if r.code != 0 || cursor == nil {
		t.Fatalf("events = %+v, want 0 and a cursor", r)
	}
	cmd := exec.CommandContext(t.Context(), me.binary, "events", "--follow", "--after", cursor[1], "--retry", "1m")
	cmd.Env = me.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told, lines := 0, bufio.NewScanner(out)
	until := func(last string) {
		t.Helper()
		for lines.Scan() {
			told++
			if want := fmt.Sprintf(" /ozone/servers/1 %d ", told); !strings.Contains(lines.Text(), want) {
				t.Fatalf("event %q, want it to have %q", lines.Text(), want)
			}
			if strings.Contains(lines.Text(), last) {
				return
			}
		}
		t.Fatalf("the events end before %s: %v", last, lines.Err())
	}
	me.ok(t, "server", "create", "s", "--image", "1", "--flavor", "1", "--wait")
	until("ozone.server.create.end ACTIVE")
	if err := n.Kill9(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	me.ok(t, "server", "resize", "s", "--flavor", "2", "--wait")
	until("ozone.server.resize.end VERIFY_RESIZE")
	// A page of the cloud ends where it has read enough, here before the event that is wanted.
	if r := me.run(t, "events", "--server", "s", "--types", "server.resize.end", "--limit", "1"); !strings.Contains(r.out, "ozone.server.resize.end") ||
		!strings.Contains(r.err, `ozone events --server "s" --types "server.resize.end" --after `) {
		t.Errorf("one event of a type = %+v, want it, and a command for the next one that asks for the same", r)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v, want exit code 0", err)
	}
}
