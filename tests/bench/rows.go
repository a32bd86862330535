package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ozonecloud/ozone/tests/floors"
	"github.com/ozonecloud/ozone/tests/load"
	"github.com/ozonecloud/ozone/tests/node"
)

// goal is what a number must be and is aimed to be. Source: docs/promises.md, "Speed".
type goal struct{ must, aim float64 }

// goal is the one of the way that is measured.
func (b *bench) goal(embedded, servers goal) goal {
	if b.cfg.Servers != nil {
		return servers
	}
	return embedded
}

// rounds repeats a measurement and returns the median of each of its numbers, by its first.
func rounds(b *bench, measure func(round int) ([]float64, error)) ([]float64, error) {
	all := make([][]float64, b.cfg.Rounds)
	for i := range all {
		var err error
		if all[i], err = measure(i); err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
		b.say("  round %d: %.4g", i+1, all[i])
	}
	medians := make([]float64, len(all[0]))
	for j := range medians {
		column := make([]float64, len(all))
		for i := range all {
			column[i] = all[i][j]
		}
		slices.Sort(column)
		medians[j] = column[len(column)/2]
	}
	return medians, nil
}

// measureGet compares with a bare handler that writes the same bytes.
func measureGet(ctx context.Context, b *bench) (line, error) {
	const d = 3 * time.Second
	g := b.goal(goal{60, 85}, goal{45, 60})
	r, err := b.start(ctx, "get")
	if err != nil {
		return line{}, err
	}
	defer func() { _ = r.stop() }() // measured already
	c, err := r.prepared(ctx, 1)
	if err != nil {
		return line{}, err
	}
	bare, err := startFloor(ctx, b, r, gets{c})
	if err != nil {
		return line{}, err
	}
	defer func() { _ = bare.Kill9() }() // it holds nothing
	floor := load.New(bare.URL(), conns)
	m, err := rounds(b, func(int) ([]float64, error) {
		least, err := floor.ClosedFor(conns, d, gets{c})
		if err != nil {
			return nil, err
		}
		own, err := r.gen.ClosedFor(conns, d, gets{c})
		if err != nil {
			return nil, err
		}
		return []float64{own.Rate() / least.Rate() * 100, own.Rate(), least.Rate(), ms(own.Percentile(0.99))}, nil
	})
	if err != nil {
		return line{}, err
	}
	return line{
		measured: fmt.Sprintf("%.0f /s, p99 %.1f ms", m[1], m[3]), floor: fmt.Sprintf("bare handler %.0f /s", m[2]), share: percent(m[0]),
		must: fmt.Sprintf(">= %.0f %% of the bare handler", g.must), aim: fmt.Sprintf(">= %.0f %%", g.aim), verdict: more(m[0], g.must, g.aim),
	}, nil
}

// startFloor runs the bare handler with the bytes of one answer.
func startFloor(ctx context.Context, b *bench, r *rig, w load.Work) (*node.Node, error) {
	s := r.gen.Sender()
	status, body, err := s.Send(w.Request(0, 0))
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("read one answer: %d, %w", status, err)
	}
	args := []string{"--body", string(body)}
	for _, name := range []string{"Content-Type", "Vary", "Cache-Control", "Last-Modified"} {
		if value := s.Header(name); value != "" {
			args = append(args, "--header", name+": "+value)
		}
	}
	return node.Start(ctx, node.Config{Binary: b.cfg.Binary, Command: []string{"floor"}, Dir: filepath.Join(b.dir, "floor"), Args: args})
}

func measurePost(ctx context.Context, b *bench) (line, error) {
	const rate, d = 500, 6 * time.Second
	p50, p99 := b.goal(goal{5, 2}, goal{10, 6}), b.goal(goal{20, 8}, goal{50, 25})
	m, err := rounds(b, func(int) ([]float64, error) {
		r, err := b.start(ctx, "post")
		if err != nil {
			return nil, err
		}
		warm, err := r.gen.Closed(conns, 500, r.creates())
		if err == nil && warm.Others == 0 {
			_, err = r.ended(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, r.stop())
		}
		got, err := r.gen.Open(conns, rate, d, r.creates())
		if got.Others > 0 {
			err = errors.Join(err, fmt.Errorf("%d answers were not 202", got.Others))
		}
		return []float64{ms(got.Percentile(0.5)), ms(got.Percentile(0.99)), got.Rate()}, errors.Join(err, r.stop())
	})
	if err != nil {
		return line{}, err
	}
	return line{
		measured: fmt.Sprintf("p50 %.1f ms, p99 %.1f ms at %.0f /s", m[0], m[1], m[2]),
		must:     fmt.Sprintf("p50 <= %.0f ms, p99 <= %.0f ms", p50.must, p99.must), aim: fmt.Sprintf("%.0f / %.0f ms", p50.aim, p99.aim),
		verdict: worse(less(m[0], p50.must, p50.aim), less(m[1], p99.must, p99.aim)),
	}, nil
}

