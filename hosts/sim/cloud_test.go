package sim_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
)

var small = schemas.Flavor{ID: 1, RAMMiB: 256, DiskGB: 10, CPUWeight: 1}

// step is a step of an operation on server 7.
func step(op schemas.OperationID, name schemas.StepName, host schemas.HostID, number int) schemas.Step {
	return schemas.Step{
		Operation: op, Name: name, Attempt: 1, Host: host, Actor: schemas.ServerID(7).Ref(), Epoch: 3,
		Params: schemas.StepParams{Server: 7, Copy: number, Image: 1, Flavor: &small},
	}
}

func create(tb testing.TB, c *sim.Cloud, host schemas.HostID, number int) {
	tb.Helper()
	if err := c.Host(host).CreateDisk(tb.Context(), step("create", schemas.StepCreateDisk, host, number), schemas.Payload{}); err != nil {
		tb.Fatalf("create: %v", err)
	}
}

func start(tb testing.TB, c *sim.Cloud, host schemas.HostID, number int) {
	tb.Helper()
	if err := c.Host(host).Start(tb.Context(), step("start", schemas.StepStart, host, number)); err != nil {
		tb.Fatalf("start: %v", err)
	}
}

func stop(tb testing.TB, c *sim.Cloud, host schemas.HostID, number int) {
	tb.Helper()
	if err := c.Host(host).Stop(tb.Context(), step("stop", schemas.StepStop, host, number)); err != nil {
		tb.Fatalf("stop: %v", err)
	}
}

// isOn tells whether host 1 has the server, switched on.
func isOn(tb testing.TB, c *sim.Cloud) bool {
	tb.Helper()
	list, err := c.Host(1).Inventory(tb.Context())
	if err != nil {
		tb.Fatalf("inventory: %v", err)
	}
	return len(list) == 1 && list[0].On
}

func TestPowerLogTellsOverlapFromMove(t *testing.T) {
	t.Parallel()
	frozen := time.Unix(1246036261, 0)
	c := open(t, sim.Config{Dir: t.TempDir(), Hosts: 2, Now: func() time.Time { return frozen }})
	create(t, c, 1, 1)
	create(t, c, 2, 2)
	start(t, c, 1, 1)
	stop(t, c, 1, 1)
	start(t, c, 2, 2) // moved, all in one instant of the clock
	events, err := c.PowerLog()
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 3 || len(sim.Overlaps(events)) != 0 {
		t.Fatalf("events of a move = %+v, overlaps %q", events, sim.Overlaps(events))
	}
	if e := events[2]; e.Host != 2 || e.Server != 7 || e.Copy != 2 || !e.On || e.Epoch != 3 || e.Operation != "start" {
		t.Errorf("last event = %+v", e)
	}
	start(t, c, 1, 1)
	if events, err = c.PowerLog(); err != nil {
		t.Fatal(err)
	}
	if got := sim.Overlaps(events); len(got) != 1 || !strings.Contains(got[0], "server 7: on at host 2 copy 2") {
		t.Errorf("overlaps of a server that is on twice = %q", got)
	}
}

func TestWhatWasDoneNamesItsOperation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, sim.Config{Dir: dir, Hosts: 2, Now: time.Now})
	create(t, c, 2, 1)
	start(t, c, 2, 1)
	got, err := sim.ReadOperations(dir)
	if err != nil || len(got) != 2 || got["create"] != 2 || got["start"] != 2 {
		t.Errorf("ReadOperations = %v, %v, want create and start of host 2", got, err)
	}
}

func TestPowerLogOutlivesCompaction(t *testing.T) {
	t.Parallel()
	cfg := sim.Config{Dir: t.TempDir(), Hosts: 1, Now: time.Now}
	c := open(t, cfg)
	create(t, c, 1, 1)
	for range 600 {
		start(t, c, 1, 1)
		stop(t, c, 1, 1)
	}
	before := size(t, cfg.Dir)
	for range 2 { // the second time there is nothing to compact
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c = open(t, cfg)
	}
	if after := size(t, cfg.Dir); after > before/100 {
		t.Errorf("state of one machine takes %d bytes after reopening, %d before", after, before)
	}
	start(t, c, 1, 1)
	events, err := sim.ReadPowerLog(cfg.Dir)
	if err != nil || len(events) != 1201 || len(sim.Overlaps(events)) != 0 {
		t.Errorf("%d power events (error %v), want 1201", len(events), err)
	}
}

