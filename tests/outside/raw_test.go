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

// TestRawRequests sends what no good client sends. Each gets its fault, and the node serves on.
func TestRawRequests(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c, n := w.tenant(t), w.cloud(t)
		auth := "Host: x\r\nX-Auth-Token: " + c.Token() + "\r\nConnection: close\r\n"
		base := "/v1.0/" + c.Account()
		typed := "Content-Type: application/json\r\n"
		good := server(`"name":"n","imageId":1,"flavorId":1`)
		post := "POST " + base + "/servers HTTP/1.1\r\n" + auth + typed
		for _, x := range []struct {
			what, request string
			want          string // the status, or statuses with | between
		}{
			{"a good one", "GET " + base + "/servers HTTP/1.1\r\n" + auth + "\r\n", "200"},
			{"HTTP/1.0", "GET " + base + "/servers HTTP/1.0\r\n" + auth + "\r\n", "200"},
			{"length and chunks", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
			{"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400"},
			{"signed length", post + "Content-Length: +5\r\n\r\nhello", "400"},
			{"negative length", post + "Content-Length: -5\r\n\r\nhello", "400"},
			{"huge length", post + "Content-Length: 99999999999999999999\r\n\r\nhello", "400|413"},
			{"large length", post + "Content-Length: 99999999\r\n\r\n" + strings.Repeat("x", 100000), "413"},
			{"overflowing chunk", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n0\r\n\r\n", "400|413"},
			{"negative chunk", post + "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", "400"},
			{"chunked", post + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(good), good), "202"},
			{"short body", post + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(good), good), "202"},
			{"bare line feeds", "GET " + base + "/servers HTTP/1.1\n" + strings.ReplaceAll(auth, "\r", "") + "X-A: b\r\n\r\n", "400"},
			{"NUL in a header", "GET " + base + "/servers HTTP/1.1\r\nX-A: a\x00b\r\n" + auth + "\r\n", "400"},
			{"NUL in the path", "GET " + base + "/serv\x00ers HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"no Host", "GET " + base + "/servers HTTP/1.1\r\nX-Auth-Token: " + c.Token() + "\r\nConnection: close\r\n\r\n", "400"},
			{"two Hosts", "GET " + base + "/servers HTTP/1.1\r\nHost: y\r\n" + auth + "\r\n", "400"},
			{"folded header", "GET " + base + "/servers HTTP/1.1\r\nX-A: a\r\n b\r\n" + auth + "\r\n", "400"},
			{"HTTP/9.9", "GET " + base + "/servers HTTP/9.9\r\n" + auth + "\r\n", "400"},
			{"no version", "GET " + base + "/servers\r\n" + auth + "\r\n", "400"},
			{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
			{"lower-case method", "get " + base + "/servers HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"long method", strings.Repeat("G", 1000) + " " + base + "/servers HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"long path", "GET " + base + "/" + strings.Repeat("a", 9000) + " HTTP/1.1\r\n" + auth + "\r\n", "400|414|431"},
			{"500 headers", "GET " + base + "/servers HTTP/1.1\r\n" + strings.Repeat("X-A: bbbbbbbbbbbbbbbbbbbb\r\n", 500) + auth + "\r\n", "431"},
			{"large token", "GET " + base + "/servers HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", "431"},
			{"dots", "GET " + base + "/../1/servers HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"one dot", "GET " + base + "/./servers HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"encoded dots", "GET " + base + "/%2e%2e/servers HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"encoded slash", "GET " + base + "%2Fservers HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"encoded backslash", "GET " + base + "/%5Cservers HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"encoded NUL", "GET " + base + "/servers%00 HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"bad escape", "GET " + base + "/servers/%zz HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"overlong UTF-8", "GET " + base + "/servers/%c0%af HTTP/1.1\r\n" + auth + "\r\n", "400"},
			{"encoded letters", "GET " + base + "/%73ervers HTTP/1.1\r\n" + auth + "\r\n", "200"},
			{"expects too much", post + "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", "413|417"},
			{"no gzip", post + "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "400"},
			{"utf-7", "POST " + base + "/servers HTTP/1.1\r\n" + auth + "Content-Type: text/json; charset=utf-7\r\nContent-Length: 2\r\n\r\n{}", "415"},
			{"no type, not JSON", "POST " + base + "/servers HTTP/1.1\r\n" + auth + "Content-Length: 5\r\n\r\nhello", "415"},
			{"no type, JSON", "POST " + base + "/servers HTTP/1.1\r\n" + auth + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(good), good), "202"},
			{"XML", "POST " + base + "/servers HTTP/1.1\r\n" + auth + "Content-Type: application/xml\r\nContent-Length: 4\r\n\r\n<a/>", "400"},
			{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
			{"login with NUL in the key", "GET /v1.0 HTTP/1.1\r\nHost: x\r\nX-Auth-User: " + c.User() + "\r\nX-Auth-Key: a\x00b\r\n\r\n", "400|401"},
		} {
			answer := raw(t, n, x.request)
			code := statusOf(answer)
			if !strings.Contains("|"+x.want+"|", "|"+code+"|") {
				t.Errorf("%s: %.200q, want %s", x.what, answer, x.want)
			}
			if strings.HasPrefix(code, "4") && !strings.Contains(x.request, "Expect:") && !strings.Contains(answer, `"code":`+code) {
				t.Errorf("%s: %.300q is no fault", x.what, answer)
			}
		}
		r, err := get(t, c, "/servers")
		expect(t, "afterwards", r, err, http.StatusOK, "")
		if strings.Contains(n.Log(), "panicked") {
			t.Error("a request panicked, see the log")
		}
	})
}

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
