package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone"
	"github.com/ozonecloud/ozone/schemas"
)

// program is one of a tenant's on the bus.
type program struct {
	user    string
	conn    *amqp091.Connection
	ch      *amqp091.Channel
	answers <-chan amqp091.Delivery
	events  <-chan amqp091.Delivery
	asked   int
}

// programs makes one for each of the first n accounts.
func (b *bench) programs(ctx context.Context, r *rig, n int) (list []*program, err error) {
	o, err := ozone.OpenBusOperator(ctx, ozone.Config{Bus: r.bus, Store: r.store, TenantsVhost: tenantsOf(r.bus)}, b.cfg.Servers.AdminURL())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	for _, a := range b.accounts[:n] {
		c, err := o.CreateUser(ctx, schemas.AccountID(a.ID), a.User+"-"+tenantsOf(r.bus)) // the broker keeps users
		if err != nil {
			return list, err
		}
		p := &program{user: c.User}
		list = append(list, p)
		if err := p.open(c.URL); err != nil {
			return list, fmt.Errorf("program %s: %w", p.user, err)
		}
	}
	return list, nil
}

// tenantsOf is the tenants' virtual host beside that of a bus.
func tenantsOf(bus string) string { return bus[strings.LastIndexByte(bus, '/')+1:] + "-tenants" }

func (p *program) open(where string) (err error) {
	if p.conn, err = amqp091.Dial(where); err != nil {
		return err
	}
	if p.ch, err = p.conn.Channel(); err != nil {
		return err
	}
	if err = p.ch.Confirm(false); err != nil {
		return err
	}
	if p.answers, err = p.ch.Consume("replies."+p.user, "", true, false, false, false, nil); err != nil {
		return err
	}
	p.events, err = p.ch.Consume("events."+p.user, "", true, false, false, false, nil)
	return err
}

func closeAll(list []*program) {
	for _, p := range list {
		if p.conn != nil {
			_ = p.conn.Close() // measured already
		}
	}
}

// create publishes the program's next create.
func (p *program) create() (*amqp091.DeferredConfirmation, error) {
	p.asked++
	return p.ch.PublishWithDeferredConfirm("ingress."+p.user, "", true, false, amqp091.Publishing{
		UserId: p.user, MessageId: fmt.Sprint("bench-", p.asked), Type: "server.create", DeliveryMode: amqp091.Persistent,
		Body: fmt.Appendf(nil, `{"params":{"name":"bench%d","imageId":1,"flavorId":1}}`, p.asked),
	})
}