func measureCreate(ctx context.Context, b *bench) (line, error) {
	const total = 8000
	return measureRate(ctx, b, floors.Create, b.goal(goal{2500, 4500}, goal{1000, 2000}), func(r *rig) (rate, error) {
		if _, err := r.gen.Closed(conns, 500, r.creates()); err != nil { // warm
			return rate{}, err
		}
		return r.throughput(ctx, total, r.creates())
	})
}

func measureReboot(ctx context.Context, b *bench) (line, error) {
	const total = 12000
	return measureRate(ctx, b, floors.Reboot, b.goal(goal{3000, 6000}, goal{1500, 2500}), func(r *rig) (rate, error) {
		c, err := r.prepared(ctx, 32)
		if err != nil {
			return rate{}, err
		}
		return r.throughput(ctx, total, reboots{c})
	})
}

// measureRate measures operations that reach their end in a second, on a fresh node each round.
func measureRate(ctx context.Context, b *bench, shape floors.Shape, g goal, measure func(*rig) (rate, error)) (line, error) {
	others := ""
	m, err := rounds(b, func(int) ([]float64, error) {
		var least, messages float64
		if b.cfg.Floors {
			var err error
			if least, messages, err = b.floor(ctx, shape); err != nil {
				return nil, err
			}
		}
		r, err := b.start(ctx, "rate")
		if err != nil {
			return nil, err
		}
		got, err := measure(r)
		others = got.others
		return []float64{got.perSecond, least, ms(got.Percentile(0.5)), ms(got.Percentile(0.99)), got.cpu, messages}, errors.Join(err, r.stop())
	})
	if err != nil {
		return line{}, err
	}
	l := line{
		measured: fmt.Sprintf("%.0f /s (accepted after p50 %.0f, p99 %.0f ms; CPU ms each: node %.2f%s)", m[0], m[2], m[3], m[4], others),
		must:     fmt.Sprintf(">= %.0f /s", g.must), aim: fmt.Sprintf(">= %.0f /s", g.aim), verdict: more(m[0], g.must, g.aim),
	}
	if b.cfg.Floors {
		l.floor, l.share = fmt.Sprintf("bare batched commits %.0f /s", m[1]), percent(m[0]/m[1]*100)
		if m[5] > 0 {
			l.floor += fmt.Sprintf("; bare messages %.0f /s", m[5])
		}
	}
	return l, nil
}

// floor is what bare loops reach: operations whose rows are committed in batches, and on servers messages too.
func (b *bench) floor(ctx context.Context, shape floors.Shape) (commits, messages float64, err error) {
	const d = 2 * time.Second
	if b.cfg.Servers == nil {
		dir := filepath.Join(b.dir, "floor.db.d")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return 0, 0, err
		}
		commits, err = floors.Commits(ctx, dir, shape, conns, d)
		return commits, 0, errors.Join(err, os.RemoveAll(dir))
	}
	bus, store, err := b.cfg.Servers.Fresh(ctx, "")
	if err != nil {
		return 0, 0, err
	}
	if commits, err = floors.CommitsTo(ctx, store, shape, conns, d); err != nil {
		return 0, 0, err
	}
	messages, err = floors.Messages(ctx, bus, 256, d)
	return commits, messages, err
}

// startServers is how many servers of each account the store has when a node starts again.
const startServers = 16

// measureStart starts on an empty directory, and again behind a kill -9 with servers in the store.
func measureStart(ctx context.Context, b *bench) (line, error) {
	r, err := b.start(ctx, "start")
	if err != nil {
		return line{}, err
	}
	defer func() { _ = r.stop() }() // measured already
	if _, err := r.prepared(ctx, startServers); err != nil {
		return line{}, err
	}
	m, err := rounds(b, func(int) ([]float64, error) {
		dir := filepath.Join(b.dir, "fresh")
		began := time.Now()
		fresh, err := node.Start(ctx, node.Config{Binary: b.cfg.Binary, Dir: dir, Args: b.args()})
		took := time.Since(began)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(fresh.Stop(), os.RemoveAll(dir), r.node.Kill9()); err != nil {
			return nil, err
		}
		again, err := r.node.Restart(ctx)
		return []float64{took.Seconds(), again.Seconds()}, err
	})
	if err != nil {
		return line{}, err
	}
	worst := max(m[0], m[1])
	return line{
		measured: fmt.Sprintf("%.2f s empty, %.2f s after kill -9 with %d servers", m[0], m[1], startServers*conns),
		must:     "<= 1 s", aim: "<= 0.3 s", verdict: less(worst, 1, 0.3),
	}, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
