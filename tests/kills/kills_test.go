package kills_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/kills"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
	"github.com/ozonecloud/ozone/tests/rig"
)

var (
	count = flag.Int("n", 0, "how often something is killed; 0: as often as fits into a test")
	on    = flag.String("on", "", "one cloud only: embedded, or servers for several processes on RabbitMQ and PostgreSQL")
	what  = flag.String("victims", "", "of servers, what is killed, separated by commas; all of it when empty")
	accts = flag.Int("accounts", 0, "among how many accounts the load is spread; 0: the usual number. With 2 each subscriber gets most events")
	seed  = flag.Uint64("seed", 1, "of the clients' choices and of the kills")
)

// shared are the broker and the database of all runs: they take seconds to start.
var shared struct {
	once sync.Once
	both *rig.Servers
	err  error // why they are not there
}

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	defer func() {
		if shared.both != nil {
			shared.both.Close()
		}
	}()
	return nodetest.Main(m)
}

// steps is every step of every operation that a tenant can order.
var steps = []string{
	"fetch_image", "create_disk", "start", "stop", "wipe", "restart_soft", "restart_hard", "set_password", "snapshot",
	"copy", "copy_delta", "save", "remove", "probe",
}

func TestWhatWasAcceptedSurvivesEveryKill(t *testing.T) {
	cfg := config(t, "embedded", 15)
	report := run(t, cfg)
	if missing := report.Missing(steps); len(missing) > 0 && cfg.Kills >= 15 {
		t.Errorf("no kill met these steps under way: %v", missing)
	}
}

// must is how long an account may be without an answer after what. Source: docs/promises.md.
var must = map[string]time.Duration{
	kills.EngineKilled: 3 * time.Second, kills.EngineHung: 15 * time.Second,
	kills.BrokerListens: 3 * time.Second, kills.DatabaseListens: time.Second,
}

// manyKills are enough to meet every step and to judge times on a machine that does nothing else.
const manyKills = 100

func TestWhatWasAcceptedSurvivesTheDeathOfAnyProcess(t *testing.T) {
	cfg := config(t, "servers", 10)
	cfg.On = servers(t, "ozone")
	if *what != "" {
		cfg.Victims = strings.Split(*what, ",")
	}
	report := run(t, cfg)
	if cfg.Kills < manyKills {
		return
	}
	if missing := report.Missing(steps); len(missing) > 0 {
		t.Errorf("no kill met these steps under way: %v", missing)
	}
	for what, most := range must {
		if worst := kills.Worst(report.Answers[what]); worst > most {
			t.Errorf("%s: an account had no answer for %s, want %s at most", what, worst, most)
		}
	}
}

// config is a run on a cloud of this kind, with few kills unless the command line wants others.
func config(t *testing.T, kind string, few int) kills.Config {
	t.Helper()
	if *on != "" && *on != kind {
		t.Skipf("-on %s", *on)
	}
	cfg := kills.Defaults()
	cfg.Binary, cfg.Dir, cfg.Kills, cfg.Seed, cfg.Log = nodetest.Binary(t), t.TempDir(), few, *seed, t.Logf
	if *count > 0 {
		cfg.Kills = *count
	}
	if *accts > 0 {
		cfg.Accounts = *accts
	}
	return cfg
}

