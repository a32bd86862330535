package kills

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/node"
)

// victim is something to be killed.
type victim struct {
	name  string
	cards int // in a deck that is shuffled and played, then shuffled again
	kill  func(*several, context.Context) (left, error)
	// outage says that commands may meet a part of the cloud that does not answer.
	outage bool
}

// deck is each victim once. Ten kills meet all.
var deck = []victim{
	{"engine", 3, (*several).killEngine, false},
	{"edge", 1, (*several).killEdge, false},
	{"broker", 2, (*several).killBroker, true},
	{"database", 2, (*several).killDatabase, true},
	{"all at once", 1, (*several).killAll, true},
	{"engine that hangs", 1, (*several).hangEngine, true},
}

// What the accounts' answers are waited for after.
const (
	EngineKilled    = "engine killed"
	EngineHung      = "engine hung"
	BrokerListens   = "broker killed and listening again"
	DatabaseListens = "database killed and listening again"
	engineAgain     = "engine killed and started again at once"
	allServe        = "all killed and serving again"
)

// kill plays the next card.
func (s *several) kill(ctx context.Context, i int) error {
	if len(s.deck) == 0 {
		for _, v := range deck {
			if chosen := s.run.cfg.Victims; chosen != nil && !slices.Contains(chosen, v.name) {
				continue
			}
			for range v.cards {
				s.deck = append(s.deck, v)
			}
		}
		s.run.random.Shuffle(len(s.deck), func(i, j int) { s.deck[i], s.deck[j] = s.deck[j], s.deck[i] })
	}
	v := s.deck[0]
	s.deck = s.deck[1:]
	began := time.Now()
	l, err := v.kill(s, ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	if v.outage {
		s.run.outages = append(s.run.outages, outage{began, time.Now()})
	}
	s.run.gate.open()
	s.took(i, v.name, l, began)
	return nil
}

func (s *several) one(of []*node.Node) *node.Node { return of[s.run.random.IntN(len(of))] }

// killEngine starts the engine again at once, or when others have taken its shards over.
func (s *several) killEngine(ctx context.Context) (left, error) {
	n, atOnce, early := s.one(s.engines), s.run.random.IntN(3) == 0, s.run.random.IntN(5) == 0
	before, err := s.owners(ctx)
	if err != nil {
		return left{}, err
	}
	if err := n.Kill9(); err != nil {
		return left{}, err
	}
	p := s.run.startProbe(ctx)
	l, err := s.census(ctx)
	if err != nil {
		return l, err
	}
	if early {
		if err := s.run.killEarly(ctx, n); err != nil {
			return l, err
		}
	}
	if atOnce || early {
		err = s.restart(ctx, n)
		s.run.await(p, engineAgain, every)
		return l, err
	}
	if err := s.takenOver(ctx, p, EngineKilled, before); err != nil {
		return l, err
	}
	return l, s.restart(ctx, n)
}

// takenOver waits until all accounts answer and notes the times of those whose shard got another owner than before.
func (s *several) takenOver(ctx context.Context, p *probe, what string, before map[schemas.Shard]string) error {
	p.done.Wait()
	now, err := s.owners(ctx)
	if err != nil {
		return err
	}
	s.run.await(p, what, func(t *tenant, _ time.Duration) bool { return before[t.shard()] != now[t.shard()] })
	return nil
}

func (s *several) killEdge(ctx context.Context) (left, error) {
	n := s.one(s.edges)
	if err := n.Kill9(); err != nil {
		return left{}, err
	}
	l, err := s.census(ctx)
	if err != nil {
		return l, err
	}
	return l, s.restart(ctx, n)
}

func (s *several) killBroker(ctx context.Context) (left, error) {
	s.on.Broker.Kill9()
	l, err := s.census(ctx)
	if err != nil {
		return l, err
	}
	if err := s.on.Broker.Start(ctx); err != nil {
		return l, err
	}
	s.run.await(s.run.startProbe(ctx), BrokerListens, every)
	return l, nil
}

func (s *several) killDatabase(ctx context.Context) (left, error) {
	s.on.Database.Kill9()
	if err := s.on.Database.Start(ctx); err != nil {
		return left{}, err
	}
	p := s.run.startProbe(ctx)
	l, err := s.census(ctx)
	s.run.await(p, DatabaseListens, every)
	return l, err
}

// killAll leaves nothing alive. Its processes come back together.
func (s *several) killAll(ctx context.Context) (left, error) {
	s.run.gate.close()
	kills := []func() error{
		func() error { s.on.Broker.Kill9(); return nil },
		func() error { s.on.Database.Kill9(); return nil },
	}
	for _, n := range s.all() {
		kills = append(kills, n.Kill9)
	}
	if err := together(kills...); err != nil {
		return left{}, err
	}
	err := together(func() error { return s.on.Broker.Start(ctx) }, func() error { return s.on.Database.Start(ctx) })
	if err != nil {
		return left{}, err
	}
	l, err := s.census(ctx)
	if err != nil {
		return l, err
	}
	var starts []func() error
	for _, n := range s.all() {
		starts = append(starts, func() error { _, err := n.Restart(ctx); return err })
	}
	if err := together(starts...); err != nil {
		return l, err
	}
	s.run.gate.open()
	s.run.await(s.run.startProbe(ctx), allServe, every)
	return l, nil
}

// Of a hang.
const (
	hangLeast = 10 * time.Second
	hangMore  = 10 * time.Second
)

// hangEngine stops an engine for a while; others take its shards over, and nothing that it does later may have an effect.
func (s *several) hangEngine(ctx context.Context) (left, error) {
	n, hang := s.one(s.engines), hangLeast+time.Duration(s.run.random.Int64N(int64(hangMore)))
	before, err := s.owners(ctx)
	if err != nil {
		return left{}, err
	}
	if err := n.Pause(); err != nil {
		return left{}, err
	}
	p := s.run.startProbe(ctx)
	l, err := s.census(ctx)
	if err != nil {
		return l, err
	}
	pause(ctx, hang)
	now, err := s.owners(ctx) // later it may be the old one again
	if err != nil {
		return l, err
	}
	if err := n.Resume(); err != nil {
		return l, err
	}
	s.run.await(p, EngineHung, func(t *tenant, took time.Duration) bool { return before[t.shard()] != now[t.shard()] || took > hang })
	return l, nil
}
