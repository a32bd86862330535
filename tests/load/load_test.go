package load_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/tests/load"
)

// picky answers every third request with 503.
func picky(t *testing.T) (base string, served *atomic.Int64) {
	t.Helper()
	served = new(atomic.Int64)
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		if served.Add(1)%3 == 0 {
			ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		}
	}}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return "http://" + ln.Addr().String(), served
}

type plain struct{}

func (plain) Request(int, int) *load.Request         { return &load.Request{Method: "GET", Path: "/"} }
func (plain) Wanted(_, _, status int, _ []byte) bool { return status == fasthttp.StatusOK }

func TestEveryRequestIsSentUntilItGetsWhatItWants(t *testing.T) {
	base, served := picky(t)
	g := load.New(base, 8)
	defer g.Close()
	r, err := g.Closed(8, 100, plain{})
	if err != nil || r.Done != 100 || int64(r.Done+r.Others) != served.Load() {
		t.Errorf("Closed = %d done, %d others of %d served, %v", r.Done, r.Others, served.Load(), err)
	}
}

func TestOfferedRateIsKept(t *testing.T) {
	base, _ := picky(t)
	g := load.New(base, 8)
	defer g.Close()
	r, err := g.Open(8, 500, time.Second, plain{})
	if err != nil || r.Done != 500 || r.Elapsed < 900*time.Millisecond {
		t.Errorf("Open = %d done in %s, %v, want 500 in 1 s", r.Done, r.Elapsed, err)
	}
	if r.Percentile(0.5) > r.Percentile(0.99) {
		t.Errorf("p50 %s above p99 %s", r.Percentile(0.5), r.Percentile(0.99))
	}
}
