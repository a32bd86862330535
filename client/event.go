package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Event is a change, as far as a client reads it. Source: docs/api.md.
type Event struct {
	Type     string    `json:"type"`
	Source   string    `json:"source"`
	Subject  string    `json:"subject"`
	Sequence string    `json:"sequence"`
	Time     time.Time `json:"time"`
	Data     struct {
		Server    *Server                 `json:"server"`
		Operation *schemas.EventOperation `json:"operation"`
	} `json:"data"`

	// Raw is all of it.
	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON keeps the whole event beside what is read of it.
func (e *Event) UnmarshalJSON(doc []byte) error {
	type plain Event
	if err := json.Unmarshal(doc, (*plain)(e)); err != nil {
		return err
	}
	e.Raw = append(e.Raw[:0], doc...)
	return nil
}

// MarshalJSON is the whole event.
func (e Event) MarshalJSON() ([]byte, error) { return e.Raw, nil }

// EventFilter narrows the events of an account; what is zero does not.
type EventFilter struct {
	Server schemas.ServerID
	Types  string // as server.*, several with commas
	After  string // a cursor: those behind it
	Limit  int    // of a page, at most 1000; 0: 100
}

func (f EventFilter) query() string {
	q := url.Values{}
	if f.Server != 0 {
		q.Set("server", strconv.FormatInt(int64(f.Server), 10))
	}
	for name, value := range map[string]string{"types": f.Types, "after": f.After} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return "/events?" + q.Encode()
}

// EventPage is some of an account's events, and the cursor behind the last one.
type EventPage struct {
	Events []Event `json:"events"`
	Next   string  `json:"next"`
	More   bool    `json:"more"`
}

// Events reads a page of the account's events.
func (c *Client) Events(ctx context.Context, f EventFilter) (EventPage, error) {
	var p EventPage
	a, err := c.do(ctx, request{method: http.MethodGet, api: own, path: f.query()})
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		return p, fmt.Errorf("read events: %w", err)
	}
	return p, nil
}

// History reads what has changed a server, from its beginning on.
func (c *Client) History(ctx context.Context, id schemas.ServerID, limit int) ([]Event, error) {
	return get[[]Event](ctx, c, request{api: own, path: path("servers", id, "history") + "?limit=" + strconv.Itoa(limit)}, "history")
}

// ServerAt reads a server as it was shown at a time, in RFC 3339 or seconds of Unix time.
func (c *Client) ServerAt(ctx context.Context, id schemas.ServerID, at string) (Server, error) {
	return get[Server](ctx, c, request{api: own, path: path("servers", id, "history") + "?at=" + url.QueryEscape(at)}, "server")
}
