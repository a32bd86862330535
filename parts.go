package ozone

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/bus/inproc"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The parts that --bus and --store name beside the URLs of servers.
const (
	busInproc   = "inproc"
	storeSQLite = "sqlite"
)

// onRabbitMQ tells whether a bus is a broker's URL.
func onRabbitMQ(bus string) bool {
	return strings.HasPrefix(bus, "amqp://") || strings.HasPrefix(bus, "amqps://")
}

// onPostgres tells whether a store is a database's URL.
func onPostgres(store string) bool {
	return strings.HasPrefix(store, "postgres://") || strings.HasPrefix(store, "postgresql://")
}

// validateParts says what is wrong with the bus and the store.
func (c Config) validateParts() []error {
	var errs []error
	if c.Bus != busInproc && !onRabbitMQ(c.Bus) {
		errs = append(errs, fmt.Errorf("--bus %s: want inproc, or amqp://USER:PASSWORD@HOST/VHOST", safeURL(c.Bus)))
	}
	if c.Store != storeSQLite && !onPostgres(c.Store) {
		errs = append(errs, fmt.Errorf("--store %s: want sqlite, or postgres://USER:PASSWORD@HOST/DATABASE", safeURL(c.Store)))
	}
	if onRabbitMQ(c.Bus) && c.Store == storeSQLite {
		errs = append(errs, fmt.Errorf("--bus %s with --store sqlite: a broker is for many processes and SQLite for one: "+
			"give --store postgres://USER:PASSWORD@HOST/DATABASE", safeURL(c.Bus)))
	}
	return errs
}

// safeURL is a setting without the password that may be in it.
func safeURL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if at := strings.LastIndex(rest, "@"); ok && at >= 0 {
		user, _, _ := strings.Cut(rest[:at], ":")
		return scheme + "://" + user + ":...@" + rest[at+1:]
	}
	return s
}

// shared is what a store has that more than one process can reach.
type shared interface {
	// Hold keeps others from running on it.
	Hold(ctx context.Context, lost func(error)) (release func(), err error)
	// Clock is the store's time, without asking it.
	Clock() time.Time
}

// join makes this process the one that runs on a shared store, on the store's time.
func (n *Node) join(ctx context.Context) error {
	s, ok := n.store.(shared)
	if !ok {
		return nil // the lock on the data directory does it
	}
	release, err := s.Hold(ctx, func(err error) { n.failed <- err })
	if err != nil {
		return err
	}
	n.onStop("hold on the store", func(context.Context) error {
		release()
		return nil
	})
	n.now = s.Clock
	n.startClock(ctx)
	return nil
}

const (
	// clockEvery is how often a node compares its clock with the store's. Source: docs/numbers.md.
	clockEvery = 5 * time.Second
	// clockApart is how far they may be apart before it is said. Source: docs/numbers.md.
	clockApart = time.Second
)

// startClock compares this machine's clock with the store's, which is the cloud's time.
func (n *Node) startClock(ctx context.Context) {
	n.inBackground(ctx, "clock", func(ctx context.Context) {
		every(ctx, clockEvery, func() {
			at, err := n.store.Now(ctx)
			if apart := at.Sub(n.local()).Abs(); err == nil && apart > clockApart {
				n.cfg.Log.Warn("this machine's clock is not the store's, which counts", "apart", apart)
			}
		})
	})
}

// openBus opens the bus that the configuration names.
func openBus(ctx context.Context, cfg *Config, now func() time.Time, name string) (bus.Bus, error) {
	if onRabbitMQ(cfg.Bus) {
		return amqp.Open(ctx, amqp.Config{URL: cfg.Bus, Name: name, Log: cfg.Log, Now: now})
	}
	return inproc.New(inproc.Config{Now: now}), nil
}

// depths is what a bus has that knows what lies in its queues.
type depths interface {
	Depth() (waiting, unacked int)
}

// inBackground runs do until the node stops.
func (n *Node) inBackground(ctx context.Context, what string, do func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	n.onStop(what, func(context.Context) error {
		cancel()
		<-done
		return nil
	})
	go func() { // ends with cancel
		defer close(done)
		do(ctx)
	}()
}

// every does something at intervals until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do()
		case <-ctx.Done():
			return
		}
	}
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
