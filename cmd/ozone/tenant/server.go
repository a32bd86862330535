package tenant

import (
	"context"
	"slices"
	"strings"

	"github.com/ozonecloud/ozone/client"
)

type serverCmd struct {
	cloud `embed:"" group:"Which cloud is asked, as whom:"`

	Create  serverCreateCmd  `cmd:"" help:"Create a server and show its password, this once."`
	List    serverListCmd    `cmd:"" help:"List the servers."`
	Show    serverShowCmd    `cmd:"" help:"Show a server."`
	Update  serverUpdateCmd  `cmd:"" help:"Give a server another name or password."`
	Reboot  serverRebootCmd  `cmd:"" help:"Restart a server."`
	Rebuild serverRebuildCmd `cmd:"" help:"Put an image on a server's disk; what was on it is lost, the password stays."`
	Resize  serverResizeCmd  `cmd:"" help:"Give a server another flavor, on trial: then confirm or revert, or let a --probe."`
	Confirm serverConfirmCmd `cmd:"" help:"Keep the flavor of a resize."`
	Revert  serverRevertCmd  `cmd:"" help:"Go back to the flavor before a resize."`
	Delete  serverDeleteCmd  `cmd:"" help:"Delete a server, and the images that were made of it."`
	History serverHistoryCmd `cmd:"" help:"Show what has changed a server, or how it was at a time."`
	Share   serverShareCmd   `cmd:"" name:"share-ip" help:"Let a server have the public address of another one of its group."`
	Unshare serverUnshareCmd `cmd:"" name:"unshare-ip" help:"Take a shared address from a server."`
}

var serverColumns = []column[client.Server]{
	{"SERVER", func(s client.Server) any { return s.ID }},
	{"NAME", func(s client.Server) any { return s.Name }},
	{"STATUS", func(s client.Server) any { return s.Status }},
	{"PROGRESS", func(s client.Server) any { return s.Progress }},
	{"IMAGE", func(s client.Server) any { return s.ImageID }},
	{"FLAVOR", func(s client.Server) any { return s.FlavorID }},
	{"PUBLIC", func(s client.Server) any { return strings.Join(s.Addresses.Public, ",") }},
	{"PRIVATE", func(s client.Server) any { return strings.Join(s.Addresses.Private, ",") }},
}

// serverDetail are the columns of one server.
var serverDetail = append(slices.Clip(serverColumns),
	column[client.Server]{"GROUP", func(s client.Server) any { return number(s.Group) }},
	column[client.Server]{"HOST", func(s client.Server) any { return s.HostID }},
	column[client.Server]{"METADATA", func(s client.Server) any { return pairs(s.Metadata) }},
	column[client.Server]{"PASSWORD", func(s client.Server) any { return s.AdminPass }},
	column[client.Server]{"OPERATION", func(s client.Server) any { return s.Operation }},
)

type serverListCmd struct{}

// Run lists the servers.
func (*serverListCmd) Run(ctx context.Context, s *session) error {
	list, err := s.Servers(ctx)
	if err != nil {
		return err
	}
	return showAll(s.printer, list, serverColumns)
}

type serverShowCmd struct {
	theServer `embed:""`
}

// Run shows a server.
func (c *serverShowCmd) Run(ctx context.Context, s *session) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	v, err := s.Server(ctx, id)
	if err != nil {
		return err
	}
	return show(s.printer, v, serverDetail)
}

// theServer is the server that a command is about.
type theServer struct {
	Server string `arg:"" help:"Number of the server, or its name when no other has it."`
}
