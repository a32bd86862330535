package actors_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

// clusterQueue is the queue of the shard that every create asks for a place.
var clusterQueue = bus.ShardQueue(schemas.ShardOfCluster(testCluster))

// hang is a broker that does not answer who wants to consume one queue.
type hang struct {
	asked  chan struct{} // a word for each call
	answer chan error    // what the call under way answers
}

// hangs has every Consume of the queue hang until it is told what to answer or its context ends.
func (f *faultyBus) hangs(queue bus.Address) *hang {
	h := &hang{asked: make(chan struct{}, 100), answer: make(chan error)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onConsume = func(ctx context.Context, a bus.Address) error {
		if a != queue {
			return nil
		}
		h.asked <- struct{}{}
		select {
		case err := <-h.answer:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return h
}

// await waits for a word.
func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	var word T
	select {
	case word = <-c:
	case <-time.After(patience):
		t.Fatalf("never: %s", what)
	}
	return word
}

// ended waits until a consumer is closed.
func (r *rig) ended(c bus.Consumer) {
	r.t.Helper()
	r.eventually("the consumer is closed", func() bool {
		select {
		case _, open := <-c.Deliveries():
			return !open
		default:
			return false
		}
	})
}

// deaf takes the cluster's queue away; the broker does not give it again for now.
func (r *rig) deaf() *hang {
	r.t.Helper()
	r.quiet()
	h := r.bus.hangs(clusterQueue)
	r.bus.consumer(clusterQueue).Close()
	await(r.t, "the queue is asked for", h.asked)
	return h
}

// starting is a new engine whose Start waits for the cluster's queue.
func (r *rig) starting() (h *hang, started <-chan error) {
	r.t.Helper()
	r.stop()
	r.boot()
	h = r.bus.hangs(clusterQueue)
	result := make(chan error, 1)
	go func() { result <- r.engine.Start(r.t.Context()) }()
	await(r.t, "the queue is asked for", h.asked)
	return h, result
}

// stopping is what Stop, which is called, returns.
func (r *rig) stopping() <-chan error {
	stopped := make(chan error, 1)
	go func() { stopped <- r.engine.Stop(r.t.Context()) }()
	return stopped
}

// wantStopped waits until Stop returns, which must say nothing.
func (r *rig) wantStopped(stopped <-chan error) {
	r.t.Helper()
	if err := await(r.t, "Stop returns", stopped); err != nil {
		r.t.Errorf("Stop() = %v", err)
	}
}

func TestAShardDecidesWhileItsQueueIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if schemas.ShardOfCluster(testCluster) == schemas.ShardOf(testAccount) {
		t.Fatal("the account needs another shard than the cluster")
	}
	h := r.deaf()
	r.create("")
	r.stepOf(schemas.StepFetchImage)
	r.beat()
	if n := len(h.asked); n != 0 {
		t.Errorf("the queue is asked for %d more times at once", n)
	}
	h.answer <- errBroken
	await(t, "the queue is asked for again", h.asked)
	r.create("")
	h.answer <- nil
	r.eventually("the heartbeat is taken", func() bool { return r.bus.consumer(clusterQueue).upTo() == 1 })
	r.audit()
}

func TestStopDoesNotWaitForAQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deaf()
	r.create("")
	r.wantStopped(r.stopping())
}

func TestAStartThatWaitsForAQueueCanBeStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, started := r.starting()
	if r.engine.Ready() == nil {
		t.Error("ready without a queue")
	}
	r.wantStopped(r.stopping())
	if err := await(t, "Start returns", started); err == nil {
		t.Error("Start() = nil, want an error")
	}
}

func TestTheFirstQueueThatIsRefusedIsTheErrorOfStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h, started := r.starting()
	h.answer <- errBroken
	if err := await(t, "Start returns", started); !errors.Is(err, errBroken) {
		t.Errorf("Start() = %v, want %v", err, errBroken)
	}
}

func TestAQueueThatComesDuringADrainIsGivenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.deaf()
	lost := r.bus.consumer(clusterQueue)
	entered, leave := r.held()
	op := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	<-entered
	stopped := r.stopping()
	r.ended(r.bus.consumer(bus.ShardQueue(schemas.Shards - 1))) // the last one that is told to drain
	h.answer <- nil
	r.eventually("the queue has come", func() bool { return r.bus.consumer(clusterQueue) != lost })
	r.ended(r.bus.consumer(clusterQueue))
	leave()
	r.wantStopped(stopped)
	r.accepted(op)
}

func TestAQueueThatComesAfterTheEndIsGivenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.quiet()
	lost := r.bus.consumer(clusterQueue)
	asked := make(chan struct{}, 1)
	r.bus.mu.Lock()
	r.bus.onConsume = func(ctx context.Context, _ bus.Address) error {
		asked <- struct{}{}
		<-ctx.Done()
		return nil
	}
	r.bus.mu.Unlock()
	lost.Close()
	await(t, "the queue is asked for", asked)
	r.wantStopped(r.stopping())
	late := r.bus.consumer(clusterQueue)
	if late == lost {
		t.Fatal("Stop returned before the queue came")
	}
	r.ended(late)
}
