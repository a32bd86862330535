package client

import (
	"context"
	"net/http"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Subscription is a queue of events for a program of the account. Source: docs/api.md.
type Subscription struct {
	Queue   string            `json:"queue,omitempty"` // what the program consumes
	User    string            `json:"user,omitempty"`  // of the bus; "": the account's only one
	Name    string            `json:"name"`
	Types   []string          `json:"types,omitempty"` // none: all
	Server  *schemas.ServerID `json:"server,omitempty"`
	Created *time.Time        `json:"created,omitempty"`
}

// Subscriptions lists those that the account has ordered.
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	return get[[]Subscription](ctx, c, request{api: own, path: path("subscriptions")}, "subscriptions")
}

// Subscribe orders a queue; again it is the same.
func (c *Client) Subscribe(ctx context.Context, s Subscription) (made Subscription, err error) {
	a, err := c.do(ctx, request{
		method: http.MethodPost, api: own, path: path("subscriptions"), body: map[string]Subscription{"subscription": s},
	})
	if err != nil {
		return made, err
	}
	return made, a.decode("subscription", &made)
}

// Unsubscribe ends a queue with what waits in it.
func (c *Client) Unsubscribe(ctx context.Context, queue string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, api: own, path: path("subscriptions", queue)})
	return err
}
