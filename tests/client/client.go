// Package client is a small client of the v1.0 API in JSON and of the operations of namespace ozone.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Client talks to one account of one node. Many goroutines may use it.
type Client struct {
	http *http.Client
	base string // scheme and authority
	user string
	key  string

	mu      sync.Mutex
	token   string // guarded by mu
	account string // guarded by mu; the number in the management URL
}

// New makes a client that is not logged in yet.
func New(base, user, key string) *Client {
	transport := &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, DisableCompression: true}
	return &Client{http: &http.Client{Transport: transport}, base: base, user: user, key: key}
}

// Login gets a token and the account from the service.
func (c *Client) Login(ctx context.Context) error {
	r, err := c.Raw(ctx, http.MethodGet, "/v1.0", nil, "X-Auth-User", c.user, "X-Auth-Key", c.key)
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	if r.Status != http.StatusNoContent {
		return fmt.Errorf("log in: %d %s", r.Status, r.Body)
	}
	url := r.Header.Get("X-Server-Management-Url")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token, c.account = r.Header.Get("X-Auth-Token"), url[strings.LastIndexByte(url, '/')+1:]
	return nil
}

// User is the user name.
func (c *Client) User() string { return c.user }

// Key is the API key.
func (c *Client) Key() string { return c.key }

// Token is the token of the last login.
func (c *Client) Token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

// Account is the number in the management URL.
func (c *Client) Account() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.account
}

// Reply is an answer, whatever its status.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Raw sends one request to a path below the authority; header is name, value, name, value ...
func (c *Client) Raw(ctx context.Context, method, path string, body []byte, header ...string) (*Reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return &Reply{Status: res.StatusCode, Header: res.Header, Body: data}, nil
}

// Do sends one request to a path below the management URL. The body is a string or []byte as it is, or anything to be
// written as JSON; nil is none.
func (c *Client) Do(ctx context.Context, method, path string, body any, header ...string) (*Reply, error) {
	return c.send(ctx, method, "/v1.0/"+c.Account()+path, body, header)
}

// Ozone sends one request to a path below /ozone/v1/<account>.
func (c *Client) Ozone(ctx context.Context, method, path string, body any, header ...string) (*Reply, error) {
	return c.send(ctx, method, "/ozone/v1/"+c.Account()+path, body, header)
}

func (c *Client) send(ctx context.Context, method, path string, body any, header []string) (*Reply, error) {
	var data []byte
	switch b := body.(type) {
	case nil:
	case string:
		data = []byte(b)
	case []byte:
		data = b
	default:
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return c.Raw(ctx, method, path, data, append([]string{"X-Auth-Token", c.Token()}, header...)...)
}

// Close closes the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
