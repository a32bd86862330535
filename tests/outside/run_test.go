package outside_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// TestPrintedLinesWorkWhenPasted runs what a node with the demo account prints in a shell, as a newcomer would.
func TestPrintedLinesWorkWhenPasted(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--demo", "--sim-delay", "300ms")
		if err := n.AwaitLog(t.Context(), lastLine); err != nil {
			t.Fatal(err)
		}
		script := pasteable(n.Log())
		if !strings.Contains(script, "curl") {
			t.Fatalf("nothing to paste in %q", n.Log())
		}
		shell := exec.CommandContext(t.Context(), "bash", "-c", script)
		shell.Dir = t.TempDir()
		shell.Env = append(shell.Environ(), "XDG_CONFIG_HOME="+shell.Dir)
		out, err := shell.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, want := range []string{"logged in as demo", "256 MB Server", `"flavors":[`, `"images":[`, `"status":"BUILD"`, `"status":"ACTIVE"`, `"state":"succeeded"`} {
			if !strings.Contains(string(out), want) {
				t.Errorf("no %s in what the pasted lines printed:\n%s\nfor\n%s", want, out, script)
			}
		}
		key, err := os.ReadFile(filepath.Join(n.Dir(), "demo.key"))
		if err != nil || !strings.Contains(n.Log(), strings.TrimSpace(string(key))) {
			t.Errorf("the key in demo.key is not the printed one: %v", err)
		}
		if info, err := os.Stat(filepath.Join(n.Dir(), "demo.key")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("demo.key: %v, %v, want mode 0600", info, err)
		}
		if err := n.Kill9(); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := client.New(n.URL(), "demo", strings.TrimSpace(string(key)))
		if err := c.Login(t.Context()); err != nil {
			t.Fatalf("the demo user after the restart: %v", err)
		}
		if c.Account() != "1001" {
			t.Errorf("the demo account is %s, want 1001", c.Account())
		}
		if list, err := c.Servers(t.Context()); err != nil || len(list) != 1 || list[0].Status != "ACTIVE" {
			t.Errorf("after the restart: %+v, %v", list, err)
		}
		for pasteable(n.Log()) != script+script { // the second start prints the same lines
			if err := t.Context().Err(); err != nil || len(pasteable(n.Log())) > 2*len(script) {
				t.Fatalf("%v: two starts printed\n%s", err, pasteable(n.Log()))
			}
		}
	})
}

// lastLine is in the last line that is to be pasted.
const lastLine = "/operations; echo"

// pasteable is what a node printed to be pasted: indented lines.
func pasteable(log string) string {
	var script strings.Builder
	for line := range strings.Lines(log) {
		if strings.HasPrefix(line, "  ") {
			script.WriteString(line)
		}
	}
	return script.String()
}

func TestServerInBuildBecomesActiveAfterKill9(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--sim-delay", "1500ms")
		c := nodetest.Client(t, n, "user")
		kept := active(t, c, "kept")
		s, r, err := c.CreateServer(t.Context(), "building", 1, 1)
		expect(t, "create", r, err, http.StatusAccepted, "")
		if err := n.Kill9(); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := status(t, c, s.ID); got != "BUILD" {
			t.Errorf("right after the restart: %s, want BUILD", got)
		}
		if got := status(t, c, kept.ID); got != "ACTIVE" {
			t.Errorf("the server from before: %s, want ACTIVE", got)
		}
		await(t, c, r, "succeeded")
		if got := status(t, c, s.ID); got != "ACTIVE" {
			t.Errorf("in the end: %s, want ACTIVE", got)
		}
		nodetest.Audit(t, n)
	})
}

