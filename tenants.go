package ozone

import (
	"context"
	"fmt"
	"net/url"

	"github.com/ozonecloud/ozone/actors"
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

// openTenants makes the way to programs of tenants, which are on the broker of the nodes.
func (n *Node) openTenants(context.Context) error {
	if !onRabbitMQ(n.cfg.Bus) {
		return nil
	}
	where, err := n.cfg.tenantsURL()
	if err != nil {
		return err
	}
	n.tenants = amqp.NewTenants(amqp.Config{URL: where, Name: n.name() + " tenants", Log: n.cfg.Log, Now: n.now})
	n.onStop("tenants' bus", func(context.Context) error { return n.tenants.Close() })
	return nil
}

// door is where an edge takes commands beside HTTP; nil: nowhere.
func (n *Node) door() *edge.Door {
	if n.tenants == nil {
		return nil
	}
	return &edge.Door{Bus: n.tenants, Users: n.store, Queues: n.tenants, Subscriptions: n.store}
}

// publishing is where an engine sends events: to programs of tenants, and to operators. A bus in memory is reached by neither.
func (n *Node) publishing() []actors.Publishing {
	var all []actors.Publishing
	if n.tenants != nil {
		all = append(all, actors.Publishing{Bus: n.tenants, Topic: bus.TopicEvents, Store: n.store})
	}
	if own, ok := n.bus.(bus.Poster); ok {
		all = append(all, actors.Publishing{Bus: own, Topic: bus.TopicOps, Store: n.store})
	}
	return all
}
