package actors

import (
	"encoding/json"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// idleBytes is how much a loaded, idle server may take beyond its state. Source: docs/numbers.md.
const idleBytes = 1024

func BenchmarkIdleServer(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(idleServer(b), "B/actor")
	}
}

func TestAnIdleServerIsSmall(t *testing.T) { //nolint:paralleltest // it measures the heap, which others would use beside it
	if got := idleServer(t); got > idleBytes {
		t.Errorf("an idle server takes %.0f bytes over its state, want at most %d", got, idleBytes)
	} else {
		t.Logf("an idle server takes %.0f bytes over its state", got)
	}
}

// idleServer loads many servers and returns what each takes beyond what its state alone would.
func idleServer(tb testing.TB) float64 {
	tb.Helper()
	const n = 20_000
	row := restingServer(tb)
	before := heapBytes()
	states := make([]*schemas.Server, n)
	for i := range states {
		states[i] = new(schemas.Server)
		if err := json.Unmarshal(row.State, states[i]); err != nil {
			tb.Fatal(err)
		}
	}
	state := heapBytes() - before
	runtime.KeepAlive(states)

	e := &Engine{cfg: Config{Now: time.Now}, system: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))}
	defer e.system.Shutdown()
	s := newShard(e, 0, nil)
	spawned := make(chan error, 1)
	parent := e.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if count, ok := ctx.Message().(int); ok {
			spawned <- spawnMany(ctx, s, &row, count)
		}
	}))
	before = heapBytes()
	e.system.Root.Send(parent, n)
	if err := <-spawned; err != nil {
		tb.Fatal(err)
	}
	total := heapBytes() - before
	if err := e.system.Root.StopFuture(parent).Wait(); err != nil {
		tb.Fatal(err)
	}
	runtime.KeepAlive(s)
	return (float64(total) - float64(state)) / n
}

func spawnMany(ctx actor.Context, s *shard, row *storage.Snapshot, n int) error {
	for id := range schemas.ServerID(n) {
		if err := s.spawn(ctx, id.Ref(), row, nil); err != nil {
			return err
		}
	}
	return nil
}

// restingServer is the row of a server as a tenant would have it.
func restingServer(tb testing.TB) storage.Snapshot {
	tb.Helper()
	state, err := json.Marshal(&schemas.Server{
		V: schemas.StateV, ID: 1, Account: 1001, Name: "web-1", Metadata: map[string]string{"role": "web"}, Image: 1, Flavor: 1,
		Status: schemas.StatusActive, Progress: 100, Home: schemas.Placement{Cluster: 1, Host: 1, Copy: 1, Flavor: 1}, Copies: 1,
		Public: []string{"198.18.0.1"}, Private: []string{"10.0.0.1"}, QuotaRAMMiB: 256, Sequence: 2,
		Created: time.Now(), Updated: time.Now(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return storage.Snapshot{V: schemas.StateV, Version: 3, State: state}
}

// heapBytes is how many bytes are in use once all garbage is gone.
func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
