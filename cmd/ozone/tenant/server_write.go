package tenant

import (
	"context"
	"strings"

	"github.com/ozonecloud/ozone/client"
)

// change is a command that changes one server.
type change struct {
	theServer `embed:""`
	write     `embed:""`
}

// act does something with the server.
func (c *change) act(ctx context.Context, s *session, a client.Action) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	op, err := s.Act(ctx, id, a, c.terms())
	return s.done(ctx, c.write, op, err)
}

type serverUpdateCmd struct {
	change   `embed:""`
	Name     string `help:"New name; only its label changes, not what the guest calls itself." placeholder:"NAME" env:"-"`
	Password []byte `name:"password-file" type:"filecontent" help:"File with the new password of its administrator; - is standard input." placeholder:"FILE" env:"-"`
}

// Run updates a server.
func (c *serverUpdateCmd) Run(ctx context.Context, s *session) error {
	u := client.ServerUpdate{Name: c.Name, AdminPass: strings.TrimRight(string(c.Password), "\r\n")}
	if u == (client.ServerUpdate{}) {
		return usage("there is nothing to change", "Give --name, --password-file or both.")
	}
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	op, err := s.UpdateServer(ctx, id, u, c.terms())
	return s.done(ctx, c.write, op, err)
}

type serverRebootCmd struct {
	change `embed:""`
	Hard   bool `help:"Switch it off and on. Else the guest is asked to restart." env:"-"`
}

// Run reboots a server.
func (c *serverRebootCmd) Run(ctx context.Context, s *session) error {
	return c.act(ctx, s, client.Reboot(c.Hard))
}

type serverRebuildCmd struct {
	change `embed:""`
	Image  string `help:"Number or name of the image. Default: the one that it has." placeholder:"IMAGE" env:"-"`
}

// Run rebuilds a server.
func (c *serverRebuildCmd) Run(ctx context.Context, s *session) error {
	if c.Image == "" {
		return c.act(ctx, s, client.Rebuild(0))
	}
	image, err := s.image(ctx, c.Image)
	if err != nil {
		return err
	}
	return c.act(ctx, s, client.Rebuild(image))
}

type serverResizeCmd struct {
	change `embed:""`
	Flavor string `required:"" help:"Number or name of the flavor." placeholder:"FLAVOR" env:"-"`

	probeFlags `embed:""`
}

// Run resizes a server.
func (c *serverResizeCmd) Run(ctx context.Context, s *session) error {
	probe, err := c.probe()
	if err != nil {
		return err
	}
	flavor, err := s.flavor(ctx, c.Flavor)
	if err != nil {
		return err
	}
	if probe != nil {
		return c.resizeProbed(ctx, s, flavor, *probe)
	}
	return c.act(ctx, s, client.Resize(flavor))
}

type serverConfirmCmd struct {
	change `embed:""`
}

// Run confirms a resize.
func (c *serverConfirmCmd) Run(ctx context.Context, s *session) error {
	return c.act(ctx, s, client.Confirm())
}

type serverRevertCmd struct {
	change `embed:""`
}

// Run reverts a resize.
func (c *serverRevertCmd) Run(ctx context.Context, s *session) error {
	return c.act(ctx, s, client.Revert())
}

type serverDeleteCmd struct {
	change `embed:""`
}

// Run deletes a server.
func (c *serverDeleteCmd) Run(ctx context.Context, s *session) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	op, err := s.DeleteServer(ctx, id, c.terms())
	return s.done(ctx, c.write, op, err)
}

type serverShareCmd struct {
	change    `embed:""`
	Address   string `arg:"" help:"Public address of another server of its group."`
	Group     string `help:"The group: number or name. Default: that of the server." placeholder:"GROUP" env:"-"`
	Configure bool   `help:"Tell the guest too, which restarts it." env:"-"`
}

// Run shares an address with a server.
func (c *serverShareCmd) Run(ctx context.Context, s *session) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	v, err := s.Server(ctx, id)
	if err != nil {
		return err
	}
	group := v.Group
	if c.Group != "" {
		if group, err = s.group(ctx, c.Group); err != nil {
			return err
		}
	}
	op, err := s.ShareIP(ctx, id, c.Address, group, c.Configure, c.terms())
	return s.done(ctx, c.write, op, err)
}

type serverUnshareCmd struct {
	change  `embed:""`
	Address string `arg:"" help:"The shared address."`
}

// Run takes a shared address from a server.
func (c *serverUnshareCmd) Run(ctx context.Context, s *session) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	op, err := s.UnshareIP(ctx, id, c.Address, c.terms())
	return s.done(ctx, c.write, op, err)
}
