package outside_test

import (
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"  // a driver
	_ "modernc.org/sqlite" // a driver

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

var statusLine = regexp.MustCompile(`^HTTP/1\.1 (\d{3})`)

// statusOf is the last status of an answer: a 100 goes before the one that counts.
func statusOf(answer string) string {
	answer = strings.TrimPrefix(answer, "HTTP/1.1 100 Continue\r\n\r\n")
	m := statusLine.FindStringSubmatch(answer)
	if m == nil {
		return ""
	}
	return m[1]
}

// TestHangingUpHarmsNobody leaves requests half sent and hangs up in the middle.
func TestHangingUpHarmsNobody(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c, n := w.tenant(t), w.cloud(t)
		for i := range 200 {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(n.URL(), "http://"))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprintf(conn, "POST /v1.0/%s/servers HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Type: application/json\r\nContent-Length: 500000\r\n\r\n{", c.Account(), c.Token())
			if tcp, ok := conn.(*net.TCPConn); ok && i%2 == 0 {
				_ = tcp.SetLinger(0) // a reset instead of a good end
			}
			_ = conn.Close()
		}
		r, err := get(t, c, "/servers")
		expect(t, "afterwards", r, err, http.StatusOK, "")
		if string(r.Body) != `{"servers":[]}` {
			t.Errorf("servers after half requests: %s", r.Body)
		}
	})
}

// TestExpiredTokenIsNoToken asks every route behind the wall with a token whose day is over.
func TestExpiredTokenIsNoToken(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t)
		c := nodetest.Client(t, n, "late")
		if err := n.Stop(); err != nil {
			t.Fatal(err)
		}
		expire(t, n)
		if _, err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, route := range routes(t, c) {
			if open[route] {
				continue
			}
			verb, path, _ := strings.Cut(route, " ")
			where := strings.ReplaceAll(object{"1", "1", "1", "x"}.in(path), "{account}", c.Account())
			r, err := c.Raw(t.Context(), verb, where, nil, "X-Auth-Token", c.Token())
			expect(t, route, r, err, http.StatusUnauthorized, "unauthorized")
		}
		fresh := client.New(n.URL(), c.User(), c.Key())
		if err := fresh.Login(t.Context()); err != nil || fresh.Token() == c.Token() {
			t.Errorf("a new login: %v, the same token: %v", err, fresh.Token() == c.Token())
		}
	})
}

// expire ends every token.
func expire(t *testing.T, n *node.Node) {
	t.Helper()
	driver, source := "sqlite", filepath.Join(n.Dir(), "ozone.db")
	if store := n.Setting("OZONE_STORE"); store != "" {
		driver, source = "postgres", store
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	res, err := db.ExecContext(t.Context(), `UPDATE token SET expires = $1`, time.Now().Add(-time.Second).UnixMicro())
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := res.RowsAffected(); err != nil || rows == 0 {
		t.Fatalf("%d tokens expired, %v", rows, err)
	}
}