func size(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "hosts", "1", "state.log"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestTornLineIsCut(t *testing.T) {
	t.Parallel()
	cfg := sim.Config{Dir: t.TempDir(), Hosts: 1, Now: time.Now}
	c := open(t, cfg)
	create(t, c, 1, 1)
	start(t, c, 1, 1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.Dir, "hosts", "1", "state.log")
	if err := os.Truncate(path, size(t, cfg.Dir)-5); err != nil {
		t.Fatal(err)
	}
	c = open(t, cfg)
	if isOn(t, c) {
		t.Error("a half-written start counts")
	}
	start(t, c, 1, 1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if !isOn(t, open(t, cfg)) {
		t.Error("what was written after the cut is lost")
	}
}

func TestDamagedStateIsNamed(t *testing.T) {
	t.Parallel()
	cfg := sim.Config{Dir: t.TempDir(), Hosts: 1, Now: time.Now}
	c := open(t, cfg)
	create(t, c, 1, 1)
	start(t, c, 1, 1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.Dir, "hosts", "1", "state.log")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[3] = 0
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.NewCloud(cfg); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("open with damage in the middle: %v, want an error that names %s", err, path)
	}
}

func TestNoSecretIsKept(t *testing.T) {
	t.Parallel()
	cfg := sim.Config{Dir: t.TempDir(), Hosts: 1, Now: time.Now}
	c := open(t, cfg)
	secret := schemas.Payload{
		PasswordHash: "$5$rounds=1000$canary", Personality: []schemas.File{{Path: "/root/x", Contents: []byte("canary")}},
	}
	if err := c.Host(1).CreateDisk(t.Context(), step("create", schemas.StepCreateDisk, 1, 1), secret); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(cfg.Dir, "hosts", "1", "state.log"))
	if err != nil || strings.Contains(string(data), "canary") {
		t.Errorf("state file has the secret in it (error %v)", err)
	}
	if content, _ := c.Content(1, 7, 1); content.Password == "" || len(content.Files) != 3 {
		t.Errorf("content = %+v, want a password and three files", content)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		kind     sim.Kind
		failed   bool // the host says that it was not done
		answered bool
		done     bool
	}{
		{sim.Fail, true, false, false},
		{sim.LoseAnswer, false, false, true},
		{sim.Late, false, true, true},
		{sim.Hang, false, false, false},
		{sim.Crash, false, false, false},
	}
	for _, c := range cases {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cloud := open(t, sim.Config{Dir: t.TempDir(), Hosts: 1, Now: time.Now})
				create(t, cloud, 1, 1)
				cloud.Inject(sim.Fault{Kind: c.kind, Host: 1, Step: schemas.StepStart, Server: 7, Times: 1, Delay: time.Hour})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := cloud.Host(1).Start(ctx, step("start", schemas.StepStart, 1, 1))
				if _, failed := errors.AsType[*hosts.Failed](err); failed != c.failed || (err == nil) != c.answered {
					t.Errorf("answer %v, want failed %v, answered %v", err, c.failed, c.answered)
				}
				cloud.Restart(1)
				if got := isOn(t, cloud); got != c.done {
					t.Errorf("server is on: %v, want %v", got, c.done)
				}
				start(t, cloud, 1, 1) // the fault is used up
			})
		})
	}
}

func TestHungStepGoesOnWhenReleased(t *testing.T) {
	t.Parallel()
	c := open(t, sim.Config{Dir: t.TempDir(), Hosts: 1, Now: time.Now})
	create(t, c, 1, 1)
	hang := c.Inject(sim.Fault{Kind: sim.Hang, Step: schemas.StepStart})
	ended := make(chan error, 1)
	go func() { ended <- c.Host(1).Start(t.Context(), step("start", schemas.StepStart, 1, 1)) }()
	<-hang.Reached()
	if isOn(t, c) {
		t.Error("a hung start was done")
	}
	hang.Release()
	if err := <-ended; err != nil || !isOn(t, c) {
		t.Errorf("released start: %v, on %v", err, isOn(t, c))
	}
}

func TestCrashedHostIsDeafUntilRestarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, sim.Config{Dir: t.TempDir(), Hosts: 2, Now: time.Now})
		create(t, c, 1, 1)
		create(t, c, 2, 2)
		crash := c.Inject(sim.Fault{Kind: sim.Crash, Host: 1, Times: 1})
		ended := make(chan error, 1)
		go func() { ended <- c.Host(1).Start(t.Context(), step("start", schemas.StepStart, 1, 1)) }()
		<-crash.Reached()
		synctest.Wait()
		if len(ended) != 0 {
			t.Error("a crashed host answered")
		}
		start(t, c, 2, 2) // the other one does not care
		c.Restart(1)
		if err := <-ended; err != nil || !isOn(t, c) {
			t.Errorf("start after the restart: %v, on %v", err, isOn(t, c))
		}
	})
}

func TestDelayIsTakenByEachStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, sim.Config{Dir: t.TempDir(), Hosts: 1, Delay: time.Minute, Now: time.Now})
		began := time.Now()
		create(t, c, 1, 1)
		start(t, c, 1, 1)
		if took := time.Since(began); took != 2*time.Minute {
			t.Errorf("two steps took %v, want 2m", took)
		}
	})
}

func TestRandomFaultsAreAsManyAsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, sim.Config{Dir: t.TempDir(), Hosts: 1, Faults: 0.3, Seed: 7, Now: time.Now})
		wrong := 0
		for range 1000 {
			began := time.Now()
			err := c.Host(1).Wipe(t.Context(), step("wipe", schemas.StepWipe, 1, 1))
			if err != nil || time.Since(began) > 0 {
				wrong++
			}
		}
		if wrong < 250 || wrong > 350 {
			t.Errorf("%d of 1000 steps went wrong, want about 300", wrong)
		}
	})
}

func BenchmarkCreate(b *testing.B) {
	c := open(b, sim.Config{Dir: b.TempDir(), Hosts: 4, Now: time.Now})
	b.ReportAllocs()
	for n := 1; b.Loop(); n++ {
		host := schemas.HostID(n%4 + 1)
		for _, name := range []schemas.StepName{schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart} {
			s := step("01890a5d-ac96-774b-bcce-b302099a8057", name, host, 1)
			s.Params.Server = schemas.ServerID(n)
			var err error
			switch name {
			case schemas.StepFetchImage:
				err = c.Host(host).FetchImage(b.Context(), s)
			case schemas.StepCreateDisk:
				err = c.Host(host).CreateDisk(b.Context(), s, schemas.Payload{PasswordHash: "$5$x"})
			default:
				err = c.Host(host).Start(b.Context(), s)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
