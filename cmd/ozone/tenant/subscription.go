package tenant

import (
	"context"
	"fmt"
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
	Queue string `arg:"" help:"Name of the queue: whole, or as it was created with when no other user of the bus has one of that name."`
}

// Run ends the queue; it is shown once more.
func (c *subscriptionDeleteCmd) Run(ctx context.Context, s *session) error {
	queue, err := s.queue(ctx, c.Queue)
	if err != nil {
		return err
	}
	if err := s.Unsubscribe(ctx, queue); err != nil {
		return noSuch(err, "subscription", c.Queue)
	}
	return show(s.printer, client.Subscription{Queue: queue}, subscriptionColumns[:1])
}

// queue is the whole name of a queue: events.USER.NAME.
func (s *session) queue(ctx context.Context, word string) (string, error) {
	if strings.Contains(word, ".") {
		return word, nil
	}
	all, err := s.Subscriptions(ctx)
	if err != nil {
		return "", err
	}
	return wholeName(all, word)
}

// wholeName finds the queue that was created with the name word.
func wholeName(all []client.Subscription, word string) (string, error) {
	var found []string
	for _, v := range all {
		if strings.HasSuffix(v.Queue, "."+word) {
			found = append(found, v.Queue)
		}
	}
	switch len(found) {
	case 0:
		return "", missing("subscription", word)
	case 1:
		return found[0], nil
	default:
		return "", &problem{error: fmt.Errorf("there are %d subscriptions %q: %s", len(found), word, strings.Join(found, ", ")), code: exitRefused, advice: "Say which by its whole name."}
	}
}
