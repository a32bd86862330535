package kills_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/kills"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

var (
	count = flag.Int("n", 15, "how often the node is killed")
	on    = flag.String("on", "embedded", "what the node runs on: embedded")
	seed  = flag.Uint64("seed", 1, "of the clients' choices and of the kills")
)

func TestMain(m *testing.M) { os.Exit(nodetest.Main(m)) }

// steps is every step of every operation that a tenant can order.
var steps = []string{
	"fetch_image", "create_disk", "start", "stop", "wipe", "restart_soft", "restart_hard", "set_password", "snapshot",
	"copy", "copy_delta", "save", "remove",
}

func TestWhatWasAcceptedSurvivesEveryKill(t *testing.T) {
	if *on != "embedded" {
		t.Fatalf("-on %s: want embedded", *on)
	}
	cfg := kills.Defaults()
	cfg.Binary, cfg.Dir, cfg.Kills, cfg.Seed, cfg.Log = nodetest.Binary(t), t.TempDir(), *count, *seed, t.Logf
	report, err := kills.Run(t.Context(), cfg)
	t.Logf("\n%s", report.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Broken) > 0 {
		t.Errorf("%d things went wrong, see above", len(report.Broken)+report.More)
	}
	if got := report.MedianUnfinished(); got < 20 {
		t.Errorf("unfinished at the median kill: %d, want 20 or more", got)
	}
	if missing := report.Missing(steps); len(missing) > 0 && *count >= 15 {
		t.Errorf("no kill met these steps under way: %v", missing)
	}
}

func TestPlantedBugsTurnTheRunRed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary anew")
	}
	binary, err := node.Build(t.Context(), t.TempDir(), "planted")
	if err != nil {
		t.Fatal(err)
	}
	for _, bug := range []struct {
		name  string
		kills int
		found func(*kills.Report) int
	}{
		{"answer-before-commit", 30, func(r *kills.Report) int { return r.Lost }},
		{"step-before-commit", 30, func(r *kills.Report) int { return r.Orphans }},
		{"no-dedupe", 2, func(r *kills.Report) int { return r.Doubled }},
	} {
		t.Run(bug.name, func(t *testing.T) {
			cfg := kills.Defaults()
			cfg.Binary, cfg.Dir, cfg.Kills, cfg.Seed, cfg.Once = binary, t.TempDir(), bug.kills, *seed, true
			cfg.Env = []string{"OZONE_PLANT=" + bug.name}
			cfg.Gap, cfg.Delay, cfg.Repeats, cfg.Hurry = time.Second, 0, 0.3, 1
			cfg.Quiet, cfg.Patience = 10*time.Second, 2*time.Minute
			report, err := kills.Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if bug.found(&report) == 0 {
				t.Errorf("the defect was not found:\n%s", report.String())
			}
			t.Logf("\n%s", report.String())
		})
	}
}
