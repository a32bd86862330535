package actors_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/tests/wire"
)

var errBroken = errors.New("the disk is on fire")

// faultyStore is a real store whose answers a test may change. A hook gets the real call as next.
type faultyStore struct {
	storage.Store

	mu       sync.Mutex
	onCommit func(b storage.Batch, next func() error) error // guarded by mu, as all hooks
	onLoad   func(refs []schemas.Ref, next func() ([]storage.Snapshot, error)) ([]storage.Snapshot, error)
	onClaim  func(s schemas.Shard, next func() (storage.Claim, error)) (storage.Claim, error)
	onKnown  func() error
	onLease  func() error
	onBeat   func() error
	onTry    func()
	strange  []error // events that are not as their schemas say; guarded by mu
}

// set changes the hooks.
func (f *faultyStore) set(change func(*faultyStore)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// hook reads a hook.
func hook[H any](f *faultyStore, h *H) H {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *h
}

func (f *faultyStore) Commit(ctx context.Context, b storage.Batch) error {
	for i := range b.Units {
		for _, row := range b.Units[i].Events {
			if err := wire.Event(row.Body); err != nil {
				f.set(func(f *faultyStore) { f.strange = append(f.strange, err) })
			}
		}
	}
	next := func() error { return f.Store.Commit(ctx, b) }
	if on := hook(f, &f.onCommit); on != nil {
		return on(b, next)
	}
	return next()
}

func (f *faultyStore) Load(ctx context.Context, s schemas.Shard, refs []schemas.Ref) ([]storage.Snapshot, error) {
	next := func() ([]storage.Snapshot, error) { return f.Store.Load(ctx, s, refs) }
	if on := hook(f, &f.onLoad); on != nil {
		return on(refs, next)
	}
	return next()
}

func (f *faultyStore) Claim(ctx context.Context, s schemas.Shard, node string) (storage.Claim, error) {
	next := func() (storage.Claim, error) { return f.Store.Claim(ctx, s, node) }
	if on := hook(f, &f.onClaim); on != nil {
		return on(s, next)
	}
	return next()
}

func (f *faultyStore) Known(
	ctx context.Context, account schemas.AccountID, id schemas.OperationID, key []byte,
) (storage.OperationRow, storage.Key, error) {
	if on := hook(f, &f.onKnown); on != nil {
		if err := on(); err != nil {
			return storage.OperationRow{}, storage.Key{}, err
		}
	}
	return f.Store.Known(ctx, account, id, key)
}

func (f *faultyStore) Beat(ctx context.Context, n storage.Node, within time.Duration) (storage.Membership, error) {
	if on := hook(f, &f.onBeat); on != nil {
		if err := on(); err != nil {
			return storage.Membership{}, err
		}
	}
	return f.Store.Beat(ctx, n, within)
}

func (f *faultyStore) Suspect(ctx context.Context, s schemas.Shard, e schemas.Epoch, id string) (int, error) {
	if on := hook(f, &f.onTry); on != nil {
		on()
	}
	return f.Store.Suspect(ctx, s, e, id)
}

func (f *faultyStore) LeaseIDs(ctx context.Context, s schemas.Shard, e schemas.Epoch, kind schemas.ActorKind) (storage.IDBlock, error) {
	if on := hook(f, &f.onLease); on != nil {
		if err := on(); err != nil {
			return storage.IDBlock{}, err
		}
	}
	return f.Store.LeaseIDs(ctx, s, e, kind)
}

// faultyBus is a real bus that shows the consumers of shards to the test.
type faultyBus struct {
	bus.Bus

	mu        sync.Mutex
	consumers map[bus.Address]*faultyConsumer                // guarded by mu; the last one of each queue
	onConsume func(ctx context.Context, a bus.Address) error // guarded by mu; called without it, since it may hang
	onPublish func(a bus.Address, m bus.Message) error       // guarded by mu
}

func (f *faultyBus) Consume(ctx context.Context, a bus.Address, prefetch int) (bus.Consumer, error) {
	f.mu.Lock()
	on := f.onConsume
	f.mu.Unlock()
	if on != nil {
		if err := on(ctx, a); err != nil {
			return nil, err
		}
	}
	c, err := f.Bus.Consume(context.WithoutCancel(ctx), a, prefetch) // a broker may say yes when ctx has just ended
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.consumers == nil {
		f.consumers = make(map[bus.Address]*faultyConsumer)
	}
	f.consumers[a] = &faultyConsumer{Consumer: c}
	return f.consumers[a], nil
}

func (f *faultyBus) Publish(ctx context.Context, to bus.Address, m bus.Message, confirmed func(error)) error {
	if err := f.refusal(to, m); err != nil {
		confirmed(err)
		return nil
	}
	return f.Bus.Publish(ctx, to, m, confirmed)
}

func (f *faultyBus) refusal(to bus.Address, m bus.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.onPublish == nil {
		return nil
	}
	return f.onPublish(to, m)
}

// consumer is the present consumer of a queue.
func (f *faultyBus) consumer(a bus.Address) *faultyConsumer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.consumers[a]
}

// faultyConsumer remembers what was acknowledged.
type faultyConsumer struct {
	bus.Consumer

	mu    sync.Mutex
	acked uint64 // guarded by mu
	onAck func() // guarded by mu
}

func (c *faultyConsumer) Ack(tag uint64) {
	c.mu.Lock()
	c.acked = max(c.acked, tag)
	on := c.onAck
	c.mu.Unlock()
	if on != nil {
		on()
	}
	c.Consumer.Ack(tag)
}

func (c *faultyConsumer) upTo() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked
}
