package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/nodetest"
)

// story is every command that there is, in an order in which they work, and a word of what each prints as a table or as JSON.
// A + is a space, ADDRESS is the public address of the first server, OPERATION the latest operation, FILE a file.
var story = []struct{ command, want string }{
	{"flavor list", "256 MB Server"},
	{"limits", "maxTotalRAMSize"},
	{"image list", "Debian 12"},
	{"group create pair", "pair"},
	{"server create dry --image 1 --flavor 1 --dry-run", "BUILD"},
	{"group create dry --dry-run", "shared_ip_group.create"},
	{"server create a --image 1 --flavor 1 --group pair -m role=front --file /etc/motd=FILE --wait", "ACTIVE"},
	{"server create b --image Debian+12 --flavor 256+MB+Server --group pair --share-ip ADDRESS --wait", "ADDRESS"},
	{"group list", "pair"},
	{"group show pair", "pair"},
	{"server unshare-ip b ADDRESS --wait", "server.unshare_ip"},
	{"server share-ip b ADDRESS --configure --wait", "server.share_ip"},
	{"server unshare-ip b ADDRESS -w", "succeeded"},
	{"server list", "ADDRESS"},
	{"server show a", "front"},
	{"server update a --name c", "server.update"},
	{"server update c --password-file FILE --wait", "server.update"},
	{"server reboot c --wait", "server.reboot"},
	{"server reboot c --hard --wait", "succeeded"},
	{"server rebuild c --wait", "server.rebuild"},
	{"server rebuild c --image 2 --wait", "succeeded"},
	{"server resize c --flavor 2 --dry-run", "QUEUE_RESIZE"},
	{"image create c dry --dry-run", "QUEUED"},
	{"server resize c --flavor 2 --wait", "server.resize"},
	{"server revert c --wait", "server.resize_revert"},
	{"server resize c --flavor 2 --probe http:80/healthz --probe-after 0s --probe-for 1s --wait", "the probe http:80/healthz held for 1s"},
	{"server resize c --flavor 1 --probe tcp:22", "server.resize"},
	{"operation watch OPERATION", "succeeded"},
	{"server revert c -w", "server.resize_revert"},
	{"server resize c --flavor 3", "server.resize"},
	{"operation watch OPERATION", "succeeded"},
	{"server confirm c --wait", "server.resize_confirm"},
	{"backup set c --weekly SUNDAY --daily H_0400_0600 --wait", "backup_schedule"},
	{"backup show c", "H_0400_0600"},
	{"backup disable c", "backup_schedule"},
	{"image create c golden --wait", "golden"},
	{"image show golden", "ACTIVE"},
	{"image delete golden --wait", "image.delete"},
	{"operation list --server c --state succeeded --limit 3", "server.resize_confirm"},
	{"operation show OPERATION", "image.delete"},
	{"server history c", "server.resize_revert.end"},
	{"server history c --at 4000000000", "ACTIVE"},
	{"events --server c --types server.resize.*", "server.resize.end"},
	{"server delete c --dry-run", "DELETED"},
	{"server delete c --wait", "server.delete"},
	{"server delete b --wait", "succeeded"},
	{"group delete pair", "shared_ip_group.delete"},
}

func TestEveryCommandAsTableAndAsJSON(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, "--sim-delay", "20ms", "--hosts", "sim:3")
	for _, form := range []string{"table", "json"} {
		t.Run(form, func(t *testing.T) { tell(t, loggedIn(t, n, "user-"+form, n.URL()), form) })
	}
	t.Run("a probe that does not hold", func(t *testing.T) { revertsItself(t, loggedIn(t, n, "user-probe", n.URL())) })
	nodetest.Audit(t, n)
}

// revertsItself resizes a server that its probe does not find healthy: that is a failure of the command, with the reason.
func revertsItself(t *testing.T, me *tenant) {
	t.Helper()
	me.ok(t, "server", "create", "sick", "--image", "1", "--flavor", "1", "-m", "sim.probe=fail", "--wait")
	const why = "the probe http:80/ did not hold: HTTP status 503"
	r := me.run(t, "server", "resize", "sick", "--flavor", "2", "--probe", "http:80/", "--probe-after", "0s", "--wait")
	if r.code != 1 || !strings.Contains(r.err, "because "+why) || !strings.Contains(r.out, "server.resize_revert") {
		t.Errorf("resize = %d\n%s%s, want 1 because %s", r.code, r.out, r.err, why)
	}
	if out := me.ok(t, "server", "history", "sick"); !strings.Contains(out, why) {
		t.Errorf("history:\n%s, want in it %s", out, why)
	}
	me.ok(t, "server", "delete", "sick", "--wait")
}

// tell runs the story and looks at what it prints and, now and then, at what it has done.
func tell(t *testing.T, me *tenant, form string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("Secret1234\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range story {
		words := me.filledIn(t, file)
		var args []string
		for word := range strings.FieldsSeq(c.command) {
			args = append(args, strings.ReplaceAll(words.Replace(word), "+", " "))
		}
		r := me.run(t, append(args, "-o", form)...)
		want := words.Replace(c.want)
		if c.want == "ADDRESS" {
			want = me.address(t)
		}
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Fatalf("ozone %v = %d\n%s%s, want 0 with %q", args, r.code, r.out, r.err, want)
		}
		if form == "json" && !json.Valid([]byte(r.out)) {
			t.Errorf("ozone %v printed no JSON: %q", args, r.out)
		}
		if form == "table" && !regexp.MustCompile(`(?m)^[A-Z]{2}`).MatchString(r.out) {
			t.Errorf("ozone %v printed no table: %q", args, r.out)
		}
		if strings.ContainsAny(r.err, "\r\x1b") {
			t.Errorf("ozone %v printed for a terminal that is not there: %q", args, r.err)
		}
		if strings.Contains(r.out+r.err, "Secret1234") {
			t.Errorf("ozone %v printed a password: %q", args, r.out+r.err)
		}
	}
	if list, err := me.Servers(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("in the end there are servers %+v, %v", list, err)
	}
}

// filledIn replaces the words of the story that stand for others.
func (me *tenant) filledIn(t *testing.T, file string) *strings.Replacer {
	t.Helper()
	all, err := me.Operations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	latest := ""
	if len(all) > 0 {
		latest = all[0].ID
	}
	return strings.NewReplacer("ADDRESS", me.address(t), "OPERATION", latest, "FILE", file)
}

// address is the own public address of the first server; "" without a server.
func (me *tenant) address(t *testing.T) string {
	t.Helper()
	list, err := me.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return ""
	}
	return list[0].Addresses.Public[0]
}
