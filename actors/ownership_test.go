package actors_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/actors"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// peer is a second engine on the same bus and store.
type peer struct {
	*actors.Engine

	bus   *faultyBus
	store *faultyStore
}

// peer makes and starts one.
func (r *rig) peer() *peer {
	r.t.Helper()
	p := &peer{bus: &faultyBus{Bus: r.queues}, store: &faultyStore{Store: r.store.Store}}
	var err error
	p.Engine, err = actors.New(actors.Config{
		Bus: p.bus, Store: p.store, Node: uuid.NewString(), Now: r.now, Log: r.log().With("engine", "peer"), Rules: r.rules,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), patience)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			r.t.Errorf("Stop() of the peer = %v", err)
		}
	})
	if err := p.Start(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// shared waits until each of both engines has its part of the shards, and a hand-over is over.
func (r *rig) shared(p *peer) {
	r.t.Helper()
	r.eventually("both engines have their part", func() bool {
		return r.engine.Owned()+p.Owned() == schemas.Shards && r.engine.Ready() == nil && p.Ready() == nil
	})
	if a, b := r.engine.Owned(), p.Owned(); a < 10 || b < 10 {
		r.t.Fatalf("%d and %d of %d shards: a rendezvous hash shares them otherwise", a, b, schemas.Shards)
	}
}

// accounts are of as many shards as there are accounts.
func (r *rig) accounts(n int) []schemas.AccountID {
	r.t.Helper()
	shards, ids := map[schemas.Shard]bool{}, []schemas.AccountID{}
	for id := testAccount + 1; len(ids) < n; id++ {
		if s := schemas.ShardOf(id); !shards[s] {
			shards[s] = true
			r.account(id)
			ids = append(ids, id)
		}
	}
	return ids
}

// createIn sends a create for an account.
func (r *rig) createIn(id schemas.AccountID) schemas.OperationID {
	r.t.Helper()
	c := r.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "")
	c.Account = id
	return r.send(c)
}

// createsIn sends one for each account.
func (r *rig) createsIn(accounts []schemas.AccountID) []schemas.OperationID {
	r.t.Helper()
	var sent []schemas.OperationID
	for _, id := range accounts {
		sent = append(sent, r.createIn(id))
	}
	return sent
}

// haveServers fails when an account has more or less than n.
func (r *rig) haveServers(accounts []schemas.AccountID, n int) {
	r.t.Helper()
	for _, id := range accounts {
		if servers, err := r.store.Objects(r.t.Context(), schemas.ActorServer, id, storage.ObjectFilter{Limit: n + 1}); err != nil || len(servers) != n {
			r.t.Errorf("account %d has %d servers, %v, want %d", id, len(servers), err, n)
		}
	}
}

// creates makes a server in each account and returns when all are ACTIVE.
func (r *rig) creates(accounts []schemas.AccountID) {
	r.t.Helper()
	for _, id := range accounts {
		op := r.createIn(id)
		r.accepted(op)
		r.eventually("the create has ended", func() bool {
			r.serve()
			row, err := r.store.Operation(r.t.Context(), id, op)
			return err == nil && row.State == schemas.OperationSucceeded
		})
	}
}

// serve does every step that has come, also those that a new owner sends once more.
func (r *rig) serve() {
	r.t.Helper()
	for {
		select {
		case d := <-r.steps.Deliveries():
			s := r.taken(d)
			for more := true; more; s, more = s.Next() {
				r.done(s, nil)
			}
			r.follows = nil
		default:
			return
		}
	}
}

func TestEnginesShareTheShards(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	accounts := r.accounts(16)
	r.creates(accounts[:4])
	p := r.peer()
	r.shared(p)
	before := p.Stats().Ended + r.engine.Stats().Ended
	r.creates(accounts) // of both parts; one of them must ask the other one's cluster
	r.eventually("each operation is counted", func() bool {
		return p.Stats().Ended+r.engine.Stats().Ended-before == int64(len(accounts))
	})
	if p.Stats().Ended == 0 {
		t.Error("the peer did nothing")
	}
	r.audit()
}

func TestAnEngineThatLeavesHandsItsShardsOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	accounts := r.accounts(8)
	p := r.peer()
	r.shared(p)
	r.creates(accounts)
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.eventually("the other one has all", func() bool { return r.engine.Owned() == schemas.Shards })
	r.creates(accounts)
	r.audit()
}

