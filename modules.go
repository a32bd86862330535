package ozone

import (
	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/events"
	"github.com/ozonecloud/ozone/edge/operations"
	"github.com/ozonecloud/ozone/edge/servers"
	"github.com/ozonecloud/ozone/edge/subscriptions"
	"github.com/ozonecloud/ozone/edge/v10"
)

// modules lists the APIs that a node serves. A new one is a line here.
func modules() []edge.Module {
	return []edge.Module{
		v10.New(),
		operations.New(),
		events.New(),
		servers.New(),
		subscriptions.New(),
		v10.NewStrict(),
	}
}
