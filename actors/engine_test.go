package actors_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
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

// rig is an engine on a real store and the in-process bus; the test plays the edge and the hosts.
type rig struct {
	t       *testing.T
	bus     *inproc.Bus
	store   storage.Store
	engine  *actors.Engine
	answers bus.Consumer
	steps   bus.Consumer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, store: openStore(t, filepath.Join(t.TempDir(), "ozone.db"))}
	err := r.store.Seed(t.Context(), storage.Catalogue{
		Flavors:  schemas.DefaultFlavors(),
		Images:   []schemas.Image{{V: 1, ID: 1, Name: "base", Status: schemas.ImageActive, Created: time.Now(), Updated: time.Now()}},
		Clusters: []schemas.Cluster{{V: 1, ID: testCluster, Public: schemas.Pool{CIDR: "198.18.0.0/15"}, Private: schemas.Pool{CIDR: "10.0.0.0/8"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	account := schemas.Account{V: 1, ID: testAccount, Name: "test", RAMLimitMiB: 1 << 20}
	if _, err := r.store.CreateAccount(t.Context(), account, "test", make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
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

// start makes a new bus and a new engine on the same store, as a new process would.
func (r *rig) start() {
	r.t.Helper()
	ctx := context.WithoutCancel(r.t.Context())
	r.bus = inproc.New(inproc.Config{})
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
	flavors := make(map[schemas.FlavorID]schemas.Flavor)
	for _, f := range schemas.DefaultFlavors() {
		flavors[f.ID] = f
	}
	r.engine, err = actors.New(actors.Config{
		Bus: r.bus, Store: r.store, Node: uuid.NewString(), Now: time.Now, Log: slog.New(slog.NewTextHandler(r.t.Output(), nil)),
		Rules: actors.Rules{
			Flavors: flavors, BaseImages: map[schemas.ImageID]bool{1: true}, Clusters: []schemas.ClusterID{testCluster}, HostKey: []byte("k"),
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.engine.Start(ctx); err != nil {
		r.t.Fatal(err)
	}
	r.publish(bus.ShardQueue(schemas.ShardOfCluster(testCluster)), schemas.TypeHeartbeat, "beat", &schemas.Heartbeat{
		V: 1, Host: 1, Cluster: testCluster, Name: "h1", RAMMiB: 1 << 20, DiskGB: 1 << 20,
	})
	for known := []schemas.Host(nil); len(known) == 0; {
		if known, err = r.store.Hosts(ctx); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) stop() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), 10*time.Second)
	defer cancel()
	if err := r.engine.Stop(ctx); err != nil {
		r.t.Error(err)
	}
	_ = r.bus.Close()
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

// command sends a command and returns its id.
func (r *rig) command(action schemas.Action, target int64, p schemas.Params, key string) schemas.OperationID {
	r.t.Helper()
	id := schemas.OperationID(uuid.Must(uuid.NewV7()).String())
	c := &schemas.Command{
		V: 1, ID: id, Action: action, Account: testAccount, Target: target, Params: p, Created: time.Now(), Expires: time.Now().Add(5 * time.Second),
	}
	if key != "" {
		c.Key, c.Digest = []byte(key), []byte(action)
	}
	r.publish(bus.ShardQueue(schemas.ShardOf(testAccount)), schemas.TypeCommand, string(id), c)
	return id
}

// answer waits for the decision on a command.
func (r *rig) answer(id schemas.OperationID) schemas.Answer {
	r.t.Helper()
	for {
		select {
		case d := <-r.answers.Deliveries():
			r.answers.Ack(d.Tag)
			if d.CorrelationID != string(id) {
				continue
			}
			var a schemas.Answer
			if err := json.Unmarshal(d.Body, &a); err != nil {
				r.t.Fatal(err)
			}
			return a
		case <-time.After(10 * time.Second):
			r.t.Fatalf("no answer to %s", id)
		}
	}
}

// step waits for the next step of the host.
func (r *rig) step() schemas.Step {
	r.t.Helper()
	select {
	case d := <-r.steps.Deliveries():
		r.steps.Ack(d.Tag)
		var s schemas.Step
		if err := json.Unmarshal(d.Body, &s); err != nil {
			r.t.Fatal(err)
		}
		return s
	case <-time.After(10 * time.Second):
		r.t.Fatal("no step")
		return schemas.Step{}
	}
}

// done answers a step as the host's agent would.
func (r *rig) done(s schemas.Step, failure *schemas.StepFailure) {
	r.t.Helper()
	r.publish(bus.ShardQueue(s.Shard), schemas.TypeOutcome, s.ID(), &schemas.Outcome{
		V: 1, Operation: s.Operation, Name: s.Name, Attempt: s.Attempt, Host: s.Host, Copy: s.Params.Copy, Actor: s.Actor, Account: s.Account,
		Failure: failure,
	})
}

// until waits until an operation is in a state.
func (r *rig) until(id schemas.OperationID, want schemas.OperationState) storage.OperationRow {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		row, err := r.store.Operation(r.t.Context(), testAccount, id)
		if err == nil && row.State == want {
			return row
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("operation %s: %+v %v, want %s", id, row.Operation, err, want)
		}
	}
}

// run does every step of an operation until it has ended well.
func (r *rig) run(id schemas.OperationID, steps ...schemas.StepName) {
	r.t.Helper()
	for _, name := range steps {
		s := r.step()
		if s.Name != name {
			r.t.Fatalf("step = %s, want %s", s.Name, name)
		}
		r.done(s, nil)
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

func (r *rig) create(key string) (schemas.OperationID, int64) {
	r.t.Helper()
	op := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, key)
	a := r.answer(op)
	if a.Fault != nil {
		r.t.Fatalf("create refused: %v", a.Fault)
	}
	return a.Operation, a.Target.ID
}

func TestCreateIsShownBeforeItsAnswerAndEndsActive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("")
	if v := r.server(id); v.Status != schemas.StatusBuild || len(v.Addresses.Public) != 1 || len(v.Addresses.Private) != 1 {
		t.Fatalf("right after the answer: %+v", v)
	}
	r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	if v := r.server(id); v.Status != schemas.StatusActive || v.Progress != 100 {
		t.Fatalf("at the end: %+v", v)
	}
	r.audit()
}

func TestANewEngineGoesOnWhereTheLastOneStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("")
	first := r.step()
	r.stop()
	r.start()
	again := r.step()
	if again.ID() != first.ID() || again.Epoch <= first.Epoch {
		t.Fatalf("resumed step %s epoch %d, want %s above epoch %d", again.ID(), again.Epoch, first.ID(), first.Epoch)
	}
	r.done(again, nil)
	r.run(op, schemas.StepCreateDisk, schemas.StepStart)
	if v := r.server(id); v.Status != schemas.StatusActive {
		t.Fatalf("status = %s", v.Status)
	}
	r.audit()
}

func TestARepeatedKeyGetsTheFirstAnswerAlsoFromTheNextEngine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("key")
	again := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	if a := r.answer(again); a.Operation != op || a.Target.ID != id || !a.Repeated {
		t.Fatalf("repeated: %+v", a)
	}
	r.stop()
	r.start()
	again = r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	if a := r.answer(again); a.Operation != op || a.Target.ID != id || !a.Repeated {
		t.Fatalf("repeated after the restart: %+v", a)
	}
}

func TestARepetitionThatComesBeforeTheAnswerIsToldThatItIsOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	again := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	if a := r.answer(first); a.Operation != first || a.Repeated {
		t.Errorf("first: %+v", a)
	}
	if a := r.answer(again); a.Operation != first || !a.Repeated {
		t.Errorf("repeated: %+v", a)
	}
}

func TestDeleteHidesAtOnceAndGivesEverythingBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("")
	r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	del := r.command(schemas.ServerDelete, id, schemas.Params{}, "")
	if a := r.answer(del); a.Fault != nil {
		t.Fatal(a.Fault)
	}
	if _, err := r.store.Object(t.Context(), schemas.ActorServer, testAccount, id); err == nil {
		t.Fatal("a deleted server is shown")
	}
	r.run(del, schemas.StepStop, schemas.StepWipe)
	report := r.audit()
	if len(report.Copies) != 0 {
		t.Fatalf("copies left: %+v", report.Copies)
	}
}

func TestResizeMovesAndConfirms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("")
	r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	resize := r.command(schemas.ServerResize, id, schemas.Params{Flavor: 2}, "")
	if a := r.answer(resize); a.Fault != nil {
		t.Fatal(a.Fault)
	}
	r.run(resize, schemas.StepSnapshot, schemas.StepCopy, schemas.StepStop, schemas.StepCopyDelta, schemas.StepStart)
	if v := r.server(id); v.Status != schemas.StatusVerifyResize || v.FlavorID != 2 {
		t.Fatalf("resized: %+v", v)
	}
	r.audit()
	confirm := r.command(schemas.ServerResizeConfirm, id, schemas.Params{}, "")
	if a := r.answer(confirm); a.Fault != nil {
		t.Fatal(a.Fault)
	}
	r.run(confirm, schemas.StepWipe)
	r.audit()
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
