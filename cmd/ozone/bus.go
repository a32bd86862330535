package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ozonecloud/ozone"
	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// broker says which cloud's broker a command is for.
type broker struct {
	Bus          string `help:"Message bus of the cloud: amqp://USER:PASSWORD@HOST/VHOST (better in OZONE_BUS)." default:"inproc"`
	TenantsVhost string `help:"Virtual host of the broker for programs of tenants." default:"tenants"`
}

// busPlace is what commands need that change users and queues.
type busPlace struct {
	broker   `embed:""`
	Store    string `help:"Store of the cloud: postgres://USER:PASSWORD@HOST/DATABASE (better in OZONE_STORE)." default:"sqlite"`
	BusAdmin string `help:"Management API of the broker: http://USER:PASSWORD@HOST:15672 (better in OZONE_BUS_ADMIN)." placeholder:"URL"`
}

// with opens the operator's way to the broker for one call.
func (p busPlace) with(ctx context.Context, e *env, do func(*ozone.BusOperator) error) error {
	o, err := ozone.OpenBusOperator(ctx, ozone.Config{Bus: p.Bus, Store: p.Store, TenantsVhost: p.TenantsVhost, Log: e.log}, p.BusAdmin)
	return closing(o, err, do)
}

type busCmd struct {
	User  busUserCmd  `cmd:"" help:"Programs that may send the commands of an account and read its events."`
	Queue busQueueCmd `cmd:"" help:"More queues of such a program."`
	Dead  busDeadCmd  `cmd:"" help:"Messages that nobody could deal with."`
}

type busUserCmd struct {
	Create busUserCreateCmd `cmd:"" help:"Make a user of an account with its queues and print its password."`
	Rotate busUserRotateCmd `cmd:"" help:"Give a user a new password and print it; connections with the old one end."`
	Delete busUserDeleteCmd `cmd:"" help:"End a user with its queues and what waits in them."`
	List   busUserListCmd   `cmd:"" help:"List the users."`
}

type busUserCreateCmd struct {
	busPlace `embed:""`
	Account  int64  `arg:"" help:"Number of the account."`
	Name     string `arg:"" optional:"" help:"Name of the user. Default: account-NUMBER."`
}

// Run makes the user.
func (c *busUserCreateCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(o *ozone.BusOperator) error {
		made, err := o.CreateUser(ctx, schemas.AccountID(c.Account), c.Name)
		if err != nil {
			return err
		}
		return printUser(e, made)
	})
}

type busUserRotateCmd struct {
	busPlace `embed:""`
	Name     string `arg:"" help:"Name of the user."`
}

// Run gives the user a new password.
func (c *busUserRotateCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(o *ozone.BusOperator) error {
		made, err := o.RotateUser(ctx, c.Name)
		if err != nil {
			return err
		}
		return printUser(e, made)
	})
}

func printUser(e *env, c ozone.BusCredentials) error {
	_, err := fmt.Fprintf(e.out, "account  %d\nuser     %s\npassword %s\nurl      %s\ncommands exchange %s\nanswers  queue %s\nevents   queue %s\n",
		c.Account, c.User, c.Password, c.URL, bus.IngressQueue(c.User), bus.RepliesQueue(c.User), bus.EventsQueue(c.User))
	return err
}

type busUserDeleteCmd struct {
	busPlace `embed:""`
	Name     string `arg:"" help:"Name of the user."`
}

// Run ends the user.
func (c *busUserDeleteCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(o *ozone.BusOperator) error {
		if err := o.DeleteUser(ctx, c.Name); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "user %s is gone\n", c.Name)
		return err
	})
}

type busUserListCmd struct {
	busPlace `embed:""`
}

// Run lists the users.
func (c *busUserListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(o *ozone.BusOperator) error {
		list, err := o.Users(ctx)
		if err != nil {
			return err
		}
		return table(e.out, "USER\tACCOUNT\tCREATED", list, func(u storage.BusUser) string {
			return fmt.Sprintf("%s\t%d\t%s", u.Name, u.Account, u.Created.UTC().Format(time.RFC3339))
		})
	})
}

type busQueueCmd struct {
	Create busQueueCreateCmd `cmd:"" help:"Make a queue of events, or of answers, and print its name."`
	List   busQueueListCmd   `cmd:"" help:"List the queues of a user."`
	Delete busQueueDeleteCmd `cmd:"" help:"End a queue with what waits in it."`
}

type busQueueCreateCmd struct {
	busPlace `embed:""`
	User     string   `arg:"" help:"Name of the user."`
	Name     string   `arg:"" help:"Name of the queue, behind events.USER. or replies.USER."`
	Replies  bool     `help:"A queue of answers instead of events."`
	Types    []string `help:"Types of events, such as server.resize.end, image or *.*.error. Default: all." placeholder:"TYPE"`
	Server   int64    `help:"Events of this server only." placeholder:"NUMBER"`
}

// Run makes the queue.
func (c *busQueueCreateCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(o *ozone.BusOperator) error {
		name, err := o.CreateQueue(ctx, ozone.NewBusQueue{
			User: c.User, Name: c.Name, Replies: c.Replies, Types: c.Types, Server: schemas.ServerID(c.Server),
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(e.out, name)
		return err
	})
}

type busQueueListCmd struct {
	busPlace `embed:""`
	User     string `arg:"" help:"Name of the user."`
}

// Run lists the queues.
func (c *busQueueListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(o *ozone.BusOperator) error {
		list, err := o.Queues(ctx, c.User)
		if err != nil {
			return err
		}
		return table(e.out, "QUEUE\tMESSAGES", list, func(q amqp.QueueState) string { return fmt.Sprintf("%s\t%d", q.Name, q.Messages) })
	})
}

type busQueueDeleteCmd struct {
	busPlace `embed:""`
	User     string `arg:"" help:"Name of the user."`
	Queue    string `arg:"" help:"Whole name of the queue."`
}

// Run ends the queue.
func (c *busQueueDeleteCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, func(o *ozone.BusOperator) error {
		if err := o.DeleteQueue(ctx, c.User, c.Queue); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "queue %s is gone\n", c.Queue)
		return err
	})
}
