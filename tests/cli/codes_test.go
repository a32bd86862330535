package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/nodetest"
)

func TestExitCodesSayWhoMustActAndTextsSayHow(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, "--hosts", "sim:1", "--sim-ram", "1")
	me := loggedIn(t, n, "me", n.URL())
	me.ok(t, "server", "create", "twin", "--image", "1", "--flavor", "1", "--wait")
	me.ok(t, "server", "create", "twin", "--image", "1", "--flavor", "1", "--wait")
	for _, c := range []struct {
		command string
		code    int
		want    string // on stderr
	}{
		{"server show twin", 1, "Say which by its number."},
		{"server confirm 1", 1, "resizeNotAllowed). Look at the server's status with ozone server show."},
		{"server create --image 1 --flavor 3", 1, "take a smaller flavor."},
		{"image delete 1", 1, "cloudServersFault"},
		{"server update 1", 2, "Give --name, --password-file or both."},
		{"server create --image 1", 2, "--flavor"},
		{"server resize 1 --flavor 2 --probe icmp:1", 2, "Give tcp:PORT or http:PORT/PATH."},
		{"server resize 1 --flavor 2 --probe tcp:22/healthz", 2, "--probe tcp:22/healthz is no probe"},
		{"server resize 1 --flavor 2 --probe http:/healthz", 2, "is no probe"},
		{"server resize 1 --flavor 2 --probe tcp:22 --probe-for 1500ms", 2, "whole seconds"},
		{"server resize 1 --flavor 2 --probe-for 1s", 2, "without --probe"},
		{"server resize 1 --flavor 2 --probe http:0", 1, "probe.port must be"},
		{"server list -o xml", 2, "--output"},
		{"server list --url 127.0.0.1:1 --user me --key x", 2, "want http://HOST"},
		{"server list --key other", 2, "Give user and key together."},
		{"server create --image 1 --flavor 1 --file /etc/motd=nowhere", 2, "nowhere"},
		{"server show 99", 3, "itemNotFound"},
		{"server show nobody", 3, `there is no server "nobody". ozone server list shows what there is.`},
		{"server create --image 99 --flavor 1", 3, "image not found"},
		{"operation show 0193", 3, `there is no operation "0193". ozone operation list`},
		{"operation watch 0193", 3, `there is no operation "0193"`},
		{"server history 1 --at 2020-01-01T00:00:00Z", 3, "server 1 was not there at 2020-01-01T00:00:00Z"},
		{"server share-ip 1 198.18.0.9", 2, "server 1 is in no group. Name the group of the address with --group"},
		{"events --follow --limit 3", 2, "--limit says nothing with --follow"},
		{"events --limit=-1", 2, "--limit is less than nothing"},
		{"subscription create mine --types server.*.error", 1, "RabbitMQ"},
		{"server list --url http://127.0.0.1:1 --user me --key x --retry 200ms", 4, "connection refused. Is the cloud up, and is that where it is?"},
		{"server list --url " + n.URL() + " --user me --key wrong", 5, "Log in with ozone login."},
		{"login --url " + n.URL() + " --user me --key wrong", 5, "Invalid user name or API key (unauthorized)."},
		{"login --user me", 2, "The key is missing"},
	} {
		r := me.run(t, strings.Fields(c.command)...)
		if r.code != c.code || !strings.Contains(strings.ToLower(r.err), strings.ToLower(c.want)) || r.out != "" {
			t.Errorf("ozone %s = %d\n%s%s, want %d with %q", c.command, r.code, r.out, r.err, c.code, c.want)
		}
	}
	if r := arrives(t, n, "stranger").run(t, "server", "list"); r.code != 5 || !strings.Contains(r.err, "nobody is logged in. Log in with ozone login") {
		t.Errorf("without a login: %+v, want 5", r)
	}
}

func TestARateThatIsUsedUpIsNoRefusal(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t)
	out, err := n.Run(t.Context(), "account", "create", "--data", n.Dir(), "--user", "busy", "--limits", "post=1/minute")
	if err != nil {
		t.Fatal(err)
	}
	me := arrives(t, n, "other")
	me.env = append(me.env, "OZONE_URL="+n.URL(), "OZONE_USER=busy", "OZONE_KEY="+out[strings.LastIndex(out, " ")+1:len(out)-1])
	me.ok(t, "group", "create", "a")
	r := me.run(t, "group", "create", "b", "--retry", "0s")
	if r.code != 4 || !strings.Contains(r.err, "(overLimit). Repeat the command in ") {
		t.Errorf("over the rate: %+v, want 4", r)
	}
	if out := me.ok(t, "limits"); !strings.Contains(out, "POST * a minute") {
		t.Errorf("limits = %q, want the rate", out)
	}
}

func TestALoginIsKeptForItsUserAlone(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t)
	me := loggedIn(t, n, "me", n.URL())
	for _, name := range []string{"login.json", "token.json"} {
		if info, err := os.Stat(me.kept(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", name, info, err)
		}
	}
	if text, err := os.ReadFile(me.kept("token.json")); err != nil || strings.Contains(string(text), me.Key()) {
		t.Errorf("token.json has the key in it: %s, %v", text, err)
	}
	me.ok(t, "server", "create", "mine", "--image", "1", "--flavor", "1", "-w")
	other := nodetest.Client(t, n, "other")
	given := []string{"server", "list", "--url", n.URL(), "--user", "other", "--key", other.Key()}
	if out := me.ok(t, given...); strings.Contains(out, "mine") {
		t.Errorf("the other user sees %q", out)
	}
	if out := me.ok(t, "server", "list"); !strings.Contains(out, "mine") {
		t.Errorf("after another user's command: %q, want the server", out)
	}
	file := filepath.Join(t.TempDir(), "ozone.json")
	if err := os.WriteFile(file, []byte(`{"url": "`+n.URL()+`", "user": "other", "key": "`+other.Key()+`", "output": "json", "wait": "10s"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := me.ok(t, "server", "list", "--config", file); strings.TrimSpace(out) != "[]" {
		t.Errorf("with a config file: %q, want no servers, as JSON", out)
	}
	me.ok(t, "group", "create", "g", "--config", file) // the file's wait is that of serve
}
