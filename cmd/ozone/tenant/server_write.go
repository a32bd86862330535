package tenant

import (
	"context"
	"fmt"
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

// Help has an example.
func (*serverRebuildCmd) Help() string {
	return "For example:\n\n  ozone server rebuild web --image golden --wait"
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

// Help says how a resize goes on.
func (*serverResizeCmd) Help() string {
	return "The server then runs with the new flavor, in VERIFY_RESIZE, and the old copy is kept until the resize is confirmed or reverted. " +
		"It confirms itself after a day, unless the cloud has another time:\n\n" +
		"  ozone server resize web --flavor 3 --wait && ozone server confirm web\n" +
		"  ozone server resize web --flavor 3 --probe http:80/healthz --probe-after 10s --wait\n\n" +
		"On a simulated host every probe holds, unless the server was created with --metadata sim.probe=fail."
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
	if err := c.act(ctx, s, client.Resize(flavor)); err != nil || !c.Wait {
		return err
	}
	_, _ = fmt.Fprintf(s.Err, "It runs with the new flavor, on trial: ozone server confirm %s keeps that, ozone server revert %[1]s goes back.\n", c.Server)
	return nil
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

// Help has the way from no group to a shared address.
func (*serverShareCmd) Help() string {
	return "A group begins with a server that has the address; others are created in it:\n\n" +
		"  ozone group create pair --server first\n" +
		"  ozone server create second --image 1 --flavor 1 --group pair --wait\n" +
		"  ozone server share-ip second 198.18.0.1 --wait"
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
	if group == 0 && c.Group == "" {
		return usage(fmt.Sprintf("server %s is in no group", c.Server), "Name the group of the address with --group, or make one with ozone group create.")
	}
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
