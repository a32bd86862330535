package actors_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/actors"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/inproc"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/sqlite"
)

const (
	testAccount = schemas.AccountID(1001)
	testCluster = schemas.ClusterID(1)
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// rig is an engine on a real store and the in-process bus; the test plays the edge and the hosts.
type rig struct {
	t       *testing.T
	bus     *faultyBus
	queues  *inproc.Bus
	store   *faultyStore
	engine  *actors.Engine
	rules   actors.Rules
	answers bus.Consumer
	steps   bus.Consumer
	follows *schemas.Step                          // what the host goes on with by itself
	skew    atomic.Int64                           // what the engine's clock is ahead, in nanoseconds
	early   map[schemas.OperationID]schemas.Answer // answers that came before they were asked for
	mute    bool                                   // no host speaks up at the start
}

func newRig(t *testing.T, options ...func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, store: &faultyStore{Store: openStore(t, filepath.Join(t.TempDir(), "ozone.db"))}}
	flavors := make(map[schemas.FlavorID]schemas.Flavor)
	for _, f := range schemas.DefaultFlavors() {
		flavors[f.ID] = f
	}
	r.rules = actors.Rules{
		Flavors: flavors, BaseImages: map[schemas.ImageID]bool{1: true}, Clusters: []schemas.ClusterID{testCluster}, HostKey: []byte("k"), LostAfter: 24 * time.Hour,
	}
	for _, option := range options {
		option(r)
	}
	err := r.store.Seed(t.Context(), storage.Catalogue{
		Flavors:  schemas.DefaultFlavors(),
		Images:   []schemas.Image{{V: 1, ID: 1, Name: "base", Status: schemas.ImageActive, Created: time.Now(), Updated: time.Now()}},
		Clusters: []schemas.Cluster{{V: 1, ID: testCluster, Public: schemas.Pool{CIDR: "198.18.0.0/15"}, Private: schemas.Pool{CIDR: "10.0.0.0/8"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.account(testAccount)
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

func openStore(t *testing.T, path string) storage.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func (r *rig) account(id schemas.AccountID) {
	r.t.Helper()
	account := schemas.Account{V: 1, ID: id, Name: "test", RAMLimitMiB: 1 << 20}
	if _, err := r.store.CreateAccount(r.t.Context(), account, "user of "+id.Ref().String(), make([]byte, 32)); err != nil {
		r.t.Fatal(err)
	}
}

// now is the engine's clock.
// now is in no zone that anybody may be shown.
func (r *rig) now() time.Time {
	return time.Now().Add(time.Duration(r.skew.Load())).In(time.FixedZone("far", 9*60*60+1800))
}

func (r *rig) log() *slog.Logger { return slog.New(slog.NewTextHandler(r.t.Output(), nil)) }

// boot makes a new bus and a new engine on the same store, as a new process would.
func (r *rig) boot() {
	r.t.Helper()
	ctx := context.WithoutCancel(r.t.Context())
	r.queues = inproc.New(inproc.Config{Now: r.now})
	r.bus = &faultyBus{Bus: r.queues}
	r.early = make(map[schemas.OperationID]schemas.Answer)
	for _, q := range []bus.Address{bus.ReplyQueue("edge"), bus.HostQueue(1)} {
		if err := r.bus.Declare(ctx, q); err != nil {
			r.t.Fatal(err)
		}
	}
	var err error
	if r.answers, err = r.bus.Consume(ctx, bus.ReplyQueue("edge"), 100); err != nil {
		r.t.Fatal(err)
	}
	if r.steps, err = r.bus.Consume(ctx, bus.HostQueue(1), 100); err != nil {
		r.t.Fatal(err)
	}
	r.engine, err = actors.New(actors.Config{
		Bus: r.bus, Store: r.store, Node: uuid.NewString(), Now: r.now, Log: r.log(), Rules: r.rules,
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// start boots, and has the host speak up.
func (r *rig) start() {
	r.t.Helper()
	r.boot()
	if err := r.engine.Start(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
	if r.mute {
		return
	}
	r.beat()
	r.eventually("a host is known", func() bool {
		known, err := r.store.Hosts(r.t.Context())
		return err == nil && len(known) > 0
	})
}

// beat is a heartbeat of the only host.
func (r *rig) beat() {
	r.t.Helper()
	r.publish(bus.ShardQueue(schemas.ShardOfCluster(testCluster)), schemas.TypeHeartbeat, "beat", heartbeat())
}

func heartbeat() *schemas.Heartbeat {
	return &schemas.Heartbeat{V: 1, Host: 1, Cluster: testCluster, Name: "h1", RAMMiB: 1 << 20, DiskGB: 1 << 20}
}

func (r *rig) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), patience)
	defer cancel()
	if err := r.engine.Stop(ctx); err != nil {
		r.t.Error(err)
	}
	_ = r.bus.Close()
	r.store.set(func(f *faultyStore) {
		for _, err := range f.strange {
			r.t.Error(err)
		}
		f.strange = nil
	})
}

// hopeless is the end of an engine that cannot commit any more: it must not hang.
func (r *rig) hopeless() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), 100*time.Millisecond)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.engine.Stop(ctx) // it may say that it could not finish
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		r.t.Fatal("Stop hangs")
	}
}

// eventually waits until something is so.
func (r *rig) eventually(what string, so func() bool) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(deadline) {
			r.t.Fatalf("never: %s", what)
		}
	}
}

// quiet waits until nothing is on its way.
func (r *rig) quiet() {
	r.t.Helper()
	r.eventually("everything is acknowledged", func() bool {
		waiting, unacked := r.queues.Depth()
		return waiting+unacked == 0
	})
}

func (r *rig) publish(to bus.Address, t schemas.MessageType, id string, m schemas.Message) {
	r.t.Helper()
	body, err := json.Marshal(m)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := bus.Send(r.t.Context(), r.bus, to, bus.Message{ID: id, Type: t, ReplyTo: bus.ReplyQueue("edge"), Body: body}); err != nil {
		r.t.Fatal(err)
	}
}

// order is a command of the test's account that nobody has sent yet.
func (r *rig) order(action schemas.Action, target int64, p schemas.Params, key string) *schemas.Command {
	id := schemas.OperationID(uuid.Must(uuid.NewV7()).String())
	c := &schemas.Command{
		V: 1, ID: id, Action: action, Account: testAccount, Target: target, Params: p, Created: r.now(), Expires: r.now().Add(30 * time.Second),
	}
	if key != "" {
		c.Key, c.Digest = []byte(key), []byte(action)
	}
	return c
}

// send publishes a command and returns its id.
func (r *rig) send(c *schemas.Command) schemas.OperationID {
	r.t.Helper()
	r.publish(bus.ShardQueue(schemas.ShardOf(c.Account)), schemas.TypeCommand, string(c.ID), c)
	return c.ID
}

// command makes a command and sends it.
func (r *rig) command(action schemas.Action, target int64, p schemas.Params, key string) schemas.OperationID {
	r.t.Helper()
	return r.send(r.order(action, target, p, key))
}

// answer waits for the decision on a command. Answers to others are kept until they are asked for.
func (r *rig) answer(id schemas.OperationID) schemas.Answer {
	r.t.Helper()
	if a, ok := r.early[id]; ok {
		delete(r.early, id)
		return a
	}
	for {
		select {
		case d := <-r.answers.Deliveries():
			r.answers.Ack(d.Tag)
			var a schemas.Answer
			if err := json.Unmarshal(d.Body, &a); err != nil {
				r.t.Fatal(err)
			}
			if d.CorrelationID == string(id) {
				return a
			}
			r.early[schemas.OperationID(d.CorrelationID)] = a
		case <-time.After(patience):
			r.t.Fatalf("no answer to %s", id)
		}
	}
}

// silent fails when there is an answer or a step.
func (r *rig) silent() {
	r.t.Helper()
	select {
	case d := <-r.answers.Deliveries():
		r.t.Fatalf("answer %s", d.Body)
	case d := <-r.steps.Deliveries():
		r.t.Fatalf("step %s", d.Body)
	default:
	}
}

// accepted waits for the decision on a command, which must be yes.
func (r *rig) accepted(id schemas.OperationID) schemas.Answer {
	r.t.Helper()
	a := r.answer(id)
	if a.Fault != nil {
		r.t.Fatalf("%s refused: %v", id, a.Fault)
	}
	return a
}

// refused waits for the decision on a command, which must be a fault of kind k.
func (r *rig) refused(id schemas.OperationID, k schemas.Kind) {
	r.t.Helper()
	if a := r.answer(id); a.Fault == nil || a.Fault.Kind != k {
		r.t.Fatalf("answer to %s = %+v %v, want a fault of kind %s", id, a, a.Fault, k)
	}
}

// step waits for the next step of the host: the one that follows what was done, or one that arrives.
func (r *rig) step() schemas.Step {
	r.t.Helper()
	if next := r.follows; next != nil {
		r.follows = nil
		return *next
	}
	select {
	case d := <-r.steps.Deliveries():
		return r.taken(d)
	case <-time.After(patience):
		r.t.Fatal("no step")
		return schemas.Step{}
	}
}

// taken is the step of a delivery, which is acknowledged.
func (r *rig) taken(d bus.Delivery) schemas.Step {
	r.t.Helper()
	r.steps.Ack(d.Tag)
	var s schemas.Step
	if err := json.Unmarshal(d.Body, &s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// stepOf waits for a step with this name.
func (r *rig) stepOf(name schemas.StepName) schemas.Step {
	r.t.Helper()
	s := r.step()
	if s.Name != name {
		r.t.Fatalf("step = %s, want %s", s.Name, name)
	}
	return s
}

// done answers a step as the host's agent would.
func (r *rig) done(s schemas.Step, failure *schemas.StepFailure) {
	r.t.Helper()
	if next, ok := s.Next(); ok && failure == nil {
		r.follows = &next
	}
	r.publish(bus.ShardQueue(s.Shard), schemas.TypeOutcome, s.ID(), &schemas.Outcome{
		V: 1, Operation: s.Operation, Name: s.Name, Attempt: s.Attempt, Host: s.Host, Copy: s.Params.Copy, Actor: s.Actor, Account: s.Account,
		Failure: failure,
	})
}

// until waits until an operation is in a state.
func (r *rig) until(id schemas.OperationID, want schemas.OperationState) storage.OperationRow {
	r.t.Helper()
	var row storage.OperationRow
	r.eventually("operation "+string(id)+" is "+string(want), func() bool {
		var err error
		row, err = r.store.Operation(r.t.Context(), testAccount, id)
		return err == nil && row.State == want
	})
	return row
}

// run does every step of an operation until it has ended well.
func (r *rig) run(id schemas.OperationID, steps ...schemas.StepName) {
	r.t.Helper()
	for _, name := range steps {
		r.done(r.stepOf(name), nil)
	}
	r.until(id, schemas.OperationSucceeded)
}

func (r *rig) server(id int64) schemas.ServerView {
	r.t.Helper()
	o, err := r.store.Object(r.t.Context(), schemas.ActorServer, testAccount, id)
	if err != nil {
		r.t.Fatal(err)
	}
	var v schemas.ServerView
	if err := json.Unmarshal(o.Rendered, &v); err != nil {
		r.t.Fatal(err)
	}
	return v
}

// servers is how many servers the test's account is shown.
func (r *rig) servers() int {
	r.t.Helper()
	list, err := r.store.Objects(r.t.Context(), schemas.ActorServer, testAccount, storage.ObjectFilter{Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	return len(list)
}

func (r *rig) create(key string) (schemas.OperationID, int64) {
	r.t.Helper()
	a := r.accepted(r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, key))
	return a.Operation, a.Target.ID
}

// active is a server that is ACTIVE.
func (r *rig) active() int64 {
	r.t.Helper()
	op, id := r.create("")
	r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	return id
}

func (r *rig) audit() storage.Report {
	r.t.Helper()
	report, err := r.store.Audit(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, b := range report.Broken {
		r.t.Errorf("law broken: %s: %s", b.Law, b.What)
	}
	return report
}
