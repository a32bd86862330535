package ozone

import (
	"context"
	"errors"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// shared is what a store has that more than one process can reach.
type shared interface {
	// Hold says that this process runs on it, alone or with others.
	Hold(ctx context.Context, alone bool, lost func(error)) (release func(), err error)
	// Clock is the store's time, without asking it.
	Clock() time.Time
	// Mark is how far the store has come; "": it is not known yet.
	Mark() string
}

// join makes this process one that runs on a shared store, on the store's time. It is the only one when its bus reaches no other.
func (n *Node) join(ctx context.Context) error {
	s, ok := n.store.(shared)
	if !ok {
		return nil // the lock on the data directory does it
	}
	release, err := s.Hold(ctx, !onRabbitMQ(n.cfg.Bus), n.fail)
	if err != nil {
		return err
	}
	n.onStop("hold on the store", func(context.Context) error {
		release()
		return nil
	})
	n.now = s.Clock
	n.startClock(ctx)
	n.startMark(ctx, s)
	return nil
}

// startMark keeps how far the store has come: a database that was put back from a copy of its files cannot tell that by itself.
func (n *Node) startMark(ctx context.Context, s shared) {
	kept := ""
	n.every(ctx, "mark", markEvery, func(context.Context) {
		mark := s.Mark()
		if mark == kept {
			return
		}
		if err := writeWhole(n.dir.file(markFile), mark+"\n"); err != nil {
			n.cfg.Log.Warn("how far the store has come is not kept", "error", err)
			return
		}
		kept = mark
	})
}

const (
	// clockEvery is how often a node compares its clock with the store's. Source: docs/numbers.md.
	clockEvery = 5 * time.Second
	// markEvery is how often a node notes how far the store has come. Source: docs/numbers.md.
	markEvery = 5 * time.Second
	// clockApart is how far they may be apart before it is said. Source: docs/numbers.md.
	clockApart = time.Second
)

// startClock compares this machine's clock with the store's, which is the cloud's time.
func (n *Node) startClock(ctx context.Context) {
	n.every(ctx, "clock", clockEvery, func(ctx context.Context) {
		at, err := n.store.Now(ctx)
		if apart := at.Sub(n.local()).Abs(); err == nil && apart > clockApart {
			n.cfg.Log.Warn("this machine's clock is not the store's, which counts", "apart", apart)
		}
	})
}

// checkKey refuses a store whose payloads another key has sealed: none of them could be delivered.
func checkKey(ctx context.Context, store storage.Seal, sealer *schemas.Sealer) error {
	sealed, err := store.SealedWith(ctx, sealer.Fingerprint())
	if err != nil {
		return err
	}
	if sealed != sealer.Fingerprint() {
		return errors.New("the store was sealed with another secret key: name that one with --secret-key-file, the same for all processes")
	}
	return nil
}
