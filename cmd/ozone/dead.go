package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone"
	"github.com/ozonecloud/ozone/bus"
)

type busDeadCmd struct {
	List   deadListCmd   `cmd:"" help:"List dead letters with their reasons, the oldest first."`
	Show   deadShowCmd   `cmd:"" help:"Print a dead letter."`
	Replay deadReplayCmd `cmd:"" help:"Send a dead letter again to the queue that it came from, and remove it."`
}

// open is the way to the dead letters.
func (b broker) open(e *env) (*ozone.DeadLetters, error) {
	return ozone.OpenDeadLetters(ozone.Config{Bus: b.Bus, TenantsVhost: b.TenantsVhost, Log: e.log}, time.Now)
}

type deadListCmd struct {
	broker `embed:""`
	Limit  int `help:"At most so many." default:"100"`
}

// Run lists them.
func (c *deadListCmd) Run(ctx context.Context, e *env) error {
	letters, err := c.open(e)
	if err != nil {
		return err
	}
	var list []bus.DeadLetter
	err = letters.Each(ctx, func(l bus.DeadLetter) (stop bool, err error) {
		l.Body = nil // it may be a megabyte
		list = append(list, l)
		return len(list) >= c.Limit, nil
	})
	if err != nil {
		return err
	}
	return table(e.out, "MESSAGE\tDIED\tFROM\tTYPE\tREASON", list, func(l bus.DeadLetter) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", printable(l.ID), l.Died.Format(time.RFC3339), l.From, printable(string(l.Type)), printable(l.Reason))
	})
}

// printable is s as it can stand in a line: strangers wrote it.
func printable(s string) string {
	quoted := strconv.QuoteToASCII(s)
	if s == "" || quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

type deadShowCmd struct {
	broker  `embed:""`
	Message string `arg:"" help:"Id of the message."`
}

// Run prints every one of that id.
func (c *deadShowCmd) Run(ctx context.Context, e *env) error {
	letters, err := c.open(e)
	if err != nil {
		return err
	}
	found := false
	err = letters.Each(ctx, func(l bus.DeadLetter) (stop bool, err error) {
		if l.ID != c.Message {
			return false, nil
		}
		found = true
		_, err = fmt.Fprintf(e.out, "message      %s\ntype         %s\nfrom         %s\ndied         %s\nredeliveries %d\nreply to     %s\ncorrelation  %s\nreason       %s\nbody         %s\n",
			printable(l.ID), printable(string(l.Type)), l.From, l.Died.Format(time.RFC3339), l.Redeliveries, printable(string(l.ReplyTo)),
			printable(l.CorrelationID), printable(l.Reason), strconv.QuoteToASCII(string(l.Body)))
		return false, err
	})
	if err == nil && !found {
		err = fmt.Errorf("no dead letter %q", c.Message)
	}
	return err
}

type deadReplayCmd struct {
	broker  `embed:""`
	Message string `arg:"" help:"Id of the message."`
}

// Run sends it again.
func (c *deadReplayCmd) Run(ctx context.Context, e *env) error {
	letters, err := c.open(e)
	if err != nil {
		return err
	}
	if err := letters.Replay(ctx, c.Message); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "message %s is sent again\n", c.Message)
	return err
}
