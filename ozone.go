// Package ozone puts the parts together: which bus, which store, which hosts, which APIs.
//
// New checks a Config, Run is a node's whole life. An operator's commands reach a running node over the
// socket in its data directory; see OpenOperator and Audit.
package ozone

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/actors"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/postgres"
	"github.com/ozonecloud/ozone/storage/sqlite"
)

// How long the end of a node may take. What is not answered and committed by then comes back at the next start.
const (
	drainTime = 15 * time.Second
	// fatalTime is for a node that can do nothing any more: nobody should wait for it.
	fatalTime = 2 * time.Second
	// hangTime is what a part gets beyond that before the process goes without it.
	hangTime = 3 * time.Second
)

// Node is one process of the cloud.
type Node struct {
	cfg   Config
	id    string           // of this process run
	now   func() time.Time // the cloud's time: the store's
	local func() time.Time // this machine's

	dir      *dataDir
	sealer   *schemas.Sealer
	store    storage.Store
	bus      bus.Bus
	parts    *parts
	engine   *actors.Engine
	edge     *edge.Server
	listener net.Listener
	failed   chan error // what a part that serves in the background ended with
	stops    []stop     // in the order of the starts
	demoKey  string     // "" without the demo account
}

type stop struct {
	what string
	do   func(context.Context) error
}

// New checks the configuration; nothing is opened before Run.
func New(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("name this run: %w", err)
	}
	// Two listeners and the hold on the store: none blocks when it fails.
	return &Node{cfg: cfg.withDefaults(), id: id.String(), now: time.Now, local: time.Now, failed: make(chan error, 3)}, nil
}

// Run opens the data directory, serves until ctx ends and gives everything back. An end that ctx asked for is no error.
// It may be called once.
func (n *Node) Run(ctx context.Context) error {
	began := n.now()
	err := n.start(ctx)
	if err == nil {
		n.announce(n.now().Sub(began))
		err = n.wait(ctx)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	if err != nil {
		return errors.Join(err, n.end(ctx, fatalTime))
	}
	return n.end(ctx, drainTime)
}

// end stops the parts, and goes without those that hang.
func (n *Node) end(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	done := make(chan error, 1) // one word, never blocks
	go func() { done <- n.stop(ctx) }()
	hung := time.NewTimer(patience + hangTime)
	defer hung.Stop()
	select {
	case err := <-done:
		return err
	case <-hung.C:
		return errors.New("stop: a part hangs; its work comes back at the next start")
	}
}

// start opens the parts, each on top of the ones before.
func (n *Node) start(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		n.openData, n.openStore, n.join, n.prepare, n.openBus, n.startLook, n.startEngine, n.startHosts, n.startEdge, n.startAdmin,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wait returns when the node must end.
func (n *Node) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		n.cfg.Log.Info("draining")
		return nil
	case err := <-n.engine.Fatal():
		return fmt.Errorf("engine: %w", err)
	case err := <-n.failed:
		return err
	}
}

func (n *Node) onStop(what string, do func(context.Context) error) {
	n.stops = append(n.stops, stop{what, do})
}

// stop ends the parts in the reverse order: nothing new comes in, what was taken is finished, then the store closes.
func (n *Node) stop(ctx context.Context) error {
	var errs []error
	for len(n.stops) > 0 {
		last := n.stops[len(n.stops)-1]
		n.stops = n.stops[:len(n.stops)-1]
		if err := last.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.what, err))
		}
	}
	return errors.Join(errs...)
}

func (n *Node) openData(context.Context) error {
	dir, err := openDir(n.cfg.Data)
	if err != nil {
		return err
	}
	n.dir = dir
	n.onStop("data directory", func(context.Context) error { return dir.Close() })
	n.sealer, err = dir.secret(n.cfg.SecretKeyFile)
	return err
}

func (n *Node) openStore(ctx context.Context) error {
	store, err := openStore(ctx, &n.cfg, n.dir.file(storeFile), n.name())
	if err != nil {
		return err
	}
	n.store = store
	n.onStop("store", func(context.Context) error { return store.Close() })
	return checkKey(ctx, store, n.sealer)
}

// openStore opens the store that the configuration names.
func openStore(ctx context.Context, cfg *Config, sqliteFile, name string) (storage.Store, error) {
	if onPostgres(cfg.Store) {
		return postgres.Open(ctx, postgres.Config{URL: cfg.Store, Now: time.Now, Log: cfg.Log, Name: name})
	}
	return sqlite.Open(ctx, sqlite.Config{Path: sqliteFile, Now: time.Now, Log: cfg.Log})
}

