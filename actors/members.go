package actors

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The rhythm of the membership. Source: docs/numbers.md.
const (
	beatEvery = time.Second
	// nodeLives is how long a node counts as alive after it was last heard of.
	nodeLives = 4 * time.Second
	// beatAgain is the pause after a beat that failed: a database that is back finds its shards taken up at once.
	beatAgain = 200 * time.Millisecond
	// letGoAfter is how long after its last beat a node lets go of its queues: another one can have them before it
	// counts as dead.
	letGoAfter = 3 * time.Second
	// deafFor is for how many beats a node says that it lives although the broker gives it no queue.
	deafFor = 3
	// standby is up to which rank a node waits in line for a shard's queue: the broker gives it to the second at
	// once when the first dies.
	standby = 2
)

// members is what an engine knows of who shares the shards. The broker decides who gets a shard's messages and the
// store whose commits count; ranks only say who should be asked to get them. Only beat uses it.
type members struct {
	engine *Engine
	joined time.Time                       // of the first beat, by the store's clock
	heard  time.Time                       // when the last beat was sent that came through, by this process's clock
	failed bool                            // the last one did not
	deaf   int                             // beats in a row without any queue
	epochs map[schemas.Shard]schemas.Epoch // at the last beat
}

// run beats until ctx ends.
func (m *members) run(ctx context.Context) {
	t := time.NewTicker(beatEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			failed := m.failed
			err := m.beat(ctx)
			switch {
			case err == nil && failed:
				t.Reset(beatEvery)
			case err != nil && !failed && ctx.Err() == nil:
				m.engine.cfg.Log.Warn("this node could not say that it lives; it goes on trying", "error", err)
				t.Reset(beatAgain)
			}
		case <-ctx.Done():
			return
		}
	}
}

// beat says that the node lives, unless the broker gives it nothing, and tells each shard its rank.
func (m *members) beat(ctx context.Context) error {
	e := m.engine
	subscribed := e.subscribed()
	// A node that could not beat has let go of its queues by itself, and asks for them only after a beat.
	if m.deaf++; m.joined.IsZero() || m.failed || len(subscribed) > 0 {
		m.deaf = 0
	}
	if m.deaf > deafFor {
		return nil // others shall have its shards
	}
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	sent := e.cfg.Now()
	now, err := e.cfg.Store.Beat(ctx, storage.Node{Name: e.cfg.Node, Subscribed: subscribed}, nodeLives)
	if err != nil {
		m.failed = true
		if e.cfg.Now().Sub(m.heard) >= letGoAfter {
			e.toAll(cutOff{})
		}
		return fmt.Errorf("beat: %w", err)
	}
	m.heard, m.failed = sent, false
	if m.joined.IsZero() {
		i := slices.IndexFunc(now.Nodes, func(n storage.Node) bool { return n.Name == e.cfg.Node })
		m.joined = now.Nodes[i].Seen
	}
	for n := range schemas.Shards {
		a := m.assign(schemas.Shard(n), now)
		e.first[n].Store(a.rank == 1)
		e.send(schemas.Shard(n), a)
	}
	if moved := m.moved(now); len(moved) > 0 {
		e.toAll(moved)
	}
	return nil
}

// moved lists the shards that were claimed since the last beat.
func (m *members) moved(now storage.Membership) reclaimed {
	moved := reclaimed{}
	for s, epoch := range now.Epochs {
		if last, ok := m.epochs[s]; ok && last != epoch {
			moved[s] = true
		}
	}
	m.epochs = now.Epochs
	return moved
}

// assign ranks this node among those that live. A node that was not heard of since this one joined may have died
// before: nothing is handed to it.
func (m *members) assign(s schemas.Shard, now storage.Membership) assigned {
	own := m.engine.cfg.Node
	a := assigned{rank: 1, epoch: now.Epochs[s]}
	best := weight(own, s)
	for _, n := range now.Nodes {
		w := weight(n.Name, s)
		if n.Name == own || w < weight(own, s) {
			continue
		}
		a.rank++
		if w > best {
			best, a.heir = w, n.Seen.After(m.joined) && slices.Contains(n.Subscribed, s)
		}
	}
	return a
}

// weight is a node's claim to a shard: a rendezvous hash, so that a node which comes or goes moves its own shards only.
func weight(node string, s schemas.Shard) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", int(s), node))
	return binary.BigEndian.Uint64(sum[:])
}

// subscribed lists the shards for whose queue this node waits in line.
func (e *Engine) subscribed() []schemas.Shard {
	shards := []schemas.Shard{}
	for n := range schemas.Shards {
		if e.queued[n].Load() {
			shards = append(shards, schemas.Shard(n))
		}
	}
	return shards
}

// leave tells the others not to wait for this node.
func (e *Engine) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatEvery)
	defer cancel()
	if err := e.cfg.Store.Leave(ctx, e.cfg.Node); err != nil {
		e.cfg.Log.Warn("other nodes will find out by themselves that this one has left", "error", err)
	}
}