// ask is how long the answer to a create takes.
func (p *program) ask(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if _, err := p.create(); err != nil {
		return 0, err
	}
	for {
		select {
		case a, open := <-p.answers:
			switch {
			case !open:
				return 0, amqp091.ErrClosed
			case a.CorrelationId != fmt.Sprint("bench-", p.asked):
			case a.Type != "command.accepted":
				return 0, fmt.Errorf("create: %s %s", a.Type, a.Body)
			default:
				return time.Since(began), nil
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// flood publishes n creates as fast as the broker answers, whatever it answers, and returns when those that it took are decided.
func (p *program) flood(ctx context.Context, n int) (taken int, err error) {
	const window = 256
	sent := make(chan *amqp091.DeferredConfirmation, window)
	var all sync.WaitGroup
	all.Go(func() {
		for c := range sent {
			if c.Wait() {
				taken++
			}
		}
	})
	for range n {
		c, failed := p.create()
		if failed != nil {
			err = failed
			break
		}
		sent <- c
	}
	close(sent)
	answered := make(chan struct{}) // closed when all are counted
	go func() { all.Wait(); close(answered) }()
	for got, counted := 0, false; err == nil && (!counted || got < taken); {
		select {
		case <-answered:
			counted, answered = true, nil
		case <-p.answers:
			got++
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return taken, err
}

// tally of events: how long after its decision each came.
type follower struct {
	mu    sync.Mutex
	took  []time.Duration // guarded by mu
	ends  int             // guarded by mu; creates that have ended
	heard map[string]bool // guarded by mu; users with an event
	from  time.Time       // guarded by mu; events before it do not count
	all   sync.WaitGroup
}

// follow reads the events of programs until their connections end.
func follow(list []*program) *follower {
	f := &follower{heard: map[string]bool{}}
	for _, p := range list {
		f.all.Go(func() {
			for e := range p.events {
				f.note(p.user, &e, time.Now())
			}
		})
	}
	return f
}

func (f *follower) note(user string, e *amqp091.Delivery, now time.Time) {
	text, _ := e.Headers["cloudEvents_recordedtime"].(string)
	recorded, err := time.Parse(time.RFC3339Nano, text)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard[user] = true
	if err != nil || f.from.IsZero() || recorded.Before(f.from) {
		return
	}
	f.took = append(f.took, now.Sub(recorded))
	if e.Type == "ozone.server.create.end" {
		f.ends++
	}
}

func (f *follower) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from = time.Now()
}

// until waits until something is true of what came.
func (f *follower) until(ctx context.Context, what string, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		f.mu.Lock()
		done := is()
		f.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
}

func percentile(took []time.Duration, p float64) float64 {
	slices.Sort(took)
	return ms(took[min(int(p*float64(len(took))), len(took)-1)])
}

// measureEvents has every account's program follow while servers are created over HTTP. The time counts from the decision, which
// is in the event: the commit, which nobody outside can see, is later.
func measureEvents(ctx context.Context, b *bench) (line, error) {
	const rate, d = 500, 6 * time.Second
	m, err := rounds(b, func(int) ([]float64, error) {
		r, err := b.start(ctx, "events")
		if err != nil {
			return nil, err
		}
		list, err := b.programs(ctx, r, conns)
		f := follow(list)
		var got []float64
		if err == nil {
			got, err = r.followed(ctx, f, rate, d)
		}
		closeAll(list)
		f.all.Wait()
		return got, errors.Join(err, r.stop())
	})
	if err != nil {
		return line{}, err
	}
	return line{
		measured: fmt.Sprintf("p50 %.1f ms, p99 %.1f ms at %.0f commands and %.0f events /s", m[0], m[1], m[2], m[3]),
		must:     "p99 <= 50 ms", aim: "25 ms", verdict: less(m[1], 50, 25),
	}, nil
}

func (r *rig) followed(ctx context.Context, f *follower, rate float64, d time.Duration) ([]float64, error) {
	for range 100 { // until everybody's events are sent
		if _, err := r.gen.Closed(conns, conns, r.creates()); err != nil {
			return nil, err
		}
		if _, err := r.ended(ctx); err != nil {
			return nil, err
		}
		f.mu.Lock()
		heard := len(f.heard)
		f.mu.Unlock()
		if heard == conns {
			break
		}
	}
	f.begin()
	got, err := r.gen.Open(conns, rate, d, r.creates())
	if err != nil {
		return nil, err
	}
	if err := f.until(ctx, "the events of all creates", func() bool { return f.ends >= got.Done }); err != nil {
		return nil, fmt.Errorf("%w: %d of %d", err, f.ends, got.Done)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return []float64{percentile(f.took, 0.5), percentile(f.took, 0.99), got.Rate(), float64(len(f.took)) / got.Elapsed.Seconds()}, nil
}

// measureFlood compares the answers to one program alone with those while another floods.
func measureFlood(ctx context.Context, b *bench) (line, error) {
	const alone, many = 400, 10_000
	m, err := rounds(b, func(int) ([]float64, error) {
		r, err := b.start(ctx, "flood")
		if err != nil {
			return nil, err
		}
		list, err := b.programs(ctx, r, 2)
		var got []float64
		if err == nil {
			got, err = flooded(ctx, list[0], list[1], alone, many)
		}
		closeAll(list)
		return got, errors.Join(err, r.stop())
	})
	if err != nil {
		return line{}, err
	}
	return line{
		measured: fmt.Sprintf("p99 %.1f times as long: p50 %.1f, p99 %.1f ms alone, %.1f, %.1f ms in a flood of which %.0f were taken",
			m[0], m[1], m[2], m[3], m[4], m[5]),
		must: "<= 2 times", aim: "1.5 times", verdict: less(m[0], 2, 1.5),
	}, nil
}

func flooded(ctx context.Context, one, other *program, alone, many int) ([]float64, error) {
	var quiet, loud []time.Duration
	ask := func(into *[]time.Duration) error {
		took, err := one.ask(ctx)
		*into = append(*into, took)
		return err
	}
	var warm []time.Duration
	for i := range 100 + alone {
		into := &quiet
		if i < 100 {
			into = &warm
		}
		if err := ask(into); err != nil {
			return nil, err
		}
	}
	over := make(chan error, 1) // one word
	taken := 0
	go func() {
		var err error
		taken, err = other.flood(ctx, many)
		over <- err
	}()
	for {
		select {
		case err := <-over:
			p99, loud99 := percentile(quiet, 0.99), percentile(loud, 0.99)
			return []float64{loud99 / p99, percentile(quiet, 0.5), p99, percentile(loud, 0.5), loud99, float64(taken), float64(len(loud))}, err
		default:
			if err := ask(&loud); err != nil {
				return nil, err
			}
		}
	}
}