// lookAtStore opens the store to read it, beside a running node too.
func lookAtStore(ctx context.Context, cfg *Config, sqliteFile string) (storage.Store, error) {
	if onPostgres(cfg.Store) {
		return postgres.Open(ctx, postgres.Config{URL: cfg.Store, Now: time.Now, Log: cfg.Log, Name: "ozone audit", ReadOnly: true})
	}
	return sqlite.Open(ctx, sqlite.Config{Path: sqliteFile, Now: time.Now, Log: cfg.Log, CachedObjects: -1, ReadOnly: true})
}

// name is what a broker and a database show of this process.
func (n *Node) name() string { return "ozone " + n.id }

// prepare puts into the store what a cloud begins with.
func (n *Node) prepare(ctx context.Context) error {
	if err := n.seed(ctx); err != nil {
		return fmt.Errorf("seed store: %w", err)
	}
	return n.prepareDemo(ctx)
}

func (n *Node) openBus(ctx context.Context) error {
	b, err := openBus(ctx, &n.cfg, n.now, n.name())
	if err != nil {
		return err
	}
	n.bus = b
	n.onStop("bus", func(context.Context) error { return b.Close() })
	return nil
}

func (n *Node) startEngine(ctx context.Context) error {
	rules, err := n.loadRules(ctx)
	if err != nil {
		return fmt.Errorf("load catalogue: %w", err)
	}
	n.engine, err = actors.New(actors.Config{
		Bus: n.bus, Store: n.store, Node: n.id, Now: n.now, Log: n.cfg.Log, Rules: rules,
	})
	if err != nil {
		return err
	}
	n.onStop("engine", n.engine.Stop)
	if err := n.engine.Start(ctx); err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	n.startSweep(ctx)
	return nil
}

func (n *Node) startEdge(ctx context.Context) error {
	ln, err := n.listen(ctx)
	if err != nil {
		return err
	}
	n.listener = ln
	n.edge, err = edge.New(edge.Config{
		ID: n.id, Bus: n.bus, Reader: n.store, Tokens: n.store, Sealer: n.sealer, Now: n.now, Log: n.cfg.Log,
		PublicURL: n.publicURL(), Wait: n.cfg.Wait, Modules: modules(), Ready: n.ready, Metrics: n.metrics(),
	})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	n.onStop("edge", n.edge.Shutdown)
	go func() { // ends with Shutdown
		if err := n.edge.Serve(ln); err != nil {
			n.failed <- err
		}
	}()
	return nil
}

func (n *Node) listen(ctx context.Context) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", n.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w: choose another address with --listen", err)
	}
	if n.cfg.TLSCert == "" {
		return ln, nil
	}
	cert, err := tls.LoadX509KeyPair(n.cfg.TLSCert, n.cfg.TLSKey)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read certificate: %w", err), ln.Close())
	}
	return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}), nil
}

// publicURL is what clients are told to use. It never comes from a request.
func (n *Node) publicURL() string {
	switch {
	case n.cfg.PublicURL != "":
		return n.cfg.PublicURL
	case n.cfg.TLSCert != "":
		return "https://" + n.address()
	default:
		return "http://" + n.address()
	}
}

// address is the listen address, with the port that was found when it asked for any.
func (n *Node) address() string {
	host, _, err := net.SplitHostPort(n.cfg.Listen)
	_, port, portErr := net.SplitHostPort(n.listener.Addr().String())
	if err != nil || portErr != nil || host == "" {
		return n.listener.Addr().String()
	}
	return net.JoinHostPort(host, port)
}

// place is where the cloud's state is.
func (n *Node) place() string {
	if n.cfg.Store == storeSQLite {
		return n.dir.path
	}
	return safeURL(n.cfg.Store) + " and " + n.dir.path
}

// announce says once that the node serves.
func (n *Node) announce(took time.Duration) {
	_, _ = fmt.Fprintf(n.cfg.Out, "ozone is ready: %s, data in %s, %s (%d ms)\n", n.publicURL(), n.place(), n.cfg.Hosts, took.Milliseconds())
	if n.demoKey != "" {
		_, _ = fmt.Fprint(n.cfg.Out, demoText(n.publicURL(), n.demoKey))
	}
	n.cfg.Log.Info("ready", "url", n.publicURL(), "took", took)
}
