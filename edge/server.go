// Package edge translates HTTP: it authenticates, decodes and validates requests, sends commands to the
// actors over the bus and reads committed rows. It is the only package that knows fasthttp.
package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// DefaultWait is how long a write waits for its admission. Source: docs/numbers.md.
const DefaultWait = 10 * time.Second

// Config is what an edge is made of. Everything up to PublicURL is required.
type Config struct {
	ID     string // of this edge process: names its reply queue
	Bus    bus.Bus
	Reader storage.Reader
	Events storage.EventReader
	Tokens storage.Tokens
	Limits storage.Limits
	// Backups has the schedules.
	Backups storage.Backups
	Sealer  *schemas.Sealer
	Now     func() time.Time
	Log     *slog.Logger
	// PublicURL is the scheme and authority that clients are told to use, for example https://cloud.example.org.
	PublicURL string
	// Wait is how long a write waits for its admission; default DefaultWait.
	Wait    time.Duration
	Modules []Module
	// Door is where commands come from beside HTTP; nil: nowhere.
	Door *Door
	// RateLimits are those of accounts that have none of their own; nil: none.
	RateLimits schemas.RateLimits
	// Ready is nil when ready, else why not, for /readyz; nil means always ready.
	Ready func() error
	// Metrics writes Prometheus text for /metrics; nil means there is none.
	Metrics func(w io.Writer) error
	// MaxConnsPerIP and Concurrency bound connections; 0 means no bound by address and 16384 in all.
	MaxConnsPerIP int
	Concurrency   int
}

func (c *Config) validate() error {
	switch {
	case c.ID == "":
		return errors.New("edge: no ID")
	case c.Bus == nil, c.Reader == nil, c.Events == nil, c.Tokens == nil, c.Limits == nil, c.Backups == nil, c.Sealer == nil, c.Now == nil, c.Log == nil:
		return errors.New("edge: Bus, Reader, Events, Tokens, Limits, Backups, Sealer, Now or Log is missing")
	case !strings.HasPrefix(c.PublicURL, "http://") && !strings.HasPrefix(c.PublicURL, "https://"):
		return fmt.Errorf("edge: public URL %q: want http:// or https://", c.PublicURL)
	case c.Wait < 0:
		return fmt.Errorf("edge: wait of %v", c.Wait)
	}
	return nil
}

func (c *Config) setDefaults() {
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	if c.Wait == 0 {
		c.Wait = DefaultWait
	}
	if c.Concurrency == 0 {
		c.Concurrency = 16384
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
}

// Server is one edge.
type Server struct {
	config     Config
	http       *fasthttp.Server
	router     *Router
	tokens     *tokens
	replies    *replies
	operations *Operations
	watches    *Watches
	door       *door     // nil: there is none
	requests   sync.Pool // of *Request

	// base is the context of every request: it ends after the last one was answered, while fasthttp's own
	// ends when the drain begins.
	base context.Context
	end  context.CancelFunc

	mu   sync.Mutex
	ln   net.Listener // while it serves; guarded by mu
	down bool         // Shutdown was called; guarded by mu
}

// New makes an edge that serves nothing yet. A mistake in the configuration or in a module's routes is an error.
func New(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.setDefaults()
	s := &Server{config: c, router: newRouter(), tokens: newTokens(c.Tokens, c.RateLimits, c.Now)}
	s.base, s.end = context.WithCancel(context.Background())
	s.requests.New = func() any { return &Request{} }
	s.replies = newReplies(c.Bus, bus.ReplyQueue(c.ID), c.Log)
	s.operations = newOperations(c.Reader, c.Now)
	s.watches = newWatches(c.Events)
	s.http = s.newHTTP()
	if err := s.mountOwn(); err != nil {
		return nil, err
	}
	send := newSender(&s.config, s.replies, s.operations)
	d := Deps{
		Commands: send, Operations: s.operations,
		Reader: c.Reader, Events: c.Events, Watches: s.watches, Limits: c.Limits, Backups: c.Backups, Log: c.Log, Now: c.Now, PublicURL: c.PublicURL,
	}
	if c.Door != nil {
		d.BusUsers, d.Queues, d.Subscriptions = c.Door.Users, c.Door.Queues, c.Door.Subscriptions
	}
	if err := mountAll(s.router, d, c.Modules); err != nil {
		return nil, err
	}
	var err error
	if s.door, err = newDoor(s, send); err != nil {
		return nil, err
	}
	return s, nil
}

// Serve accepts connections from ln until Shutdown. It returns nil after Shutdown.
func (s *Server) Serve(ln net.Listener) error {
	once := &onceListener{Listener: lingering{ln}}
	if !s.own(once) {
		return once.Close()
	}
	if err := s.replies.start(s.base); err != nil {
		return errors.Join(err, once.Close())
	}
	if s.door != nil {
		s.door.start()
	}
	if err := s.http.Serve(once); err != nil {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// own makes Shutdown close ln; false: it was called before.
func (s *Server) own(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ln = ln
	return !s.down
}

// close ends the listener, also one that fasthttp does not have yet.
func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
	if s.ln != nil {
		_ = s.ln.Close() // what it may report is reported by Serve
	}
}

// onceListener may be closed by several: the first one gets the error.
type onceListener struct {
	net.Listener

	once sync.Once
}

// Close closes the listener the first time.
func (l *onceListener) Close() (err error) {
	l.once.Do(func() { err = l.Listener.Close() })
	return err
}

// Shutdown stops accepting and returns when the requests in flight are answered, or when ctx ends.
// Whoever waits for a change of an operation gets what there is, and streams end. It may be called twice, and before Serve.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close()
	s.operations.stop()
	s.watches.stop()
	if s.door != nil {
		s.door.stop()
	}
	err := s.http.ShutdownWithContext(ctx)
	s.end()
	s.replies.stop()
	if err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// Routes lists every route, for tests that must leave none out.
func (s *Server) Routes() []Route { return s.router.Routes() }
