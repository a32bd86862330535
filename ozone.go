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
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/actors"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/bus/inproc"
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
	roles roles
	id    string           // of this process run
	now   func() time.Time // the cloud's time: the store's
	local func() time.Time // this machine's

	dir      *dataDir
	sealer   *schemas.Sealer
	store    storage.Store // nil with the role host alone
	bus      bus.Bus
	tenants  *amqp.Tenants // nil: the bus reaches nobody else
	parts    *parts
	engine   *actors.Engine // nil without its role
	edge     *edge.Server   // nil without its role
	listener net.Listener
	failed   chan error // holds one error: why a part that serves in the background ended
	stops    []stop     // in the order of the starts
	demoKey  string     // "" without the demo account
	// demoLimits are the rate limits of the demo account, where they differ from the usual.
	demoLimits schemas.RateLimits
	dead       atomic.Int64 // dead letters of its hosts
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
	cfg = cfg.withDefaults()
	roles, err := cfg.roles()
	if err != nil {
		return nil, err
	}
	return &Node{cfg: cfg, roles: roles, id: id.String(), now: time.Now, local: time.Now, failed: make(chan error, 1)}, nil
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

// start opens the parts that the roles need, each on top of the ones before.
func (n *Node) start(ctx context.Context) error {
	for _, part := range []struct {
		wanted bool
		start  func(context.Context) error
	}{
		{true, n.openData},
		{n.roles.store(), n.openStore},
		{n.roles.store(), n.join},
		{n.roles.engine, n.seed},
		{n.roles.store(), n.prepareDemo},
		{true, n.openBus},
		{n.roles.store(), n.openTenants},
		{true, n.startLook},
		{n.roles.engine, n.startEngine},
		{n.roles.host, n.startHosts},
		{n.roles.edge, n.startEdge},
		{!n.roles.edge, n.startHealth},
		{true, n.startAdmin},
	} {
		if !part.wanted {
			continue
		}
		if err := part.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wait returns when the node must end.
func (n *Node) wait(ctx context.Context) error {
	var fatal <-chan error
	if n.engine != nil {
		fatal = n.engine.Fatal()
	}
	select {
	case <-ctx.Done():
		n.cfg.Log.Info("draining")
		return nil
	case err := <-fatal:
		return fmt.Errorf("engine: %w", err)
	case err := <-n.failed:
		return err
	}
}

// fail ends the node with the error of a part that serves in the background. The first one counts.
func (n *Node) fail(err error) {
	select {
	case n.failed <- err:
	default:
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

// every does something at intervals until the node stops.
func (n *Node) every(ctx context.Context, what string, interval time.Duration, do func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	n.onStop(what, func(context.Context) error {
		cancel()
		<-done
		return nil
	})
	go func() { // ends with cancel
		defer close(done)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				do(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (n *Node) openData(context.Context) error {
	dir, err := openDir(n.cfg.Data)
	if err != nil {
		return err
	}
	n.dir = dir
	n.onStop("data directory", func(context.Context) error { return dir.Close() })
	n.sealer, err = dir.secret(n.cfg.SecretKeyFile, n.roles.store())
	return err
}

func (n *Node) openStore(ctx context.Context) error {
	store, err := openStore(ctx, &n.cfg, n.dir.file(storeFile), n.name(), n.dir.mark())
	if err != nil {
		return err
	}
	n.store = store
	n.onStop("store", func(context.Context) error { return store.Close() })
	return checkKey(ctx, store, n.sealer)
}

// openStore opens the store that the configuration names. The mark is how far this process has seen a shared one come.
func openStore(ctx context.Context, cfg *Config, sqliteFile, name, mark string) (storage.Store, error) {
	if onPostgres(cfg.Store) {
		return postgres.Open(ctx, postgres.Config{URL: cfg.Store, Now: time.Now, Log: cfg.Log, Name: name, Mark: mark})
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

func (n *Node) openBus(ctx context.Context) error {
	b, err := openBus(ctx, &n.cfg, n.now, n.name())
	if err != nil {
		return err
	}
	n.bus = b
	n.onStop("bus", func(context.Context) error { return b.Close() })
	return nil
}

// openBus opens the bus that the configuration names.
func openBus(ctx context.Context, cfg *Config, now func() time.Time, name string) (bus.Bus, error) {
	if onRabbitMQ(cfg.Bus) {
		return amqp.Open(ctx, amqp.Config{URL: cfg.Bus, Name: name, Log: cfg.Log, Now: now})
	}
	return inproc.New(inproc.Config{Now: now}), nil
}

func (n *Node) startEngine(ctx context.Context) error {
	rules, err := n.loadRules(ctx)
	if err != nil {
		return fmt.Errorf("load catalogue: %w", err)
	}
	n.engine, err = actors.New(actors.Config{
		Bus: n.bus, Store: n.store, Node: n.id, Now: n.now, Log: n.cfg.Log, Rules: rules, Publishing: n.publishing(),
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
	limits, err := n.cfg.rateLimits()
	if err != nil {
		return err
	}
	ln, err := n.listen(ctx)
	if err != nil {
		return err
	}
	n.listener = ln
	n.edge, err = edge.New(edge.Config{
		ID: n.id, Bus: n.bus, Reader: n.store, Events: n.store, Tokens: n.store, Limits: n.store, Backups: n.store, Sealer: n.sealer, Now: n.now, Log: n.cfg.Log,
		PublicURL: n.publicURL(), Wait: n.cfg.Wait, Modules: modules(), Door: n.door(), RateLimits: limits, Ready: n.ready, Metrics: n.metrics(),
	})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	n.onStop("edge", n.edge.Shutdown)
	go func() { // ends with Shutdown
		if err := n.edge.Serve(ln); err != nil {
			n.fail(err)
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
	case n.cfg.PublicURL != "" && n.roles.edge:
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

// place is where the state is that this process has.
func (n *Node) place() string {
	if n.store == nil || n.cfg.Store == storeSQLite {
		return n.dir.path
	}
	return safeURL(n.cfg.Store) + " and " + n.dir.path
}

// announce says once that the node does what its roles ask for.
func (n *Node) announce(took time.Duration) {
	line := fmt.Sprintf("ozone is ready: %s, roles %s, data in %s", n.publicURL(), n.roles, n.place())
	if n.roles.host {
		line += ", " + n.cfg.Hosts
	}
	_, _ = fmt.Fprintf(n.cfg.Out, "%s (%d ms)\n", line, took.Milliseconds())
	if n.demoKey != "" {
		_, _ = fmt.Fprint(n.cfg.Out, n.demoText())
	}
	n.cfg.Log.Info("ready", "url", n.publicURL(), "roles", n.roles.String(), "took", took)
}
