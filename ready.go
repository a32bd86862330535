package ozone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus/amqp"
)

const (
	// lookEvery is how often a node looks whether its database and its broker can be used. Source: docs/numbers.md.
	lookEvery = time.Second
	// lookPatience is how long the database may take to answer that. Source: docs/numbers.md.
	lookPatience = 2 * time.Second
)

// The parts that may be away.
const (
	partDatabase = "database"
	partBroker   = "broker"
)

var (
	errSilent = fmt.Errorf("no answer within %v", lookPatience)
	errNoLink = errors.New("no connection")
	errFull   = errors.New("it takes no messages")
)

// parts knows which parts of a node cannot be used, and since when. /readyz asks it, so that no request is a query.
type parts struct {
	now func() time.Time
	log *slog.Logger

	mu   sync.Mutex
	away map[string]time.Time // guarded by mu; by part
}

// found keeps what a look at a part has found; nil: it can be used.
func (p *parts) found(part string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	since, was := p.away[part]
	switch {
	case err != nil && !was:
		p.log.Error("a part is away", "part", part, "error", err)
		if p.away == nil {
			p.away = map[string]time.Time{}
		}
		p.away[part] = p.now()
	case err == nil && was:
		p.log.Info("a part is back", "part", part, "away", p.now().Sub(since).Round(time.Millisecond))
		delete(p.away, part)
	}
}

// err names what is away; strangers may read it.
func (p *parts) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]string, 0, len(p.away))
	for part, since := range p.away {
		list = append(list, fmt.Sprintf("the %s is away since %s", part, since.UTC().Format(time.RFC3339)))
	}
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	return errors.New(strings.Join(list, ", "))
}

// linked is what a bus has that may lose its broker.
type linked interface {
	Status() amqp.Status
}

// brokerError is why a bus cannot be used now.
func brokerError(s amqp.Status) error {
	switch {
	case s.Blocked:
		return errFull
	case !s.Consuming, !s.Publishing:
		return errNoLink
	default:
		return nil
	}
}

// startLook looks at the database and the broker until the node stops.
func (n *Node) startLook(ctx context.Context) error {
	n.parts = &parts{now: n.local, log: n.cfg.Log}
	if n.store != nil {
		n.every(ctx, "look at the database", lookEvery, func(ctx context.Context) { n.parts.look(ctx, n.store.Now) })
	}
	if b, ok := n.bus.(linked); ok {
		n.every(ctx, "look at the broker", lookEvery, func(context.Context) { n.parts.found(partBroker, brokerError(b.Status())) })
	}
	return nil
}

// look asks the database for the time. One that hangs is away before it has answered: the question may outlast any context.
func (p *parts) look(ctx context.Context, ask func(context.Context) (time.Time, error)) {
	silent := time.AfterFunc(lookPatience, func() { p.found(partDatabase, errSilent) })
	_, err := ask(ctx)
	silent.Stop()
	if ctx.Err() == nil {
		p.found(partDatabase, err)
	}
}

// ready is nil when every role of this process does its work, else why not. An edge that listens and hosts that receive
// are ready when what they need is there.
func (n *Node) ready() error {
	if n.engine == nil {
		return n.parts.err()
	}
	return errors.Join(n.parts.err(), n.engine.Ready())
}
