package agent

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

func testStep(op schemas.OperationID, name schemas.StepName, server schemas.ServerID, version int64) *schemas.Step {
	return &schemas.Step{
		Operation: op, Name: name, Attempt: 1, Host: 1, Actor: server.Ref(), Epoch: 1, Version: version,
		Params: schemas.StepParams{Server: server, Copy: 1},
	}
}

func openTest(tb testing.TB, path string) *Ledger {
	tb.Helper()
	l, err := OpenLedger(path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

func begin(tb testing.TB, l *Ledger, s *schemas.Step) Entry {
	tb.Helper()
	e, err := l.Begin(s)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func end(tb testing.TB, l *Ledger, s *schemas.Step, failure *schemas.StepFailure) {
	tb.Helper()
	if err := errors.Join(l.End(s, failure), l.Sync()); err != nil {
		tb.Fatal(err)
	}
}

func TestLedgerSurvivesReopening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	l := openTest(t, path)
	disk, start := testStep("op", schemas.StepCreateDisk, 7, 3), testStep("op", schemas.StepStart, 7, 4)
	odd := testStep("op", "levitate", 8, 1)
	for _, s := range []*schemas.Step{disk, start, odd} {
		begin(t, l, s)
	}
	end(t, l, disk, nil)
	end(t, l, odd, failed(schemas.FailureFault, "too heavy"))
	for range 3 { // the second time from a compacted file
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = openTest(t, path)
		if e := begin(t, l, disk); !e.Known || e.Failure != nil {
			t.Errorf("a done step: %+v", e)
		}
		if e := begin(t, l, odd); !e.Known || *e.Failure != *failed(schemas.FailureFault, "too heavy") {
			t.Errorf("a failed step: %+v", e)
		}
		if e := begin(t, l, start); e.Known || e.Fenced {
			t.Errorf("a step that never ended: %+v", e)
		}
		if e := begin(t, l, testStep("op", schemas.StepStop, 7, 3)); !e.Fenced {
			t.Errorf("an older version: %+v", e)
		}
	}
}

func TestLaterOperationForgetsEarlierOutcomes(t *testing.T) {
	t.Parallel()
	l := openTest(t, filepath.Join(t.TempDir(), "ledger"))
	first, second := testStep("a", schemas.StepStop, 7, 1), testStep("b", schemas.StepStop, 7, 2)
	end(t, l, first, nil)
	begin(t, l, second)
	if e := begin(t, l, first); e.Known || !e.Fenced {
		t.Errorf("step of the earlier operation: %+v, want it forgotten and fenced", e)
	}
}

func TestLatestAttemptIsEnough(t *testing.T) {
	t.Parallel()
	l := openTest(t, filepath.Join(t.TempDir(), "ledger"))
	s := testStep("op", schemas.StepWipe, 7, 0)
	for range 100 { // a teardown is repeated until it succeeds
		s.Version++
		s.Attempt++
		begin(t, l, s)
		end(t, l, s, failed(schemas.FailureFault, "no"))
	}
	if e := begin(t, l, s); !e.Known || l.state.live != 2 {
		t.Errorf("latest attempt %+v, %d live records, want it known and 2", e, l.state.live)
	}
	s.Version, s.Attempt = 99, 99
	if e := begin(t, l, s); !e.Fenced {
		t.Errorf("earlier attempt: %+v, want it fenced", e)
	}
}

func TestWipedServersFadeAndStayFenced(t *testing.T) {
	t.Parallel()
	st := newState()
	wipe := func(server schemas.ServerID) {
		r := stepRecord(recordOutcome, testStep("op", schemas.StepWipe, server, 5))
		st.apply(&r)
	}
	rebuilt := schemas.ServerID(1)
	wipe(rebuilt)
	r := stepRecord(recordBegin, testStep("op", schemas.StepCreateDisk, rebuilt, 6))
	st.apply(&r) // its wipe was not its end
	for server := range schemas.ServerID(keepEnded + keepFences + 1000) {
		wipe(server + 10)
	}
	if n := len(st.entries); n > keepEnded+keepFences+2 {
		t.Errorf("%d entries are kept, want at most %d", n, keepEnded+keepFences+2)
	}
	known := func(server schemas.ServerID, version int64) Entry {
		e, _ := st.judge(testStep("op", schemas.StepWipe, server, version))
		return e
	}
	if e := known(rebuilt, 5); !e.Known {
		t.Errorf("the rebuilt server's wipe is forgotten: %+v", e)
	}
	if e := known(10+keepEnded+keepFences, 5); !e.Known {
		t.Errorf("the latest wipe is forgotten: %+v", e)
	}
	if e := known(10+keepFences, 4); e.Known || !e.Fenced {
		t.Errorf("an older wipe: %+v, want its fence alone", e)
	}
	if e := known(10, 4); e.Known || e.Fenced {
		t.Errorf("the oldest wipe: %+v, want it forgotten", e)
	}
	again := newState()
	if _, err := load(st.image(), again); err != nil {
		t.Fatal(err)
	}
	if len(again.entries) != len(st.entries) || again.live != st.live || st.records != st.live || again.records != again.live {
		t.Errorf("compacted to %d entries, %d live, %d records, want %d, %d", len(again.entries), again.live, again.records, len(st.entries), st.live)
	}
}

// written is a ledger file of n frames, and where they end.
func written(t *testing.T, path string, n int) []int64 {
	t.Helper()
	l := openTest(t, path)
	var ends []int64
	for i := range n {
		end(t, l, testStep("op", schemas.StepStop, schemas.ServerID(i+1), 1), nil)
		ends = append(ends, l.file.size)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return ends
}

func TestTornTailIsCutAtEveryLength(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	ends := written(t, path, 3)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := ends[1] + 1; size < ends[2]; size++ {
		garbled := slices.Concat(data[:size], bytes.Repeat([]byte{0}, int(ends[2]-size)))
		for _, torn := range [][]byte{data[:size], garbled} {
			if bytes.Equal(torn, data) {
				continue // the last bytes were zero
			}
			if err := os.WriteFile(path, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			l := openTest(t, path)
			for server := range schemas.ServerID(3) {
				e := begin(t, l, testStep("op", schemas.StepStop, server+1, 1))
				if want := server < 2; e.Known != want {
					t.Errorf("cut at %d: server %d known %v, want %v", size, server+1, e.Known, want)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if l = openTest(t, path); !begin(t, l, testStep("op", schemas.StepStop, 2, 1)).Known {
				t.Errorf("cut at %d: the next opening forgot", size)
			}
		}
	}
}

func TestDamageInTheMiddleIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	ends := written(t, path, 3)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range ends[1] {
		hurt := slices.Clone(data)
		hurt[at] ^= 0x55
		if err := os.WriteFile(path, hurt, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := OpenLedger(path, nil)
		if err == nil {
			_ = l.Close()
			t.Fatalf("byte %d of %d damaged: opened", at, len(data))
		}
		if !strings.Contains(err.Error(), path) {
			t.Fatalf("error %q does not name %s", err, path)
		}
	}
}

func TestGrownLedgerIsWrittenAnewWhileInUse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	l := openTest(t, path)
	l.state.slack = 10_000 // before anything runs
	const rounds = 2000
	var all sync.WaitGroup
	for server := range schemas.ServerID(20) {
		all.Go(func() {
			for i := range rounds {
				s := testStep(schemas.OperationID(fmt.Sprint(i)), schemas.StepStop, server+1, int64(i))
				if _, err := l.Begin(s); err != nil {
					t.Error(err)
				}
				if err := l.End(s, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if l.state.records > 2*l.state.live+2*l.state.slack {
		t.Errorf("%d records in the file for %d live ones", l.state.records, l.state.live)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openTest(t, path)
	for server := range schemas.ServerID(20) {
		if e := begin(t, l, testStep(schemas.OperationID(fmt.Sprint(rounds-1)), schemas.StepStop, server+1, rounds-1)); !e.Known {
			t.Errorf("server %d: the last outcome is forgotten", server+1)
		}
	}
}

func TestClosedLedgerSaysSo(t *testing.T) {
	t.Parallel()
	l := openTest(t, filepath.Join(t.TempDir(), "ledger"))
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := l.Begin(testStep("op", schemas.StepStop, 1, 1)); err == nil {
		t.Error("a closed ledger took a step")
	}
}

// childLedger names the ledger of the child that TestKilledProcessForgetsNoOutcome kills.
const childLedger = "OZONE_TEST_CHILD_LEDGER"

func TestMain(m *testing.M) {
	if path := os.Getenv(childLedger); path != "" {
		child(path)
	}
	os.Exit(m.Run())
}

// child ends steps of 8 servers as fast as it can and prints each when it is noted; it ends by being killed.
func child(path string) {
	l, err := OpenLedger(path, nil)
	if err != nil {
		panic(err)
	}
	for server := range schemas.ServerID(8) {
		go func() {
			for i := int64(0); ; i++ {
				s := testStep(schemas.OperationID(fmt.Sprint(i)), schemas.StepStop, server+1, i)
				if _, err := l.Begin(s); err != nil {
					panic(err)
				}
				if err := errors.Join(l.End(s, nil), l.Sync()); err != nil {
					panic(err)
				}
				_, _ = fmt.Fprintf(os.Stdout, "%d %d\n", server+1, i)
			}
		}()
	}
	select {}
}

func TestKilledProcessForgetsNoOutcome(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	for round := range 10 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childLedger+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := readUntilKilled(t, cmd, out, 200+50*round)
		l := openTest(t, path)
		for server, version := range last {
			s := testStep(schemas.OperationID(fmt.Sprint(version)), schemas.StepStop, server, version)
			later := testStep("x", schemas.StepStop, server, version-1)
			if e, _ := l.state.judge(s); !e.Known && !e.Fenced { // fenced: a later one had begun
				t.Errorf("round %d: outcome %d of server %d was given and is forgotten", round, version, server)
			}
			if e, _ := l.state.judge(later); !e.Fenced {
				t.Errorf("round %d: the fence of server %d is forgotten", round, server)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// readUntilKilled kills the child after so many outcomes and returns the last of each server that it had given.
func readUntilKilled(t *testing.T, cmd *exec.Cmd, out io.Reader, lines int) map[schemas.ServerID]int64 {
	t.Helper()
	last := map[schemas.ServerID]int64{}
	in := bufio.NewScanner(out)
	for n := 0; in.Scan(); n++ {
		var server schemas.ServerID
		var version int64
		if _, err := fmt.Sscanf(in.Text(), "%d %d", &server, &version); err != nil {
			break // the line was cut by the kill
		}
		last[server] = max(last[server], version)
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed
	if len(last) == 0 {
		t.Fatal("the child gave no outcome")
	}
	return last
}

func BenchmarkLedger(b *testing.B) {
	l := openTest(b, filepath.Join(b.TempDir(), "ledger"))
	const workers = 64
	var all sync.WaitGroup
	b.ResetTimer()
	for w := range workers {
		all.Go(func() {
			for i := w; i < b.N; i += workers {
				s := testStep("01890a5d-ac96-774b-bcce-b302099a8057", schemas.StepStart, schemas.ServerID(i), 1)
				if _, err := l.Begin(s); err != nil {
					b.Error(err)
				}
				if err := errors.Join(l.End(s, nil), l.Sync()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(2*b.N)/b.Elapsed().Seconds(), "records/s")
}
