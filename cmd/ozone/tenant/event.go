package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/client"
)

type eventsCmd struct {
	cloud `embed:""`

	Follow bool   `short:"f" help:"Show each event as it comes, until Ctrl-C. Without --after from now on." env:"-"`
	Server string `help:"Of this server only: its number or its name." placeholder:"SERVER" env:"-"`
	Types  string `help:"Of these types only, for example server.resize.*; several with commas." placeholder:"TYPES" env:"-"`
	After  string `help:"Those behind this cursor only. A command without --follow says the next one." placeholder:"CURSOR" env:"-"`
	Limit  int    `help:"Without --follow: at most so many, up to 1000." default:"100" env:"-"`
}

var eventColumns = []column[client.Event]{
	{"TIME", func(e client.Event) any { return e.Time.Format(time.RFC3339) }},
	{"SOURCE", func(e client.Event) any { return e.Source }},
	{"SEQUENCE", func(e client.Event) any { return sequence(e) }},
	{"TYPE", func(e client.Event) any { return e.Type }},
	{"STATUS", status},
	{"REASON", because},
}

// because is why Ozone has begun the event's operation by itself.
func because(e client.Event) any {
	if e.Data.Operation == nil {
		return ""
	}
	return e.Data.Operation.Reason
}

// sequence is the event's number without the zeros that sort it.
func sequence(e client.Event) any { return strings.TrimLeft(e.Sequence, "0") }

// status is what the event's server shows from then on.
func status(e client.Event) any {
	if e.Data.Server == nil {
		return ""
	}
	return e.Data.Server.Status
}

// Run shows events.
func (c *eventsCmd) Run(ctx context.Context, s *session) error {
	f := client.EventFilter{Types: c.Types, After: c.After}
	if c.Server != "" {
		var err error
		if f.Server, err = s.server(ctx, c.Server); err != nil {
			return err
		}
	}
	if c.Follow {
		return s.follow(ctx, f)
	}
	f.Limit = c.Limit
	page, err := s.Events(ctx, f)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.Err, "what comes next: ozone events --after %s\n", page.Next)
	return showAll(s.printer, page.Events, eventColumns)
}

// follow shows a line for each event, as JSON an object for each, until Ctrl-C.
func (s *session) follow(ctx context.Context, f client.EventFilter) error {
	err := s.FollowEvents(ctx, f, func(e client.Event) error {
		if s.json {
			return json.NewEncoder(s.Out).Encode(e)
		}
		var words []string
		for _, c := range eventColumns {
			words = append(words, cell(c.cell(e)))
		}
		_, err := fmt.Fprintln(s.Out, strings.Join(words, " "))
		return err
	})
	if errors.Is(err, context.Canceled) { // Ctrl-C is how it ends
		return nil
	}
	return err
}

type serverHistoryCmd struct {
	theServer `embed:""`
	At        string `help:"Show the server as it was shown at this time, for example 2026-01-02T03:04:05Z." placeholder:"TIME" env:"-"`
	Limit     int    `help:"At most so many events, up to 1000." default:"1000" env:"-"`
}

// Run shows what has changed a server, or how it was.
func (c *serverHistoryCmd) Run(ctx context.Context, s *session) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	if c.At != "" {
		v, err := s.ServerAt(ctx, id, c.At)
		if err != nil {
			return err
		}
		return show(s.printer, v, serverDetail)
	}
	list, err := s.History(ctx, id, c.Limit)
	if err != nil {
		return err
	}
	return showAll(s.printer, list, eventColumns)
}
