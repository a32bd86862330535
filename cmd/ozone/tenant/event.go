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
	cloud `embed:"" group:"Which cloud is asked, as whom:"`

	Follow bool   `short:"f" help:"Show each event as it comes, until Ctrl-C. Without --after from now on." env:"-"`
	Server string `help:"Of this server only: its number or its name." placeholder:"SERVER" env:"-"`
	Types  string `help:"Of these types only, for example server.resize.*; several with commas." placeholder:"TYPES" env:"-"`
	After  string `help:"Those behind this cursor only. A command without --follow says the next one." placeholder:"CURSOR" env:"-"`
	Limit  int    `help:"Without --follow: at most so many, up to 1000. Default: 100." placeholder:"NUMBER" env:"-"`
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

// defaultEvents is how many events are shown unless --limit says otherwise.
const defaultEvents = 100

// Help shows how to read all of them.
func (*eventsCmd) Help() string {
	return "The oldest that are kept come first. The columns are when, of what, its number there, what happened, the server's status from then on, and why Ozone has " +
		"begun it by itself:\n\n" +
		"  ozone events --follow --server web\n" +
		"  ozone events --types server.*.end,image --limit 20\n" +
		"  ozone events --follow -o json | jq .type"
}

// Run shows events.
func (c *eventsCmd) Run(ctx context.Context, s *session) error {
	switch {
	case c.Limit < 0:
		return usage("--limit is less than nothing", "")
	case c.Limit > 0 && c.Follow:
		return usage("--limit says nothing with --follow, which goes on until Ctrl-C", "Leave one of them out.")
	case c.Limit == 0:
		c.Limit = defaultEvents
	}
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
	page, err := c.page(ctx, s, f)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.Err, "%s: ozone events%s --after %s\n", next[page.More], c.narrowed(), page.Next)
	return showAll(s.printer, page.Events, eventColumns)
}

// next says what a page's cursor is good for.
var next = map[bool]string{true: "there is more", false: "what comes next"}

// narrowed are the flags that say which events are wanted.
func (c *eventsCmd) narrowed() string {
	var words string
	if c.Server != "" {
		words += fmt.Sprintf(" --server %q", c.Server)
	}
	if c.Types != "" {
		words += fmt.Sprintf(" --types %q", c.Types)
	}
	return words
}

// page reads up to --limit events. The cloud looks through a bounded number of events for an answer, and with a filter
// finds few of those that are wanted among them.
func (c *eventsCmd) page(ctx context.Context, s *session, f client.EventFilter) (client.EventPage, error) {
	all := client.EventPage{Events: []client.Event{}, More: true}
	for all.More && len(all.Events) < c.Limit {
		f.Limit = c.Limit - len(all.Events)
		page, err := s.Events(ctx, f)
		if err != nil {
			return all, err
		}
		all.Events, all.Next, all.More = append(all.Events, page.Events...), page.Next, page.More
		f.After = page.Next
	}
	return all, nil
}

// follow shows a line for each event, as JSON an object for each, until Ctrl-C.
func (s *session) follow(ctx context.Context, f client.EventFilter) error {
	if !s.json {
		_, _ = fmt.Fprintln(s.Err, strings.Join(heads(eventColumns), " "))
	}
	err := s.FollowEvents(ctx, f, func(e client.Event) error {
		if s.json {
			return json.NewEncoder(s.Out).Encode(e)
		}
		_, err := fmt.Fprintln(s.Out, strings.Join(cells(eventColumns, e), " "))
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

// Help says how to look back.
func (*serverHistoryCmd) Help() string {
	return "For example:\n\n  ozone server history web\n" +
		"  ozone server history web --at 2026-01-02T03:04:05Z\n\n" +
		"A server that is gone is named by its number."
}

// Run shows what has changed a server, or how it was.
func (c *serverHistoryCmd) Run(ctx context.Context, s *session) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	if c.At != "" {
		v, err := s.ServerAt(ctx, id, c.At)
		if notFound(err) {
			return &problem{error: fmt.Errorf("server %d was not there at %s", id, c.At), code: exitNotFound, advice: "ozone server history without --at shows its beginning."}
		}
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
