package tenant

import (
	"context"
	"fmt"
	"os"

	"github.com/ozonecloud/ozone/client"
)

type serverCreateCmd struct {
	Name     string            `arg:"" optional:"" help:"Name of the server. Default: one is made up."`
	Image    string            `required:"" help:"Image that it is made from: number or name." placeholder:"IMAGE" env:"-"`
	Flavor   string            `required:"" help:"Its size: number or name of a flavor." placeholder:"FLAVOR" env:"-"`
	Metadata map[string]string `short:"m" help:"Metadata, at most 5 pairs; may be given several times." placeholder:"KEY=VALUE" env:"-" mapsep:"none"`
	File     map[string]string `help:"File to put into the server, with the local file that it is a copy of; at most 5." placeholder:"PATH=FILE" env:"-" mapsep:"none"`
	Group    string            `help:"Shared IP group that it is made in: number or name." placeholder:"GROUP" env:"-"`
	ShareIP  string            `name:"share-ip" help:"Public address of another server of the group, instead of one of its own." placeholder:"ADDRESS" env:"-"`
	write    `embed:""`
}

// Help has examples.
func (*serverCreateCmd) Help() string {
	return "For example:\n\n  ozone server create web --image \"Debian 12\" --flavor 1 --wait\n" +
		"  ozone server create web --image 1 --flavor 1 -m role=front --file /etc/motd=motd.txt -o json | jq -r .adminPass\n\n" +
		"ozone image list and ozone flavor list show what there is to choose from."
}

// Run creates a server. Its password is shown however the wait ends: nobody can ask for it again.
func (c *serverCreateCmd) Run(ctx context.Context, s *session) error {
	order, err := c.order(ctx, s)
	if err != nil {
		return err
	}
	v, err := s.CreateServer(ctx, order, c.terms())
	if err != nil {
		return s.tried(err)
	}
	if v.AdminPass == "" {
		_, _ = fmt.Fprintf(s.Err, "The password of server %d was in an earlier answer. Give it another one with ozone server update --password-file.\n", v.ID)
	}
	return waited(ctx, s, c.write, v, v.Operation, serverDetail, func(ctx context.Context) (client.Server, error) {
		latest, err := s.Server(ctx, v.ID)
		latest.AdminPass, latest.Operation = v.AdminPass, v.Operation
		return latest, err
	})
}

// order is the server that is wanted.
func (c *serverCreateCmd) order(ctx context.Context, s *session) (client.NewServer, error) {
	n := client.NewServer{Name: c.Name, Metadata: c.Metadata}
	var err error
	if n.Image, err = s.image(ctx, c.Image); err != nil {
		return n, err
	}
	if n.Flavor, err = s.flavor(ctx, c.Flavor); err != nil {
		return n, err
	}
	if c.Group != "" {
		if n.Group, err = s.group(ctx, c.Group); err != nil {
			return n, err
		}
	}
	if c.ShareIP != "" {
		n.Addresses = &client.Addresses{Public: []string{c.ShareIP}}
	}
	for path, local := range c.File {
		text, err := os.ReadFile(local) //nolint:gosec // the user named it
		if err != nil {
			return n, usage(err.Error(), "")
		}
		n.Personality = append(n.Personality, client.File{Path: path, Contents: text})
	}
	return n, nil
}
