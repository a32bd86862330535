package agent_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/hosts/agent"
	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
)

var small = schemas.Flavor{ID: 1, RAMMiB: 256, DiskGB: 10, CPUWeight: 1}

// rig is an agent for host 1 of a simulated cloud, and the two ends of its bus.
type rig struct {
	*testing.T
	dir      string
	cloud    *sim.Cloud
	calls    *calls
	ledger   *agent.Ledger
	onReply  func(schemas.Outcome) // sees each outcome when it is given
	agent    *agent.Agent
	steps    chan agent.Delivery
	outcomes chan schemas.Outcome
	beats    chan schemas.Heartbeat
	done     atomic.Int64
	unsure   atomic.Int64 // how many replies the bus does not vouch for
}

// calls is a simulated host that remembers which calls it got, in order.
type calls struct {
	*sim.Host
	mu   sync.Mutex
	list []string // guarded by mu
	bad  atomic.Bool
}

func (c *calls) note(s schemas.Step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, fmt.Sprintf("%d %s %d", s.Params.Server, s.Name, s.Version))
	if c.bad.Swap(false) {
		panic("a driver with a defect")
	}
}

func (c *calls) Start(ctx context.Context, s schemas.Step) error {
	c.note(s)
	return c.Host.Start(ctx, s)
}

func (c *calls) Stop(ctx context.Context, s schemas.Step) error {
	c.note(s)
	return c.Host.Stop(ctx, s)
}

func (c *calls) Wipe(ctx context.Context, s schemas.Step) error {
	c.note(s)
	return c.Host.Wipe(ctx, s)
}

func (c *calls) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, dir: t.TempDir()}
	var err error
	if r.cloud, err = sim.NewCloud(sim.Config{Dir: r.dir, Hosts: 1, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	r.calls = &calls{Host: r.cloud.Host(1)}
	r.steps, r.outcomes = make(chan agent.Delivery, 10000), make(chan schemas.Outcome, 10000)
	r.beats = make(chan schemas.Heartbeat, 10000)
	r.start(r.calls)
	t.Cleanup(func() {
		r.stop()
		if err := r.cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// start starts an agent over the ledger file as it is.
func (r *rig) start(d hosts.Driver) {
	r.Helper()
	var err error
	if r.ledger, err = agent.OpenLedger(filepath.Join(r.dir, "ledger"), nil); err != nil {
		r.Fatal(err)
	}
	r.agent, err = agent.New(agent.Config{
		Host: 1, Cluster: 2, Name: "h1", RAMMiB: 1024, DiskGB: 100, Driver: d, Ledger: r.ledger, Now: time.Now,
		Receive: func(ctx context.Context) (agent.Delivery, error) {
			select {
			case d := <-r.steps:
				return d, nil
			case <-ctx.Done():
				return agent.Delivery{}, ctx.Err()
			}
		},
		Reply: func(_ context.Context, o schemas.Outcome) error {
			if r.unsure.Add(-1) >= 0 {
				return errors.New("nobody vouches")
			}
			if r.onReply != nil {
				r.onReply(o)
			}
			r.outcomes <- o
			return nil
		},
		Beat: func(_ context.Context, h schemas.Heartbeat) error { r.beats <- h; return nil },
		Open: func(op schemas.OperationID, sealed []byte) (schemas.Payload, error) {
			if string(sealed) != "sealed for "+string(op) {
				return schemas.Payload{}, errors.New("another key")
			}
			return schemas.Payload{PasswordHash: "$5$a$b"}, nil
		},
	})
	if err != nil {
		r.Fatal(err)
	}
	if err := r.agent.Start(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// stop stops agent and ledger; it may be called twice.
func (r *rig) stop() {
	r.Helper()
	r.agent.Stop()
	if err := r.ledger.Close(); err != nil {
		r.Error(err)
	}
}

func (r *rig) send(s schemas.Step) {
	r.steps <- agent.Delivery{Step: s, Done: func() { r.done.Add(1) }}
}

// ask sends a step and waits for its outcome.
func (r *rig) ask(s schemas.Step) schemas.Outcome {
	r.Helper()
	r.send(s)
	return r.answer()
}

func (r *rig) answer() schemas.Outcome {
	r.Helper()
	select {
	case o := <-r.outcomes:
		return o
	case <-r.Context().Done():
		return schemas.Outcome{}
	}
}

func (r *rig) wantCalls(want ...string) {
	r.Helper()
	if got := r.calls.got(); !slices.Equal(got, want) {
		r.Errorf("driver got %q, want %q", got, want)
	}
}

func (r *rig) wantSilence() {
	r.Helper()
	synctest.Wait()
	if n := len(r.outcomes); n != 0 {
		r.Errorf("%d outcomes where none was due: %+v", n, <-r.outcomes)
	}
}

func step(op schemas.OperationID, name schemas.StepName, server schemas.ServerID, epoch schemas.Epoch, version int64) schemas.Step {
	return schemas.Step{
		V: 1, Operation: op, Name: name, Attempt: 1, Host: 1, Actor: server.Ref(), Account: 1001,
		Epoch: epoch, Version: version, Timeout: time.Minute,
		Params: schemas.StepParams{Server: server, Copy: 1, Image: 1, Flavor: &small},
	}
}

func reason(o schemas.Outcome) schemas.FailureReason {
	if o.Failure == nil {
		return ""
	}
	return o.Failure.Reason
}

// bubble runs the test in virtual time.
func bubble(t *testing.T, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newRig(t)) })
}