// servers gives a run a virtual host and a database of its own.
func servers(t *testing.T, vhost string) *kills.Servers {
	t.Helper()
	shared.once.Do(func() { shared.both, shared.err = rig.NewServers(context.Background()) }) // they outlive the test that comes first
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	s := &kills.Servers{Broker: shared.both.Broker, Database: shared.both.Database}
	s.Bus, s.Store = s.Broker.Vhost(t, vhost), s.Database.Database(t)
	t.Cleanup(func() { // queues that nobody uses cost the broker's time
		for _, v := range []string{vhost, s.TenantsVhost()} {
			if err := s.Broker.DropVhost(context.Background(), v); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func run(t *testing.T, cfg kills.Config) *kills.Report {
	t.Helper()
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
	if report.Confirmed == 0 || report.Reverted == 0 {
		t.Error("no probe has confirmed a resize, or none has reverted one")
	}
	return &report
}

// bug is a planted one, what is killed to find it and what shows it.
type bug struct {
	name    string
	kills   int
	victims []string
	found   func(*kills.Report) int
}

func TestPlantedBugsTurnTheRunRed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary anew")
	}
	binary, err := node.Build(t.Context(), t.TempDir(), "planted")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("embedded", func(t *testing.T) {
		for _, b := range []bug{
			{"answer-before-commit", 30, nil, func(r *kills.Report) int { return r.Lost }},
			{"step-before-commit", 30, nil, func(r *kills.Report) int { return r.Orphans }},
			{"no-dedupe", 2, nil, func(r *kills.Report) int { return r.Doubled }},
		} {
			t.Run(b.name, func(t *testing.T) { b.plant(t, binary, config(t, "embedded", b.kills)) })
		}
	})
	t.Run("servers", func(t *testing.T) {
		for _, b := range []bug{
			{"ack-before-commit", 8, []string{"engine"}, func(r *kills.Report) int { return r.Forgotten }},
			{"no-dedupe", 2, []string{"engine", "edge"}, func(r *kills.Report) int { return r.Doubled }},
		} {
			t.Run(b.name, func(t *testing.T) {
				cfg := config(t, "servers", b.kills)
				cfg.On, cfg.Victims = servers(t, b.name), b.victims
				b.plant(t, binary, cfg)
			})
		}
	})
}

// TestAPlantedFenceIsFound has the suite of the store find what a run meets once in a blue moon: a late writer that waits for
// its lock just while another engine claims the shard.
func TestAPlantedFenceIsFound(t *testing.T) {
	t.Parallel() // most of both is the build
	if testing.Short() {
		t.Skip("builds the tests anew")
	}
	const late = "TestALateWriterIsFencedByAClaimItWaitedFor"
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-tags=planted", "-run=^"+late+"$", "github.com/ozonecloud/ozone/storage/postgres")
	cmd.Env = append(os.Environ(), "OZONE_PLANT=fence-in-one-statement")
	out, err := cmd.CombinedOutput()
	if text := string(out); !strings.Contains(text, "--- FAIL: "+late) || !strings.Contains(text, "want a FencedError") {
		t.Errorf("the defect was not found: %v\n%s", err, out)
	}
}

// TestAPlantedGapInTheBackupsIsFound has a slot without a backup pass in silence: both proofs of the backups find it.
func TestAPlantedGapInTheBackupsIsFound(t *testing.T) {
	t.Parallel() // most of both is the build
	if testing.Short() {
		t.Skip("builds the tests anew")
	}
	for test, in := range map[string]string{
		"TestEverySlotHasOneFateInAThousandLives": "actors/core", "TestEverySlotHasOneFateThroughRuntimeAndStore": "actors",
	} {
		cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-short", "-tags=planted", "-run=^"+test+"$", "github.com/ozonecloud/ozone/"+in)
		cmd.Env = append(os.Environ(), "OZONE_PLANT=backup-skipped")
		out, err := cmd.CombinedOutput()
		if text := string(out); !strings.Contains(text, "--- FAIL: "+test) || !strings.Contains(text, "slot ") {
			t.Errorf("the defect was not found: %v\n%s", err, out)
		}
	}
}

// plant is a run that must go wrong.
func (b bug) plant(t *testing.T, binary string, cfg kills.Config) {
	t.Helper()
	cfg.Kills = b.kills
	cfg.Binary, cfg.Env, cfg.Once, cfg.Log = binary, []string{"OZONE_PLANT=" + b.name}, true, func(string, ...any) {}
	cfg.Gap, cfg.Delay, cfg.Repeats, cfg.Hurry = time.Second, 0, 0.3, 1
	cfg.Quiet, cfg.Patience = 10*time.Second, 4*time.Minute
	report, err := kills.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if b.found(&report) == 0 {
		t.Errorf("the defect was not found:\n%s", report.String())
	}
	t.Logf("\n%s", report.String())
}
