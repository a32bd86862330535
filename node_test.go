package ozone_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone"
	"github.com/ozonecloud/ozone/schemas"
)

// running is a node that serves in the background.
type running struct {
	url  string
	out  *output
	stop func() error // ends it as a signal would
}

// output collects what a node prints and says when it is ready.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer // guarded by mu
	ready chan string
	once  sync.Once
}

var readyLine = regexp.MustCompile(`(?m)^ozone is ready: (\S+),`)

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	if m := readyLine.FindStringSubmatch(o.text.String()); m != nil {
		o.once.Do(func() { o.ready <- m[1] })
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func config(t *testing.T) ozone.Config {
	t.Helper()
	return ozone.Config{Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), Hosts: "sim:2"}
}

func start(t *testing.T, cfg ozone.Config) *running {
	t.Helper()
	out := &output{ready: make(chan string, 1)}
	cfg.Out = out
	node, err := ozone.New(cfg)
	if err != nil {
		t.Fatalf("New() = %v, want a node", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	select {
	case url := <-out.ready:
		return &running{url, out, stop}
	case err := <-ended:
		ended <- err
		t.Fatalf("Run() = %v before it was ready", err)
	case <-time.After(time.Minute):
		t.Fatal("the node is not ready after a minute")
	}
	panic("unreachable")
}

// startFails runs a node that must refuse to serve.
func startFails(t *testing.T, cfg ozone.Config) error {
	t.Helper()
	node, err := ozone.New(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err = node.Run(ctx); err == nil {
		t.Fatal("Run() = nil, want an error")
	}
	return err
}

func get(t *testing.T, url string, header ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return response.StatusCode, response.Header, string(body)
}

func TestANodeServesAndDrains(t *testing.T) {
	t.Parallel()
	n := start(t, config(t))
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "ozone_operations_stuck 0\n"} {
		if status, _, body := get(t, n.url+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s = %d %q, want 200 with %q", path, status, body, want)
		}
	}
	if err := n.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if got := strings.Count(n.out.String(), "\n"); got != 1 {
		t.Errorf("%d lines were printed, want 1: %q", got, n.out.String())
	}
}

func TestProbesAreOnTheSocketToo(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(cfg.Data, "admin.sock"))
		},
	}}
	defer client.CloseIdleConnections()
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "ozone_operations_stuck 0\n"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://node"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatalf("GET %s = %v, want an answer", path, err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close() // it was read
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("GET %s = %d %q, %v, want 200 with %q", path, response.StatusCode, body, err, want)
		}
	}
}

func TestASecondNodeIsRefused(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	if err := startFails(t, cfg); !strings.Contains(err.Error(), "is in use by process") {
		t.Errorf("Run() = %v, want an error that names the process", err)
	}
}

func TestOperatorWorksBesideANodeAndWithoutOne(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	if _, err := ozone.OpenOperator(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no cloud in "+cfg.Data) {
		t.Errorf("OpenOperator() = %v without a cloud, want an error that names the directory", err)
	}
	alone := operator(t, cfg)
	first := create(t, alone, "alice")
	if first.Account < 1001 {
		t.Errorf("the first account is %d, want 1001 or more", first.Account)
	}
	if _, err := alone.Hosts(t.Context()); err == nil {
		t.Error("Hosts() = nil without a node, want an error")
	}
	closeOperator(t, alone)

	n := start(t, cfg)
	beside := operator(t, cfg)
	defer closeOperator(t, beside)
	second := create(t, beside, "bob")
	if _, err := beside.CreateAccount(t.Context(), ozone.NewAccount{User: "alice"}); err == nil {
		t.Error("a second user alice was made, want an error")
	}
	list, err := beside.Accounts(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("Accounts() = %v, %v, want 2", list, err)
	}
	login(t, n, first, http.StatusNoContent)
	login(t, n, second, http.StatusNoContent)
	fresh, err := beside.RotateKey(t.Context(), "bob")
	if err != nil {
		t.Fatalf("RotateKey() = %v, want a key", err)
	}
	login(t, n, second, http.StatusUnauthorized)
	login(t, n, fresh, http.StatusNoContent)
	if _, err := beside.RotateKey(t.Context(), "nobody"); err == nil {
		t.Error("RotateKey() of nobody = nil, want an error")
	}
}

func TestHostsAreListedAndFenced(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	o := operator(t, cfg)
	defer closeOperator(t, o)
	if list, err := o.Hosts(t.Context()); err != nil || len(list) != 2 || list[0].State != schemas.HostUp {
		t.Fatalf("Hosts() = %v, %v, want 2 that are up", list, err)
	}
	if err := o.Fence(t.Context(), 2); err != nil {
		t.Fatalf("Fence(2) = %v, want nil", err)
	}
	if list, err := o.Hosts(t.Context()); err != nil || list[1].State != schemas.HostFenced {
		t.Errorf("Hosts() = %v, %v, want the second one fenced", list, err)
	}
	if list, err := o.Explain(t.Context(), 1); err != nil || len(list) != 2 || list[0].Reason != "" || list[1].Reason != "out of service" {
		t.Errorf("Explain(1) = %+v, %v, want room on the first host only", list, err)
	}
	if _, err := o.Explain(t.Context(), 99); err == nil || !strings.Contains(err.Error(), "no flavor 99") {
		t.Errorf("Explain(99) = %v, want an error", err)
	}
	if err := o.Fence(t.Context(), 99); err == nil || !strings.Contains(err.Error(), "no host 99") {
		t.Errorf("Fence(99) = %v, want an error", err)
	}
}

func TestTheDemoKeyIsKeptAndFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Demo = true
	n := start(t, cfg)
	key, err := os.ReadFile(filepath.Join(cfg.Data, "demo.key"))
	if err != nil || !strings.Contains(n.out.String(), strings.TrimSpace(string(key))) {
		t.Fatalf("demo.key = %q, %v, want what was printed: %q", key, err, n.out.String())
	}
	kept := ozone.Credentials{User: "demo", Key: strings.TrimSpace(string(key))}
	login(t, n, kept, http.StatusNoContent)
	if err := n.stop(); err != nil {
		t.Fatalf("Run() = %v, want nil", err)
	}
	cfg.DemoKey = "another-key"
	n = start(t, cfg)
	login(t, n, kept, http.StatusUnauthorized)
	login(t, n, ozone.Credentials{User: "demo", Key: "another-key"}, http.StatusNoContent)
	if err := n.stop(); err != nil {
		t.Fatalf("Run() = %v, want nil", err)
	}
	cfg.Demo, cfg.Listen, cfg.Insecure = false, "0.0.0.0:0", true
	if err := startFails(t, cfg); !strings.Contains(err.Error(), "demo account") {
		t.Errorf("Run() = %v, want a refusal of the demo account beyond loopback", err)
	}
}

func TestACorruptStoreIsExplained(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	if err := start(t, cfg).stop(); err != nil {
		t.Fatalf("Run() = %v, want nil", err)
	}
	path := filepath.Join(cfg.Data, "ozone.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := startFails(t, cfg); !strings.Contains(err.Error(), path) {
		t.Errorf("Run() = %v, want an error that names the store", err)
	}
}

func TestATakenPortIsExplained(t *testing.T) {
	t.Parallel()
	n := start(t, config(t))
	cfg := config(t)
	cfg.Listen = strings.TrimPrefix(n.url, "http://")
	if err := startFails(t, cfg); !strings.Contains(err.Error(), "--listen") {
		t.Errorf("Run() = %v, want an error that says what to do", err)
	}
}

func TestAuditOfANewCloudIsClean(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	if _, err := ozone.Audit(t.Context(), cfg); err == nil {
		t.Error("Audit() of nothing = nil, want an error")
	}
	n := start(t, cfg)
	for _, beside := range []bool{true, false} {
		report, err := ozone.Audit(t.Context(), cfg)
		if err != nil || len(report.Broken) > 0 || len(report.Checked) == 0 {
			t.Errorf("Audit() with a node beside it %v = %+v, %v, want a clean report", beside, report, err)
		}
		if err := n.stop(); err != nil {
			t.Fatalf("Run() = %v, want nil", err)
		}
	}
}

func operator(t *testing.T, cfg ozone.Config) ozone.Operator {
	t.Helper()
	o, err := ozone.MakeOperator(t.Context(), cfg)
	if err != nil {
		t.Fatalf("MakeOperator() = %v, want nil", err)
	}
	return o
}

func closeOperator(t *testing.T, o ozone.Operator) {
	t.Helper()
	if err := o.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
}

func create(t *testing.T, o ozone.Operator, user string) ozone.Credentials {
	t.Helper()
	made, err := o.CreateAccount(t.Context(), ozone.NewAccount{User: user})
	if err != nil {
		t.Fatalf("CreateAccount(%q) = %v, want credentials", user, err)
	}
	return made
}

// login compares the status of a login, and the account that it leads to.
func login(t *testing.T, n *running, c ozone.Credentials, want int) {
	t.Helper()
	status, header, body := get(t, n.url+"/v1.0", "X-Auth-User", c.User, "X-Auth-Key", c.Key)
	if status != want {
		t.Fatalf("login of %s = %d %s, want %d", c.User, status, body, want)
	}
	if url := header.Get("X-Server-Management-Url"); status == http.StatusNoContent && !strings.HasPrefix(url, n.url+"/v1.0/") {
		t.Errorf("management URL = %q, want it below %s", url, n.url)
	}
}

func TestAMistypedStoreMakesNoCloud(t *testing.T) {
	t.Parallel()
	cfg := ozone.Config{Data: filepath.Join(t.TempDir(), "data"), Store: "mysql://u:secret@h/x"}
	tries := map[string]func() error{
		"OpenOperator": func() error { _, err := ozone.OpenOperator(t.Context(), cfg); return err },
		"MakeOperator": func() error { _, err := ozone.MakeOperator(t.Context(), cfg); return err },
		"Audit":        func() error { _, err := ozone.Audit(t.Context(), cfg); return err },
	}
	for name, try := range tries {
		if err := try(); err == nil || !strings.Contains(err.Error(), "--store mysql://u:...@h/x") {
			t.Errorf("%s() = %v, want an error that names the setting without its password", name, err)
		}
	}
	if _, err := os.Stat(cfg.Data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data directory: %v, want none", err)
	}
}
