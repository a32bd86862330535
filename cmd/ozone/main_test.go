package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone"
)

func parse(t *testing.T, args ...string) (cli, error) {
	t.Helper()
	var c cli
	var out bytes.Buffer
	parser, err := newParser(&c, &out, &out, func(int) {})
	if err != nil {
		t.Fatalf("newParser() = %v, want nil", err)
	}
	_, err = parser.Parse(args)
	return c, err
}

func TestFlagsHaveTheDefaultsOfTheConfig(t *testing.T) {
	t.Parallel()
	c, err := parse(t, "serve")
	if err != nil {
		t.Fatalf("Parse() = %v, want nil", err)
	}
	if want := ozone.Defaults(); !reflect.DeepEqual(c.Serve.Config, want) {
		t.Errorf("serve without flags = %+v, want %+v", c.Serve.Config, want)
	}
}

func TestCommandLineOverEnvironmentOverFileOverDefault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ozone.json")
	text := `{"data": "file", "public-url": "http://file", "hosts": "sim:3", "sim-delay": "2s", "demo": true, "roles": "engine,host,edge", "sim-ram": 64, "step-timeout": {"copy": "2h"}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OZONE_CONFIG", path)
	t.Setenv("OZONE_PUBLIC_URL", "http://environment")
	t.Setenv("OZONE_HOSTS", "sim:4")
	t.Setenv("OZONE_ROLES", "host,engine,edge")
	c, err := parse(t, "serve", "--hosts", "sim:5")
	if err != nil {
		t.Fatalf("Parse() = %v, want nil", err)
	}
	want := ozone.Defaults()
	want.Data, want.PublicURL, want.Hosts = "file", "http://environment", "sim:5"
	want.SimRAMGiB, want.Roles = 64, "host,engine,edge"
	want.SimDelay, want.Demo, want.StepTimeout = 2*time.Second, true, map[string]time.Duration{"copy": 2 * time.Hour}
	if !reflect.DeepEqual(c.Serve.Config, want) {
		t.Errorf("got %+v, want %+v", c.Serve.Config, want)
	}
}

func TestAConfigFileIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"dat": "x"}`:          `"dat"`,
		`{"config": "x"}`:       `"config"`,
		`["data"]`:              "JSON object",
		`{"data": "x"`:          "JSON object",
		`{"sim-delay": "soon"}`: "sim-delay",
	} {
		path := filepath.Join(t.TempDir(), "ozone.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := parse(t, "serve", "--config", path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: Parse() = %v, want an error that names %s", text, err, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	for _, c := range []struct {
		args string
		code int
		out  string // on stdout when code is 0, else on stderr
	}{
		{"--help", 0, "account create"},
		{"serve --help", 0, "--listen=\"127.0.0.1:8774\""},
		{"version", 0, "ozone "},
		{"--version", 0, "ozone "},
		{"help", 0, "account create"},
		{"help server create", 0, "ozone server create web --image"},
		{"", exitUsage, "ozone: expected one of"},
		{"server create --image 1", exitUsage, "missing flags: --flavor=FLAVOR\nSee ozone server create --help."},
		{"server reboot web --hrad", exitUsage, "See ozone server reboot --help."},
		{"server create --help", 0, "ozone server create web --image"},
		{"fly", exitUsage, "unexpected argument fly"},
		{"serve --hosts 8", exitUsage, "--hosts 8"},
		{"serve --roles=", exitUsage, "--roles is empty"},
		{"serve --roles edge", exitUsage, "--bus inproc"},
		{"account create", exitUsage, "--user"},
		{"host fence", exitUsage, "<host>"},
		{"audit --data " + empty, 1, "no store"},
		{"host list --data " + empty, 1, "no cloud in " + empty},
		{"account list --data " + empty, 1, "no cloud in " + empty},
	} {
		var stdout, stderr bytes.Buffer
		code := run(strings.Fields(c.args), &stdout, &stderr)
		got := stderr.String()
		if c.code == 0 {
			got = stdout.String()
		}
		if code != c.code || !strings.Contains(got, c.out) {
			t.Errorf("ozone %s = %d %q, want %d with %q", c.args, code, got, c.code, c.out)
		}
	}
}

func TestAccountsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	ozone := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		if code := run(append(args, "--data", data), &stdout, &stderr); code != 0 {
			t.Fatalf("ozone %v = %d: %s", args, code, stderr.String())
		}
		return stdout.String()
	}
	made := ozone("account", "create", "--user", "alice", "--ram", "2048", "--limits", "off")
	rotated := ozone("account", "rotate-key", "alice")
	if key := last(made); len(key) != 64 || key == last(rotated) {
		t.Errorf("keys = %q and %q, want two of 64 digits", key, last(rotated))
	}
	list := ozone("account", "list")
	for _, want := range []string{"1001", "alice", "2048", "off"} {
		if !strings.Contains(list, want) {
			t.Errorf("account list = %q, want it to have %q", list, want)
		}
	}
	if audit := ozone("audit"); !strings.Contains(audit, "operations unfinished: 0") {
		t.Errorf("audit = %q, want nothing unfinished", audit)
	}
}

// last is the last word of s.
func last(s string) string {
	words := strings.Fields(s)
	return words[len(words)-1]
}
