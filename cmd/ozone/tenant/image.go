package tenant

import (
	"context"
	"slices"
	"time"

	"github.com/ozonecloud/ozone/client"
)

type imageCmd struct {
	cloud `embed:"" group:"Which cloud is asked, as whom:"`

	Create imageCreateCmd `cmd:"" help:"Make an image of a server."`
	List   imageListCmd   `cmd:"" help:"List the images."`
	Show   imageShowCmd   `cmd:"" help:"Show an image."`
	Delete imageDeleteCmd `cmd:"" help:"Delete an image of one's own."`
}

var imageColumns = []column[client.Image]{
	{"IMAGE", func(i client.Image) any { return i.ID }},
	{"NAME", func(i client.Image) any { return i.Name }},
	{"STATUS", func(i client.Image) any { return i.Status }},
	{"PROGRESS", imageProgress},
	{"SERVER", func(i client.Image) any { return number(i.ServerID) }},
	{"CREATED", func(i client.Image) any { return i.Created.Format(time.RFC3339) }},
	{"UPDATED", func(i client.Image) any { return i.Updated.Format(time.RFC3339) }},
}

var imageDetail = append(slices.Clip(imageColumns),
	column[client.Image]{"OPERATION", func(i client.Image) any { return i.Operation }},
)

func imageProgress(i client.Image) any {
	if i.Progress == nil {
		return ""
	}
	return *i.Progress
}

type imageCreateCmd struct {
	theServer `embed:""`
	Name      string `arg:"" optional:"" help:"Name of the image. Default: one is made up."`
	write     `embed:""`
}

// Run makes an image.
func (c *imageCreateCmd) Run(ctx context.Context, s *session) error {
	server, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	v, err := s.CreateImage(ctx, server, c.Name, c.terms())
	if err != nil {
		return s.tried(err)
	}
	return waited(ctx, s, c.write, v, v.Operation, imageDetail, func(ctx context.Context) (client.Image, error) {
		latest, err := s.Image(ctx, v.ID)
		latest.Operation = v.Operation
		return latest, err
	})
}

type imageListCmd struct{}

// Run lists the images.
func (*imageListCmd) Run(ctx context.Context, s *session) error {
	list, err := s.Images(ctx)
	if err != nil {
		return err
	}
	return showAll(s.printer, list, imageColumns)
}

type theImage struct {
	Image string `arg:"" help:"Number of the image, or its name when no other has it."`
}

type imageShowCmd struct {
	theImage `embed:""`
}

// Run shows an image.
func (c *imageShowCmd) Run(ctx context.Context, s *session) error {
	id, err := s.image(ctx, c.Image)
	if err != nil {
		return err
	}
	v, err := s.Image(ctx, id)
	if err != nil {
		return err
	}
	return show(s.printer, v, imageDetail)
}

type imageDeleteCmd struct {
	theImage `embed:""`
	write    `embed:""`
}

// Run deletes an image.
func (c *imageDeleteCmd) Run(ctx context.Context, s *session) error {
	id, err := s.image(ctx, c.Image)
	if err != nil {
		return err
	}
	op, err := s.DeleteImage(ctx, id, c.terms())
	return s.done(ctx, c.write, op, err)
}