// What another node answers comes to whoever has the queue by then: an engine that must go does not wait for it.
func TestAnEngineLeavesWithoutAnotherOnesAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	accounts := r.accounts(16)
	p := r.peer()
	r.shared(p)
	waits := make(chan *actors.Engine, 100)
	loses := func(b *faultyBus, other *actors.Engine) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.onPublish = func(_ bus.Address, m bus.Message) error {
			if m.Type != schemas.TypeAllocated {
				return nil
			}
			waits <- other
			return errBroken
		}
	}
	loses(r.bus, p.Engine)
	loses(p.bus, r.engine)
	sent := r.createsIn(accounts)
	leaves := await(t, "an engine waits for the cluster of the other one", waits)
	if err := leaves.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range sent {
		r.accepted(id)
	}
	r.haveServers(accounts, 1)
}

func TestCommandsDuringAHandOverAreTakenOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	accounts := r.accounts(32)
	sent := r.createsIn(accounts)
	p := r.peer()
	sent = append(sent, r.createsIn(accounts)...)
	r.shared(p)
	sent = append(sent, r.createsIn(accounts)...)
	for _, id := range sent {
		r.accepted(id)
	}
	r.haveServers(accounts, 3)
}

// cut takes every queue away from the rig's engine, as a broken connection would, until the function that it returns
// is called.
func (r *rig) cut() (heal func()) {
	r.t.Helper()
	healed := make(chan struct{})
	r.bus.mu.Lock()
	defer r.bus.mu.Unlock()
	r.bus.onConsume = func(ctx context.Context, _ bus.Address) error {
		select {
		case <-healed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for address, c := range r.bus.consumers {
		if address != bus.ReplyQueue("edge") && address != bus.HostQueue(1) {
			c.Close()
		}
	}
	return func() { close(healed) }
}

func TestAnEngineWithoutQueuesIsReplacedAndComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	accounts := r.accounts(8)
	p := r.peer()
	r.shared(p)
	heal := r.cut()
	r.creates(accounts)
	r.eventually("the other one has all", func() bool { return p.Owned() == schemas.Shards })
	heal()
	r.shared(p)
	r.creates(accounts)
	r.audit()
}

// As long as the store is away the engine does not stop asking: nobody else would have its shards.
func TestAnEngineComesBackAfterItsStore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	accounts := r.accounts(4)
	const away = 8 // beats: with the third it lets go of its queues, and it must not take that for the broker's doing
	beats, back := 0, make(chan struct{})
	r.store.set(func(f *faultyStore) {
		f.onBeat = func() error {
			if beats++; beats < away {
				return errors.New("the database is away")
			}
			if beats == away {
				close(back)
			}
			return nil
		}
	})
	await(t, "the store is asked again", back)
	r.creates(accounts)
	r.audit()
}

func TestWhatAReplacedEngineCommitsTakesNoEffect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	accounts := r.accounts(32)
	p := r.peer()
	r.shared(p)
	r.quiet()
	entered, leave := r.held()
	sent := r.createsIn(accounts)
	<-entered
	heal := r.cut()
	r.eventually("the other one has all", func() bool { return p.Owned() == schemas.Shards })
	leave()
	for _, id := range sent {
		r.accepted(id)
	}
	heal()
	r.shared(p)
	r.haveServers(accounts, 1)
}

func TestAShardThatIsReleasedWaitsForTheSameQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.deaf()
	if _, err := r.store.Claim(t.Context(), schemas.ShardOfCluster(testCluster), "another"); err != nil {
		t.Fatal(err)
	}
	r.eventually("the shard is released", func() bool { return r.engine.Owned() == schemas.Shards-1 })
	if n := len(h.asked); n != 0 {
		t.Errorf("the queue is asked for %d more times at once", n)
	}
	h.answer <- nil
	r.create("")
	r.audit()
}

func TestAMessageOfANewerProgramGoesToTheNextInLine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.peer()
	r.shared(p)
	shard := schemas.ShardOf(testAccount)
	var claims [2]atomic.Int64
	for i, store := range []*faultyStore{r.store, p.store} {
		store.set(func(f *faultyStore) {
			f.onClaim = func(s schemas.Shard, next func() (storage.Claim, error)) (storage.Claim, error) {
				if s == shard {
					claims[i].Add(1)
				}
				return next()
			}
		})
	}
	r.publish(bus.ShardQueue(shard), "rumour", "rumour", &schemas.Step{V: 1})
	r.eventually("nobody knows it", func() bool { return len(r.queues.Dead()) == 1 })
	if a, b := claims[0].Load(), claims[1].Load(); a == 0 || b == 0 {
		t.Errorf("the engines have claimed the shard %d and %d times, want each to have had the message", a, b)
	}
	r.create("")
}
