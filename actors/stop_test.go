package actors_test

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/actors"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/inproc"
	"github.com/ozonecloud/ozone/schemas"
)

func TestStopCommitsAndTellsWhatWasTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 20
	taken := r.engine.Stats().Commands + n
	ids := make([]schemas.OperationID, n)
	for i := range ids {
		ids[i] = r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, fmt.Sprint("key ", i))
	}
	r.eventually("all are taken", func() bool { return r.engine.Stats().Commands == taken })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.engine.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		r.accepted(id)
		r.stepOf(schemas.StepFetchImage)
	}
	if got := r.servers(); got != n {
		t.Errorf("%d servers, want %d", got, n)
	}
	if _, unacked := r.queues.Depth(); unacked != 0 {
		t.Errorf("%d deliveries are not acknowledged", unacked)
	}
	r.audit()
}

func TestStopMayComeTwiceAndBeforeStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	never, err := actors.New(actors.Config{
		Bus: r.bus, Store: r.store, Node: "never", Now: r.now, Log: r.log(), Rules: r.rules,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := never.Stop(t.Context()); err != nil {
			t.Errorf("Stop() of what never ran = %v", err)
		}
	}
	first := make(chan error, 1)
	go func() { first <- r.engine.Stop(t.Context()) }()
	if err := r.engine.Stop(t.Context()); err != nil {
		t.Errorf("Stop() again = %v", err)
	}
	if err := <-first; err != nil {
		t.Errorf("Stop() = %v", err)
	}
}

func TestAStartThatFailsCanBeStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	closed := inproc.New(inproc.Config{})
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]bus.Bus{"no bus": closed, "no consumer": &faultyBus{
		Bus: inproc.New(inproc.Config{}), onConsume: func(context.Context, bus.Address) error { return errBroken },
	}} {
		e, err := actors.New(actors.Config{Bus: b, Store: r.store, Node: name, Now: r.now, Log: r.log(), Rules: r.rules})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(t.Context()); err == nil {
			t.Errorf("%s: Start() = nil", name)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Errorf("%s: Stop() = %v", name, err)
		}
	}
}

func TestStopLeavesNoGoroutine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.stop()
	label := "engine of " + t.Name() // goroutines inherit it; other tests run beside this one
	pprof.SetGoroutineLabels(pprof.WithLabels(t.Context(), pprof.Labels(label, "")))
	r.start()
	for range 3 {
		r.create("")
	}
	r.stop()
	if goroutines(t, label) == 0 {
		t.Error("no goroutine bears the label")
	}
	pprof.SetGoroutineLabels(t.Context()) // the test's own
	r.eventually("they all end", func() bool { return goroutines(t, label) == 0 })
}

// goroutines counts the stacks under which goroutines with a label run.
func goroutines(t *testing.T, label string) int {
	t.Helper()
	var text strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	return strings.Count(text.String(), label)
}
