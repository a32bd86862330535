// Package client speaks Ozone's REST API in JSON: the Cloud Servers API v1.0, and the operations of the namespace ozone.
//
// A request that gets no answer is repeated, a write under the Idempotency-Key of its first time: it has one effect.
package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Config says which cloud is asked, by whom and how patiently.
type Config struct {
	// URL is the scheme and authority of the cloud: http://127.0.0.1:8774.
	URL string
	// User and Key are what a login takes.
	User, Key string
	// Session is that of an earlier login; the zero one means that the first request logs in.
	Session Session
	// Renewed is told each new session, one at a time; nil: nobody is.
	Renewed func(Session)
	// Patience is how long a request is repeated that gets no answer, or is told to come later; 0: it is sent once.
	Patience time.Duration
	// Waiting is told, once for a request, why it is not answered yet and for how long it will be repeated, when its next
	// try is a second or more away; nil: nobody is.
	Waiting func(why error, left time.Duration)
	// Now is the time; required.
	Now func() time.Time
}

// Session is what a login gives: a token for 24 hours and the account's URL.
type Session struct {
	Token    string `json:"token"`
	Endpoint string `json:"endpoint"`
}

// Client talks to one account of a cloud. Many goroutines may use it.
type Client struct {
	config Config
	http   *http.Client

	mu      sync.Mutex // held while somebody logs in, so that one does
	session Session    // guarded by mu
}

// New makes a client; nothing is sent before the first request.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" {
		return nil, schemas.Errorf(schemas.KindInvalid, "The URL %q of the cloud is not one: want http://HOST or https://HOST, without a path.", c.URL)
	}
	c.URL = u.Scheme + "://" + u.Host
	// Followed, a redirect would carry the key to wherever it points.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{config: c, http: &http.Client{CheckRedirect: stay}, session: c.Session}, nil
}

// Login checks user and key and begins a new session.
func (c *Client) Login(ctx context.Context) (Session, error) {
	return c.login(ctx, Session{}, true)
}

// login makes a session unless there is one other than old: then somebody else was faster. force: in any case.
func (c *Client) login(ctx context.Context, old Session, force bool) (Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !force && c.session != old {
		return c.session, nil
	}
	a, err := c.patiently(ctx, func() (*answer, error) {
		return c.send(ctx, message{method: http.MethodGet, url: c.config.URL + "/v1.0", header: http.Header{
			"X-Auth-User": {c.config.User}, "X-Auth-Key": {c.config.Key},
		}})
	})
	if err != nil {
		return Session{}, err
	}
	s := Session{Token: a.header.Get("X-Auth-Token"), Endpoint: strings.TrimSuffix(a.header.Get("X-Server-Management-Url"), "/")}
	if s.Token == "" || !strings.Contains(s.Endpoint, v10) {
		return Session{}, fmt.Errorf("log in: %s answers without a token and the URL of an account: it is no cloud of API v1.0", c.config.URL)
	}
	c.session = s
	if c.config.Renewed != nil {
		c.config.Renewed(s)
	}
	return s, nil
}

// known is the session that there is, or a new one.
func (c *Client) known(ctx context.Context) (Session, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s.Token != "" {
		return s, nil
	}
	return c.login(ctx, s, false)
}
