package tenant

import (
	"context"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/client"
)

type subscriptionCmd struct {
	cloud `embed:"" group:"Which cloud is asked, as whom:"`

	Create subscriptionCreateCmd `cmd:"" help:"Order a queue of events for a program on the bus, which needs RabbitMQ."`
	List   subscriptionListCmd   `cmd:"" help:"List the queues that were ordered."`
	Delete subscriptionDeleteCmd `cmd:"" help:"End a queue with what waits in it."`
}

var subscriptionColumns = []column[client.Subscription]{
	{"QUEUE", func(s client.Subscription) any { return s.Queue }},
	{"TYPES", func(s client.Subscription) any { return strings.Join(s.Types, ",") }},
	{"SERVER", func(s client.Subscription) any { return ofServer(s) }},
	{"CREATED", func(s client.Subscription) any { return since(s) }},
}

func ofServer(s client.Subscription) any {
	if s.Server == nil {
		return ""
	}
	return *s.Server
}

func since(s client.Subscription) any {
	if s.Created == nil {
		return ""
	}
	return s.Created.Format(time.RFC3339)
}

type subscriptionCreateCmd struct {
	Name   string   `arg:"" help:"Name of the queue, behind events.USER."`
	As     string   `help:"The user of the bus that reads it. Default: the account's only one." placeholder:"USER" env:"-"`
	Types  []string `help:"Types of events, such as server.resize.end, image or *.*.error. Default: all." placeholder:"TYPE" env:"-"`
	Server string   `help:"Events of this server only: its number or its name." placeholder:"SERVER" env:"-"`
}

// Run orders the queue.
func (c *subscriptionCreateCmd) Run(ctx context.Context, s *session) error {
	wanted := client.Subscription{Name: c.Name, User: c.As, Types: c.Types}
	if c.Server != "" {
		id, err := s.server(ctx, c.Server)
		if err != nil {
			return err
		}
		wanted.Server = &id
	}
	made, err := s.Subscribe(ctx, wanted)
	if err != nil {
		return err
	}
	return show(s.printer, made, subscriptionColumns)
}

type subscriptionListCmd struct{}

// Run lists the queues.
func (*subscriptionListCmd) Run(ctx context.Context, s *session) error {
	list, err := s.Subscriptions(ctx)
	if err != nil {
		return err
	}
	return showAll(s.printer, list, subscriptionColumns)
}

type subscriptionDeleteCmd struct {
	Queue string `arg:"" help:"Whole name of the queue."`
}

// Run ends the queue; it is shown once more.
func (c *subscriptionDeleteCmd) Run(ctx context.Context, s *session) error {
	if err := s.Unsubscribe(ctx, c.Queue); err != nil {
		return err
	}
	return show(s.printer, client.Subscription{Queue: c.Queue}, subscriptionColumns[:1])
}
