package outside_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/nodetest"
)

// slowest is until when a node has given up a client that sends a byte a second: its 15 seconds, and some for a busy machine.
const slowest = 40 * time.Second

// TestSlowClientsAreGivenUp has a hundred clients drip a header and a hundred a body, beside a thousand that say nothing. Everybody else is served.
func TestSlowClientsAreGivenUp(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the time of a request to pass")
	}
	n := nodetest.Start(t)
	c := nodetest.Client(t, n, "slow")
	before, err := n.Heap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(n.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for range 1000 {
		defer func(conn net.Conn) { _ = conn.Close() }(dial())
	}
	var dripping sync.WaitGroup
	began := time.Now()
	for i := range 200 {
		start := "GET / HTTP/1.1\r\nHost: x\r\nX-A: "
		if i%2 == 0 {
			start = fmt.Sprintf("POST /v1.0/%s/servers HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n", c.Account(), c.Token())
		}
		conn := dial()
		dripping.Go(func() { drip(conn, start) })
	}
	ended := make(chan struct{})
	go func() { dripping.Wait(); close(ended) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for served := 0; ; served++ {
		r, err := get(t, c, "/servers")
		expect(t, "a good request meanwhile", r, err, http.StatusOK, "")
		select {
		case <-ended:
			t.Logf("given up after %v, %d good requests meanwhile", time.Since(began), served)
			if after, err := n.Heap(t.Context()); err != nil || after-before > most {
				t.Errorf("the heap went from %d to %d bytes, %v", before, after, err)
			}
			return
		case <-tick.C:
		}
		if time.Since(began) > slowest {
			t.Fatal("a client that sends a byte a second is still waited for")
		}
	}
}

// drip sends a byte a second until the node hangs up or has answered.
func drip(conn net.Conn, start string) {
	defer func() { _ = conn.Close() }()
	gone := make(chan struct{})
	go func() { // ends with the connection
		_, _ = io.Copy(io.Discard, conn)
		close(gone)
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	_, err := io.WriteString(conn, start)
	for err == nil {
		select {
		case <-gone:
			return
		case <-tick.C:
			_, err = io.WriteString(conn, "x")
		}
	}
}
