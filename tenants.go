package ozone

import (
	"context"
	"fmt"
	"net/url"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/edge"
)

// tenantsURL is where the broker of the nodes has the tenants' virtual host.
func (c Config) tenantsURL() (string, error) {
	u, err := url.Parse(c.Bus)
	if err != nil { // it has the whole URL in it, password and all
		return "", fmt.Errorf("--bus %s: it is not readable", safeURL(c.Bus))
	}
	u.Path, u.RawPath = "/"+c.TenantsVhost, "/"+url.PathEscape(c.TenantsVhost)
	return u.String(), nil
}

// openTenants is the bus of programs of tenants, which is on the broker of the nodes; nil when the nodes have none.
func (n *Node) openTenants() (bus.Tenants, error) {
	if !onRabbitMQ(n.cfg.Bus) {
		return nil, nil //nolint:nilnil // there is none
	}
	where, err := n.cfg.tenantsURL()
	if err != nil {
		return nil, err
	}
	t := amqp.NewTenants(amqp.Config{URL: where, Name: n.name() + " tenants", Log: n.cfg.Log, Now: n.now})
	n.onStop("tenants' bus", func(context.Context) error { return t.Close() })
	return t, nil
}

// door is where an edge takes commands beside HTTP; nil: nowhere.
func (n *Node) door() (*edge.Door, error) {
	t, err := n.openTenants()
	if t == nil || err != nil {
		return nil, err
	}
	return &edge.Door{Bus: t, Users: n.store}, nil
}
