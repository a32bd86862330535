package amqp

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// The pauses between two tries to connect: they double from the first to the last, each shortened by up to a half,
// so that the nodes do not come back all at once.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = time.Second
	// hangUp bounds the polite end of a connection.
	hangUp = 2 * time.Second
)

// session is one connection from its dialing to its loss. Nothing of it is ever used with the next one.
type session struct {
	conn     *amqp091.Connection
	bare     net.Conn
	patience time.Duration // see Config.Patience
	log      *slog.Logger
	gone     chan struct{} // closed when the connection is lost
	gate     gate          // shut while the broker blocks the connection
	lanes    []*lane       // of a publishing session

	turn    chan struct{}    // holds one word while something is declared; a lock that minds contexts
	channel *amqp091.Channel // guarded by turn; for declarations; nil or closed: to be opened
}

// cut ends the connection at once, whatever state it is in.
func (s *session) cut() { _ = s.bare.Close() }

// close ends the connection politely when the broker answers in time. One that has blocked it does not, and the
// library's own deadline is moved on by every heartbeat.
func (s *session) close() {
	impatient := time.AfterFunc(hangUp, s.cut)
	defer impatient.Stop()
	_ = s.conn.Close() // it ends in either case
	s.cut()
	<-s.gone
}

// patiently runs request, which ends with the broker's answer or with the connection. The connection is given up when
// the answer does not come: the library waits for ever.
func (s *session) patiently(request func() error) error {
	impatient := time.AfterFunc(s.patience, func() {
		s.log.Error("broker does not answer; the connection is given up", "waited", s.patience)
		s.cut()
	})
	defer impatient.Stop()
	return request()
}

// ask runs request, which waits for the broker, and returns when ctx ends at the latest; late gets what comes after that.
func ask[T any](ctx context.Context, s *session, request func() (T, error), late func(T)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer)
	go func() { // ends with the answer or the connection
		var a answer
		a.err = s.patiently(func() (err error) {
			a.value, err = request()
			return err
		})
		select {
		case answered <- a:
		case <-ctx.Done():
			if a.err == nil {
				late(a.value)
			}
		}
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// control runs a declaration. One that the broker refuses takes its channel along; the next gets a new one.
func (s *session) control(ctx context.Context, declare func(*amqp091.Channel) error) error {
	select {
	case s.turn <- struct{}{}:
	case <-s.gone:
		return errAway
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := ask(ctx, s, func() (struct{}, error) {
		defer func() { <-s.turn }()
		return struct{}{}, s.declare(declare)
	}, func(struct{}) {})
	return err
}

// declare is called in turn.
func (s *session) declare(declare func(*amqp091.Channel) error) error {
	if s.channel == nil || s.channel.IsClosed() {
		ch, err := s.conn.Channel()
		if err != nil {
			return err
		}
		s.channel = ch
	}
	return declare(s.channel)
}

// link keeps a connection: it dials again whenever one is lost.
type link struct {
	role   string
	dialer *dialer
	// prepare makes a new session usable.
	prepare func(ctx context.Context, s *session) error
	log     *slog.Logger
	ended   chan struct{} // closed when the link has given up; nil before start

	mu  sync.Mutex
	now *session // guarded by mu; nil: away
}

func newLink(role string, d *dialer, prepare func(context.Context, *session) error, log *slog.Logger) *link {
	return &link{role: role, dialer: d, prepare: prepare, log: log.With("connection", role)}
}

// session is the present one; nil: there is none.
func (l *link) session() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *link) set(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = s
}

// start dials for the first time and then keeps the connection until life ends.
func (l *link) start(ctx, life context.Context) error {
	s, err := l.open(ctx)
	if err != nil {
		return err
	}
	l.ended = make(chan struct{})
	l.set(s)
	go l.keep(life, s) // ends with life
	return nil
}

func (l *link) wait() {
	if l.ended != nil {
		<-l.ended
	}
}

func (l *link) keep(life context.Context, s *session) {
	defer close(l.ended)
	for s != nil {
		select {
		case <-s.gone:
			l.set(nil)
			l.log.Warn("broker lost")
		case <-life.Done():
			l.set(nil)
			s.close()
		}
		s.wait()
		if s = l.reopen(life); s != nil {
			l.set(s)
			l.log.Info("broker is back")
		}
	}
}

// reopen tries until it has a session; nil: life ended.
func (l *link) reopen(life context.Context) *session {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		timer := time.NewTimer(pause - rand.N(pause/2)) //nolint:gosec // spreads the load, keeps no secret
		select {
		case <-life.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		s, err := l.open(life)
		if err == nil {
			return s
		}
		l.log.Warn("broker is away", "error", err)
	}
}

// open dials and prepares a session, or gives up when ctx ends.
func (l *link) open(ctx context.Context) (*session, error) {
	conn, bare, err := l.dialer.dial(ctx, l.role)
	if err != nil {
		return nil, err
	}
	s := &session{
		conn: conn, bare: bare, patience: l.dialer.cfg.Patience, log: l.log,
		gone: make(chan struct{}), turn: make(chan struct{}, 1),
	}
	s.gate.open()
	closed := conn.NotifyClose(make(chan *amqp091.Error, 1))
	blocked := conn.NotifyBlocked(make(chan amqp091.Blocking, 1))
	go func() { // ends with the connection
		for range closed {
		}
		close(s.gone)
	}()
	go l.watch(s, blocked)
	stop := context.AfterFunc(ctx, s.cut)
	defer stop()
	if err := s.patiently(func() error { return l.prepare(ctx, s) }); err != nil {
		s.cut()
		<-s.gone
		s.wait()
		return nil, l.dialer.explainTopology(err)
	}
	return s, nil
}

// watch shuts and opens the gate as the broker says; it ends with the connection.
func (l *link) watch(s *session, blocked <-chan amqp091.Blocking) {
	for b := range blocked {
		if b.Active {
			l.log.Error("broker takes no messages", "reason", b.Reason)
			s.gate.shut()
			continue
		}
		l.log.Info("broker takes messages again")
		s.gate.open()
	}
}

// gate is open or shut, and wakes those who wait when it shuts.
type gate struct {
	mu     sync.Mutex
	closed bool          // guarded by mu
	barred chan struct{} // guarded by mu; closed while the gate is shut
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.barred = false, make(chan struct{})
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed = true
		close(g.barred)
	}
}

func (g *gate) shutting() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.barred
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}
