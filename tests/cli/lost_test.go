package cli_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// wire stands between the command line and a node.
type wire struct {
	*httptest.Server

	mu     sync.Mutex
	logins int                                                           // guarded by mu
	posts  []string                                                      // the keys of the POSTs that came; guarded by mu
	meet   func(w http.ResponseWriter, r *http.Request, on http.Handler) // nil: the request goes on
}

// newWire makes a wire to the node; a login through it leads back to it.
func newWire(t *testing.T, n *node.Node) *wire {
	t.Helper()
	to, err := url.Parse(n.URL())
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	on := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(r *http.Response) error {
			const management = "X-Server-Management-Url"
			if where := r.Header.Get(management); where != "" {
				r.Header.Set(management, strings.Replace(where, n.URL(), w.URL, 1))
			}
			return nil
		},
	}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock() // one request at a time
		if r.Header.Get("X-Auth-Key") != "" {
			w.logins++
		}
		if r.Method == http.MethodPost {
			w.posts = append(w.posts, r.Header.Get("Idempotency-Key"))
		}
		if w.meet != nil {
			w.meet(out, r, on)
			return
		}
		on.ServeHTTP(out, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// TestACreateWhoseAnswerIsLostHasOneEffect kills the node when it has accepted a create and before the command line knows,
// and starts it again when that has met nobody for a while.
func TestACreateWhoseAnswerIsLostHasOneEffect(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, "--sim-delay", "200ms")
	w := newWire(t, n)
	me := loggedIn(t, n, "me", w.URL)
	alone := 0
	w.meet = func(out http.ResponseWriter, r *http.Request, on http.Handler) {
		switch {
		case r.Method == http.MethodPost && len(w.posts) == 1:
			on.ServeHTTP(httptest.NewRecorder(), r) // accepted, and nobody is told
			if err := n.Kill9(); err != nil {
				t.Error(err)
			}
			panic(http.ErrAbortHandler)
		case alone < 3:
			alone++
			if alone == 3 {
				if _, err := n.Restart(t.Context()); err != nil {
					t.Error(err)
				}
			}
			panic(http.ErrAbortHandler)
		default:
			on.ServeHTTP(out, r)
		}
	}
	r := me.run(t, "server", "create", "once", "--image", "1", "--flavor", "1", "--wait", "-o", "json", "--retry", "1m")
	if r.code != 0 {
		t.Fatalf("create = %+v", r)
	}
	if s := decode[client.Server](t, r.out); s.Status != "ACTIVE" || s.AdminPass != "" {
		t.Errorf("create = %+v, want it ACTIVE; the password was lost", s)
	}
	if !strings.Contains(r.err, "ozone server update --password-file") {
		t.Errorf("nothing says what to do about the password: %q", r.err)
	}
	if len(w.posts) != 5 || w.posts[0] == "" || w.posts[0] != w.posts[4] {
		t.Errorf("POSTs with the keys %q, want 5 with the same", w.posts)
	}
	if list, err := me.Servers(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("servers %+v, %v, want one", list, err)
	}
	nodetest.Audit(t, n)
}

// TestWaitingOutlivesTheNode kills the node while the command line waits.
func TestWaitingOutlivesTheNode(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, "--sim-delay", "500ms")
	w := newWire(t, n)
	me := loggedIn(t, n, "me", w.URL)
	polls := 0
	w.meet = func(out http.ResponseWriter, r *http.Request, on http.Handler) {
		if strings.Contains(r.URL.Path, "/operations/") {
			if polls++; polls == 2 {
				if err := n.Kill9(); err != nil {
					t.Error(err)
				}
				if _, err := n.Restart(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
		on.ServeHTTP(out, r)
	}
	r := me.run(t, "server", "create", "s", "--image", "1", "--flavor", "1", "--wait", "-o", "json")
	if r.code != 0 {
		t.Fatalf("create = %+v", r)
	}
	s := decode[client.Server](t, r.out)
	if s.Status != "ACTIVE" || s.AdminPass == "" || strings.Count(r.out+r.err, s.AdminPass) != 1 {
		t.Errorf("create = %+v, want it ACTIVE with its password, once", r)
	}
	if !strings.HasPrefix(r.err, "server.create 0% ") || !strings.HasSuffix(r.err, "server.create 100% succeeded\n") {
		t.Errorf("progress %q, want lines from 0%% to 100%%", r.err)
	}
	if out := me.ok(t, "server", "show", "s", "-o", "json"); strings.Contains(out, s.AdminPass) || strings.Contains(out, "adminPass") {
		t.Errorf("server show has the password: %s", out)
	}
}

func TestOneTokenServesManyCommandsAndIsRenewed(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t)
	w := newWire(t, n)
	me := loggedIn(t, n, "me", w.URL)
	me.ok(t, "server", "list")
	me.ok(t, "image", "list")
	if w.logins != 1 {
		t.Errorf("%d logins for three commands, want 1", w.logins)
	}
	w.meet = func(out http.ResponseWriter, r *http.Request, on http.Handler) {
		if w.logins == 1 && r.Header.Get("X-Auth-Token") != "" {
			r.Header.Set("X-Auth-Token", "expired")
		}
		on.ServeHTTP(out, r)
	}
	me.ok(t, "server", "list")
	me.ok(t, "server", "list")
	if w.logins != 2 {
		t.Errorf("%d logins after a token has expired, want 2", w.logins)
	}
}

func TestAWaitHasAnEnd(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, "--sim-delay", "1h")
	me := loggedIn(t, n, "me", n.URL())
	r := me.run(t, "server", "create", "slow", "--image", "1", "--flavor", "1", "--wait", "--timeout", "300ms", "-o", "json")
	s := decode[struct{ Operation, AdminPass string }](t, r.out)
	if r.code != 4 || s.AdminPass == "" || !strings.Contains(r.err, "ozone operation watch "+s.Operation) {
		t.Errorf("create = %+v, want 4, the password, and how to go on", r)
	}
}
