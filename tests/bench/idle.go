package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// idleServers is how many actors are weighed: enough that a megabyte more or less is 50 bytes of each.
const idleServers = 20000

// idle is a node whose servers' actors are left alone until they are unloaded.
type idle struct {
	rig    *rig
	loaded int64   // bytes of its heap with the actors
	actors float64 // that were loaded then
	state  float64 // bytes of the stored state, on average
}

// startIdle makes the servers and weighs the heap while all of their actors are loaded.
func startIdle(ctx context.Context, b *bench) (*idle, error) {
	b.say("%d servers for the idle actors ...", idleServers)
	r, err := b.start(ctx, "idle")
	if err != nil {
		return nil, err
	}
	i := &idle{rig: r}
	if err := i.weigh(ctx); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return i, nil
}

func (i *idle) weigh(ctx context.Context) error {
	if _, err := i.rig.prepared(ctx, (idleServers+conns-1)/conns); err != nil {
		return err
	}
	m, err := i.rig.node.Metrics(ctx)
	if err != nil {
		return err
	}
	i.actors = m["ozone_actors_loaded"]
	if i.loaded, err = i.rig.node.Heap(ctx); err != nil {
		return err
	}
	i.state, err = averageState(ctx, filepath.Join(i.rig.node.Dir(), "ozone.db"))
	return err
}

func averageState(ctx context.Context, path string) (bytes float64, err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=query_only(1)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return bytes, db.QueryRowContext(ctx, `SELECT avg(length(state)) FROM server`).Scan(&bytes)
}

func (i *idle) stop() { _ = i.rig.stop() } // measured already

// unloadPatience bounds the wait for the actors to be unloaded: they are given a minute without use.
const unloadPatience = 2 * time.Minute

// measureIdle waits until the actors are unloaded and weighs the heap again.
func measureIdle(ctx context.Context, b *bench) (line, error) {
	i := b.idle
	left, err := i.unloaded(ctx)
	if err != nil {
		return line{}, err
	}
	after, err := i.rig.node.Heap(ctx)
	if err != nil {
		return line{}, err
	}
	each := float64(i.loaded-after) / (i.actors - left)
	over := each - i.state
	return line{
		measured: fmt.Sprintf("%.0f bytes (%.0f in all, state %.0f); %.0f of %.0f actors left after a minute", over, each, i.state, left, i.actors),
		must:     "<= 1 KB; unloaded 0", aim: "<= 600 B", verdict: less(over, 1024, 600),
	}, nil
}

// unloaded waits until nearly all actors are gone; hosts, clusters and their like stay.
func (i *idle) unloaded(ctx context.Context) (float64, error) {
	for end := time.Now().Add(unloadPatience); ; {
		m, err := i.rig.node.Metrics(ctx)
		if err != nil {
			return 0, err
		}
		left := m["ozone_actors_loaded"]
		if left < i.actors/100 {
			return left, nil
		}
		if time.Now().After(end) {
			return left, fmt.Errorf("%.0f of %.0f actors are loaded %s after their last use", left, i.actors, unloadPatience)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
