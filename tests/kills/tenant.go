package kills

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
)

// tenant is an account with a client at each edge. Its requests go through the edges in turn, repetitions too.
type tenant struct {
	account node.Account
	urls    []string // of the edges
	edges   []*client.Client
	turn    atomic.Uint64
	program *program // nil: the cloud has no bus for tenants
}

func newTenant(ctx context.Context, urls []string, a node.Account) (*tenant, error) {
	t := &tenant{account: a, urls: urls}
	for _, url := range urls {
		c := client.New(url, a.User, a.Key)
		if err := c.Login(ctx); err != nil {
			return nil, err
		}
		t.edges = append(t.edges, c)
	}
	return t, nil
}

// shard is where the account's commands go.
func (t *tenant) shard() schemas.Shard { return schemas.ShardOf(schemas.AccountID(t.account.ID)) }

// pick is the client at the next edge.
func (t *tenant) pick() *client.Client {
	return t.edges[t.turn.Add(1)%uint64(len(t.edges))]
}

// ask asks something at the next edge, or at another one when nobody listens there.
func (t *tenant) ask(what func(at *client.Client) (*client.Reply, error)) (r *client.Reply, err error) {
	for range t.edges {
		if r, err = what(t.pick()); !unheard(err) {
			break
		}
	}
	return r, err
}

// unheard tells whether a request has reached nobody: there was no connection for it.
func unheard(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}
