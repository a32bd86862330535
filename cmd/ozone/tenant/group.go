package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ozonecloud/ozone/client"
	"github.com/ozonecloud/ozone/schemas"
)

type groupCmd struct {
	cloud `embed:"" group:"Which cloud is asked, as whom:"`

	Create groupCreateCmd `cmd:"" help:"Make a shared IP group. Other servers are created in it with server create --group."`
	List   groupListCmd   `cmd:"" help:"List the groups."`
	Show   groupShowCmd   `cmd:"" help:"Show a group."`
	Delete groupDeleteCmd `cmd:"" help:"Delete a group whose servers share no address; they stay."`
}

var groupColumns = []column[client.Group]{
	{"GROUP", func(g client.Group) any { return g.ID }},
	{"NAME", func(g client.Group) any { return g.Name }},
	{"SERVERS", func(g client.Group) any { return numbers(g.Servers) }},
}

var groupDetail = append(slices.Clip(groupColumns),
	column[client.Group]{"OPERATION", func(g client.Group) any { return g.Operation }},
)

func numbers(ids []schemas.ServerID) string {
	words := make([]string, 0, len(ids))
	for _, id := range ids {
		words = append(words, fmt.Sprint(id))
	}
	return strings.Join(words, ",")
}

type groupCreateCmd struct {
	Name   string `arg:"" help:"Name of the group."`
	Server string `help:"Number or name of its first server." placeholder:"SERVER" env:"-"`
	write  `embed:""`
}

// Run makes a group.
func (c *groupCreateCmd) Run(ctx context.Context, s *session) error {
	var server schemas.ServerID
	if c.Server != "" {
		var err error
		if server, err = s.server(ctx, c.Server); err != nil {
			return err
		}
	}
	v, err := s.CreateGroup(ctx, c.Name, server, c.terms())
	if err != nil {
		return s.tried(err)
	}
	return waited(ctx, s, c.write, v, v.Operation, groupDetail, func(ctx context.Context) (client.Group, error) {
		latest, err := s.Group(ctx, v.ID)
		latest.Operation = v.Operation
		return latest, err
	})
}

type groupListCmd struct{}

// Run lists the groups.
func (*groupListCmd) Run(ctx context.Context, s *session) error {
	list, err := s.Groups(ctx)
	if err != nil {
		return err
	}
	return showAll(s.printer, list, groupColumns)
}

type theGroup struct {
	Group string `arg:"" help:"Number of the group, or its name when no other has it."`
}

type groupShowCmd struct {
	theGroup `embed:""`
}

// Run shows a group.
func (c *groupShowCmd) Run(ctx context.Context, s *session) error {
	id, err := s.group(ctx, c.Group)
	if err != nil {
		return err
	}
	v, err := s.Group(ctx, id)
	if err != nil {
		return err
	}
	return show(s.printer, v, groupDetail)
}

type groupDeleteCmd struct {
	theGroup `embed:""`
	write    `embed:""`
}

// Run deletes a group.
func (c *groupDeleteCmd) Run(ctx context.Context, s *session) error {
	id, err := s.group(ctx, c.Group)
	if err != nil {
		return err
	}
	op, err := s.DeleteGroup(ctx, id, c.terms())
	return s.done(ctx, c.write, op, err)
}
