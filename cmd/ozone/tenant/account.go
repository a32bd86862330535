package tenant

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/client"
)

type flavorCmd struct {
	cloud `embed:"" group:"Which cloud is asked, as whom:"`

	List flavorListCmd `cmd:"" help:"List the flavors."`
}

type flavorListCmd struct{}

// Run lists the flavors.
func (*flavorListCmd) Run(ctx context.Context, s *session) error {
	list, err := s.Flavors(ctx)
	if err != nil {
		return err
	}
	return showAll(s.printer, list, []column[client.Flavor]{
		{"FLAVOR", func(f client.Flavor) any { return f.ID }},
		{"NAME", func(f client.Flavor) any { return f.Name }},
		{"RAM (MB)", func(f client.Flavor) any { return f.RAM }},
		{"DISK (GB)", func(f client.Flavor) any { return f.Disk }},
	})
}

type limitsCmd struct {
	cloud `embed:"" group:"Which cloud is asked, as whom:"`
}

// limit is a row of the table of limits.
type limit struct {
	name      string
	value     int64
	remaining string
	reset     string
}

// Run shows the account's limits: its quotas, then its rates.
func (*limitsCmd) Run(ctx context.Context, s *session) error {
	l, err := s.Limits(ctx)
	if err != nil {
		return err
	}
	if s.json {
		return s.document(l)
	}
	var rows []limit
	for name, value := range l.Absolute {
		rows = append(rows, limit{name: name, value: value})
	}
	slices.SortFunc(rows, func(a, b limit) int { return cmp.Compare(a.name, b.name) })
	for _, r := range l.Rate {
		rows = append(rows, limit{
			fmt.Sprintf("%s %s a %s", r.Verb, r.URI, strings.ToLower(string(r.Unit))), r.Value,
			fmt.Sprint(r.Remaining), time.Unix(r.ResetTime, 0).UTC().Format(time.RFC3339),
		})
	}
	return showAll(s.printer, rows, []column[limit]{
		{"LIMIT", func(l limit) any { return l.name }},
		{"VALUE", func(l limit) any { return l.value }},
		{"REMAINING", func(l limit) any { return l.remaining }},
		{"RESET", func(l limit) any { return l.reset }},
	})
}