// TestSIGTERMDrains stops a node under load: every request is answered or never begun, and nothing is lost.
func TestSIGTERMDrains(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--sim-delay", "50ms")
		c := nodetest.Client(t, n, "user")
		var all sync.WaitGroup
		var mu sync.Mutex
		var accepted []string
		for range 16 {
			all.Go(func() {
				for {
					_, r, err := c.CreateServer(t.Context(), "n", 1, 1)
					if err != nil {
						return // the node ends
					}
					mu.Lock()
					accepted = append(accepted, r.Operation())
					mu.Unlock()
				}
			})
		}
		for enough := false; !enough; {
			mu.Lock()
			enough = len(accepted) > 100
			mu.Unlock()
		}
		if err := n.Stop(); err != nil {
			t.Errorf("SIGTERM: %v", err)
		}
		all.Wait()
		if _, err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range accepted {
			if o, err := c.Await(t.Context(), id); err != nil || o.State != "succeeded" {
				t.Fatalf("operation %s: %+v, %v", id, o, err)
			}
		}
		if list, err := c.Servers(t.Context()); err != nil || len(list) != len(accepted) {
			t.Errorf("%d servers, %v, want %d: one for each answer", len(list), err, len(accepted))
		}
		nodetest.Audit(t, n)
	})
}

func TestAutomaticConfirmOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--confirm-after", "2s")
		c := nodetest.Client(t, n, "user")
		s := active(t, c, "n")
		r, err := c.Action(t.Context(), s.ID, `{"resize":{"flavorId":2}}`)
		expect(t, "resize", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		if got := status(t, c, s.ID); got != "VERIFY_RESIZE" {
			t.Fatalf("after the resize: %s", got)
		}
		if err := n.Kill9(); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ; ; <-tick.C {
			list, err := c.Operations(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range list {
				if o.Action == "server.resize_confirm" && o.State == "succeeded" {
					if got := status(t, c, s.ID); got != "ACTIVE" {
						t.Errorf("after the automatic confirm: %s", got)
					}
					nodetest.Audit(t, n)
					return
				}
			}
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestCloudThatIsFullSaysSo(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--hosts", "sim:2", "--sim-ram", "1")
		c := nodetest.Client(t, n, "user")
		for range 2 { // one on each host
			_, r, err := c.CreateServer(t.Context(), "n", 1, 3)
			expect(t, "create", r, err, http.StatusAccepted, "")
			await(t, c, r, "succeeded")
		}
		_, r, err := c.CreateServer(t.Context(), "n", 1, 1)
		expect(t, "create in a full cloud", r, err, http.StatusServiceUnavailable, "serverCapacityUnavailable")
		if r != nil && r.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		list, err := c.Servers(t.Context())
		if err != nil || len(list) != 2 {
			t.Fatalf("servers %v, %v", list, err)
		}
		r, err = c.Action(t.Context(), list[0].ID, `{"resize":{"flavorId":1}}`)
		expect(t, "resize in a full cloud", r, err, http.StatusServiceUnavailable, "serverCapacityUnavailable")
		if got := status(t, c, list[0].ID); got != "ACTIVE" {
			t.Errorf("after the refused resize: %s", got)
		}
		r, err = c.Do(t.Context(), http.MethodDelete, path(list[1].ID), nil)
		expect(t, "delete", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		_, r, err = c.CreateServer(t.Context(), "n", 1, 1)
		expect(t, "create after the delete", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		nodetest.Audit(t, n)
	})
}

func TestOperatorsCommands(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--hosts", "sim:3")
		nodetest.Client(t, n, "somebody")
		for what, args := range map[string][]string{
			"somebody": {"account", "list", "--data", n.Dir()}, "sim-3": {"host", "list", "--data", n.Dir()}, "ozone": {"version"},
			"host.inventory": {"audit", "--data", n.Dir()},
		} {
			out, err := n.Run(t.Context(), args...)
			if err != nil || !strings.Contains(out, what) {
				t.Errorf("ozone %v: %q, %v, want %q in it", args, out, err, what)
			}
		}
		if _, err := n.Run(t.Context(), "account", "create", "--data", n.Dir(), "--user", "somebody"); err == nil {
			t.Error("the same user twice was taken")
		}
		info, err := os.Stat(filepath.Join(n.Dir(), "admin.sock"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("admin.sock: %v, %v, want mode 0600", info, err)
		}
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
		if out, err := n.Run(t.Context(), "account", "list", "--data", n.Dir()); err != nil || !strings.Contains(out, "somebody") {
			t.Errorf("account list without a node: %q, %v", out, err)
		}
		if out, err := n.Run(t.Context(), "audit", "--data", n.Dir()); err != nil {
			t.Errorf("audit without a node: %q, %v", out, err)
		}
	})
}
