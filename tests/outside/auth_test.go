package outside_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
)

// raw sends bytes over a connection of its own and returns everything that comes back until the node closes it.
func raw(t *testing.T, n *node.Node, request string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(n.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte(request)) // the node may hang up before it has read all
	var answer strings.Builder
	_, _ = bufio.NewReader(conn).WriteTo(&answer) // a reset ends it as well
	return answer.String()
}

func TestLoginAnswersFourHeadersInTheirExactCase(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		user := c.User()
		answer := raw(t, w.cloud(t), "GET /v1.0 HTTP/1.1\r\nHost: evil.example.org\r\nX-Auth-User: "+user+"\r\nX-Auth-Key: "+c.Key()+
			"\r\nAccept: application/json\r\nContent-Type: application/json; charset=UTF-8\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 204 No Content\r\n") {
			t.Fatalf("login: %q", answer)
		}
		for _, want := range []string{
			"\r\nX-Auth-Token: " + c.Token() + "\r\n", // a live token is given again
			"\r\nX-Server-Management-Url: " + w.cloud(t).URL() + "/v1.0/" + c.Account() + "\r\n",
			"\r\nX-Storage-Url: " + w.cloud(t).URL() + "/storage/v1/Ozone_" + c.Account() + "\r\n",
			"\r\nX-CDN-Management-Url: " + w.cloud(t).URL() + "/cdn/v1/Ozone_" + c.Account() + "\r\n",
		} {
			if !strings.Contains(answer, want) {
				t.Errorf("login has no %q in %q", want, answer)
			}
		}
		if strings.Contains(answer, "evil") {
			t.Errorf("login believes the Host header: %q", answer)
		}
	})
}

func TestLoginRefusesEverybodyAlike(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		var first string
		for what, header := range map[string][]string{
			"wrong key":    {"X-Auth-User", c.User(), "X-Auth-Key", "wrong"},
			"unknown user": {"X-Auth-User", "nobody", "X-Auth-Key", c.Key()},
			"no key":       {"X-Auth-User", c.User()},
			"no user":      {"X-Auth-Key", c.Key()},
			"empty key":    {"X-Auth-User", c.User(), "X-Auth-Key", ""},
		} {
			for _, where := range []string{"/", "/v1.0", "/v1.0/"} {
				r, err := c.Raw(t.Context(), http.MethodGet, where, nil, header...)
				expect(t, what+" at "+where, r, err, http.StatusUnauthorized, "unauthorized")
				if first == "" {
					first = string(r.Body)
				}
				if string(r.Body) != first {
					t.Errorf("%s at %s tells itself apart: %s, want %s", what, where, r.Body, first)
				}
			}
		}
		r, err := c.Raw(t.Context(), http.MethodGet, "/v1.0", nil)
		expect(t, "no header at all", r, err, http.StatusUnauthorized, "unauthorized")
	})
}

func TestLoginWorksAtEachOfItsPaths(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		for _, where := range []string{"/", "/v1.0", "/v1.0/", "/v1.0?x=1"} {
			r, err := c.Raw(t.Context(), http.MethodGet, where, nil, "X-Auth-User", c.User(), "X-Auth-Key", c.Key())
			expect(t, where, r, err, http.StatusNoContent, "")
		}
		r, err := c.Raw(t.Context(), http.MethodPost, "/v1.0", nil, "X-Auth-User", c.User(), "X-Auth-Key", c.Key())
		expect(t, "POST", r, err, http.StatusMethodNotAllowed, "badMethod")
	})
}

func TestTokenIsAskedForEverywhere(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c, other := w.tenant(t), w.tenant(t)
		for what, token := range map[string]string{
			"none": "", "forged": strings.Repeat("x", 43), "another's": other.Token(), "a NUL's": c.Token()[:20], "long": strings.Repeat("a", 6000),
		} {
			r, err := c.Raw(t.Context(), http.MethodGet, "/v1.0/"+c.Account()+"/servers", nil, "X-Auth-Token", token)
			expect(t, what, r, err, http.StatusUnauthorized, "unauthorized")
			if r != nil && !strings.Contains(string(r.Body), "Please renew") {
				t.Errorf("%s: %s, want the words that make old clients log in again", what, r.Body)
			}
		}
		answer := raw(t, w.cloud(t), "GET /v1.0/"+c.Account()+"/servers HTTP/1.1\r\nHost: x\r\nX-Auth-Token: "+c.Token()+"\r\nX-Auth-Token: "+
			other.Token()+"\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 401") {
			t.Errorf("two tokens: %q", answer)
		}
	})
}

func TestRotatedKeyEndsItsTokens(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c, n := w.tenant(t), w.cloud(t)
		out, err := n.Run(t.Context(), "account", "rotate-key", "--data", n.Dir(), c.User())
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Raw(t.Context(), http.MethodGet, "/v1.0", nil, "X-Auth-User", c.User(), "X-Auth-Key", c.Key())
		expect(t, "the old key", r, err, http.StatusUnauthorized, "unauthorized")
		key := ""
		for line := range strings.Lines(out) {
			if words := strings.Fields(line); len(words) == 2 && strings.HasPrefix(words[0], "key") {
				key = words[1]
			}
		}
		fresh := client.New(n.URL(), c.User(), key)
		if err := fresh.Login(t.Context()); err != nil {
			t.Fatalf("the new key: %v", err)
		}
		if fresh.Token() == c.Token() {
			t.Error("the new key got the old token")
		}
		deadline := time.Now().Add(6 * time.Second) // an edge may trust a token for 5 s
		for {
			r, err := get(t, c, "/servers")
			if err != nil {
				t.Fatal(err)
			}
			if r.Status == http.StatusUnauthorized {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("the old token works 6 s after its key was rotated")
			}
			<-time.After(200 * time.Millisecond)
		}
	})
}

func TestVersionsNeedNoToken(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		r, err := c.Raw(t.Context(), http.MethodGet, "/", nil)
		expect(t, "/", r, err, http.StatusOK, "")
		if !sameJSON(t, r.Body, []byte(`{"versions":[{"status":"CURRENT","id":"v1.0"}]}`)) {
			t.Errorf("/ = %s", r.Body)
		}
		r, err = c.Raw(t.Context(), http.MethodGet, "/v1.0/", nil)
		expect(t, "/v1.0/", r, err, http.StatusOK, "")
		var v map[string]string
		if err := r.Decode("version", &v); err != nil || v["status"] != "CURRENT" || v["id"] != "v1.0" || v["docURL"] == "" || v["wadl"] == "" {
			t.Errorf("/v1.0/ = %s", r.Body)
		}
		for _, where := range []string{"/healthz", "/readyz", "/metrics", "/extensions"} {
			r, err := c.Raw(t.Context(), http.MethodGet, where, nil)
			expect(t, where, r, err, http.StatusOK, "")
		}
	})
}
