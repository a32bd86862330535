// Package load sends requests as fast as a node takes them, or at a fixed rate, and measures the answers.
package load

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// Generator sends requests to one address.
type Generator struct {
	client *fasthttp.HostClient
	base   string
}

// New makes a generator for a node at base, such as http://127.0.0.1:8774, with at most conns connections.
func New(base string, conns int) *Generator {
	_, address, _ := cutScheme(base)
	return &Generator{base: base, client: &fasthttp.HostClient{
		Addr: address, MaxConns: conns, NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
		ReadTimeout: time.Minute, WriteTimeout: time.Minute, MaxIdleConnDuration: 10 * time.Second,
	}}
}

func cutScheme(base string) (scheme, address string, ok bool) {
	for i := range base {
		if len(base) > i+3 && base[i:i+3] == "://" {
			return base[:i], base[i+3:], true
		}
	}
	return "", base, false
}

// Request is what is sent.
type Request struct {
	Method string
	Path   string // below the authority
	Token  string
	Body   string
}

// Sender sends the requests of one connection; it is not for two goroutines.
type Sender struct {
	g   *Generator
	req fasthttp.Request
	res fasthttp.Response
}

// Sender makes a sender.
func (g *Generator) Sender() *Sender { return &Sender{g: g} }

// Send sends one request. The body is valid until the next one.
func (s *Sender) Send(r *Request) (status int, body []byte, err error) {
	s.req.Reset()
	s.req.SetRequestURI(s.g.base + r.Path)
	s.req.Header.SetMethod(r.Method)
	if r.Token != "" {
		s.req.Header.Set("X-Auth-Token", r.Token)
	}
	if r.Body != "" {
		s.req.Header.SetContentType("application/json")
		s.req.SetBodyString(r.Body)
	}
	if err := s.g.client.Do(&s.req, &s.res); err != nil {
		return 0, nil, err
	}
	return s.res.StatusCode(), s.res.Body(), nil
}

// Header is a header of the last answer.
func (s *Sender) Header(name string) string { return string(s.res.Header.Peek(name)) }

// Result is what a run measured.
type Result struct {
	Done      int // answers that were wanted
	Others    int // answers of another kind, which were sent again
	Elapsed   time.Duration
	Latencies []time.Duration // of the wanted ones, ascending
}

// Rate is how many were done in a second.
func (r *Result) Rate() float64 { return float64(r.Done) / r.Elapsed.Seconds() }

// Percentile is the latency that the share p of the answers did not exceed.
func (r *Result) Percentile(p float64) time.Duration {
	if len(r.Latencies) == 0 {
		return 0
	}
	i := min(int(p*float64(len(r.Latencies))), len(r.Latencies)-1)
	return r.Latencies[i]
}

// Work makes the i-th request of a connection and judges its answer: a request that did not get what it wanted is made again.
type Work interface {
	Request(conn, i int) *Request
	Wanted(conn, i, status int, body []byte) bool
}

// Closed runs conns connections, each sending one request after the other until total answers are there.
func (g *Generator) Closed(conns, total int, w Work) (Result, error) {
	var left atomic.Int64
	left.Store(int64(total))
	return g.run(conns, func(s *Sender, conn int, out *tally) error {
		for i := 0; left.Add(-1) >= 0; i++ {
			if err := s.one(conn, i, w, time.Time{}, out); err != nil {
				return err
			}
		}
		return nil
	})
}

// ClosedFor is Closed for a time instead of a number.
func (g *Generator) ClosedFor(conns int, d time.Duration, w Work) (Result, error) {
	end := time.Now().Add(d)
	return g.run(conns, func(s *Sender, conn int, out *tally) error {
		for i := 0; time.Now().Before(end); i++ {
			if err := s.one(conn, i, w, time.Time{}, out); err != nil {
				return err
			}
		}
		return nil
	})
}

// Open offers rate requests in a second for d, whatever the answers do; a latency counts from when the request was due.
func (g *Generator) Open(conns int, rate float64, d time.Duration, w Work) (Result, error) {
	began := time.Now()
	total := int64(rate * d.Seconds())
	var next atomic.Int64
	return g.run(conns, func(s *Sender, conn int, out *tally) error {
		for i := 0; ; i++ {
			n := next.Add(1) - 1
			if n >= total {
				return nil
			}
			due := began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			sleepUntil(due)
			if err := s.one(conn, i, w, due, out); err != nil {
				return err
			}
		}
	})
}

// sleepUntil is exact to some 50 us. The runtime's own sleep is late by up to 1 ms where nothing else runs, since its
// poller counts in milliseconds: that would be counted as the node's.
func sleepUntil(due time.Time) {
	const coarse = 2 * time.Millisecond
	time.Sleep(time.Until(due) - coarse)
	for left := time.Until(due); left > 0; left = time.Until(due) {
		ts := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&ts, nil) // a signal ends it early
	}
}

// tally is one connection's share of a result.
type tally struct {
	others    int
	latencies []time.Duration
}

// one sends a request until it gets what it wanted. The latency counts from due, or from the last sending when due is zero.
func (s *Sender) one(conn, i int, w Work, due time.Time, out *tally) error {
	for {
		from := due
		if from.IsZero() {
			from = time.Now()
		}
		status, body, err := s.Send(w.Request(conn, i))
		if err != nil {
			return err
		}
		if w.Wanted(conn, i, status, body) {
			out.latencies = append(out.latencies, time.Since(from))
			return nil
		}
		if out.others++; out.others > 100000 {
			return fmt.Errorf("answer %d %s again and again", status, body)
		}
	}
}

func (g *Generator) run(conns int, work func(s *Sender, conn int, out *tally) error) (Result, error) {
	tallies, errs := make([]tally, conns), make([]error, conns)
	var all sync.WaitGroup
	began := time.Now()
	for conn := range conns {
		all.Go(func() { errs[conn] = work(g.Sender(), conn, &tallies[conn]) })
	}
	all.Wait()
	r := Result{Elapsed: time.Since(began)}
	for i := range tallies {
		r.Done += len(tallies[i].latencies)
		r.Others += tallies[i].others
		r.Latencies = append(r.Latencies, tallies[i].latencies...)
	}
	slices.Sort(r.Latencies)
	for _, err := range errs {
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// Close closes the connections.
func (g *Generator) Close() { g.client.CloseIdleConnections() }
