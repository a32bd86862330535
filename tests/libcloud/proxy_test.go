package libcloud_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// proxy stands between the library and a node and notes what goes through.
type proxy struct {
	*httptest.Server

	to        string // the node's URL
	mu        sync.Mutex
	exchanges []exchange // since the last take; guarded by mu
}

// exchange is a request with its answer.
type exchange struct {
	line      string // verb, path below the account and status
	operation string // that the answer names
	packed    bool   // the answer is gzip
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	node, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{to: to}
	p.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(node) },
		ModifyResponse: p.note,
	})
	t.Cleanup(p.Close)
	return p
}

// note keeps an exchange. A login leads back to the proxy: nothing else of an answer changes on its way.
func (p *proxy) note(r *http.Response) error {
	const management = "X-Server-Management-Url"
	if where := r.Header.Get(management); where != "" {
		r.Header.Set(management, strings.Replace(where, p.to, p.URL, 1))
	}
	path := r.Request.URL.Path
	if parts := strings.SplitN(path, "/", 4); len(parts) == 4 {
		path = "/" + parts[3]
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchanges = append(p.exchanges, exchange{
		fmt.Sprintf("%s %s %d", r.Request.Method, path, r.StatusCode), r.Header.Get("X-Ozone-Operation"), r.Header.Get("Content-Encoding") == "gzip",
	})
	return nil
}

// take returns what went through since the last take.
func (p *proxy) take() []exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.exchanges
	p.exchanges = nil
	return taken
}
