package v10

import (
	"context"
	"net/http"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
)

func (m *module) listImages(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.shortObjects(ctx, r, schemas.ActorImage, "images")
}

func (m *module) listImagesDetail(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.objects(ctx, r, schemas.ActorImage, "images")
}

func (m *module) getImage(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.object(ctx, r, schemas.ActorImage, "image")
}

// createImage makes an image of a server, which stays ACTIVE meanwhile.
func (m *module) createImage(ctx context.Context, r *edge.Request) (edge.Response, error) {
	p, err := imageParams(r.Body)
	if err != nil {
		return edge.Response{}, err
	}
	o := imageOrder(p)
	o.Accepted = func(a schemas.Answer) edge.Response {
		return edge.Response{Status: http.StatusAccepted, Body: one{"image", represented(a)}}
	}
	return m.Commands.Do(ctx, r, o)
}

func imageOrder(p schemas.Params) edge.Order {
	return edge.Order{Action: schemas.ServerImage, Target: int64(p.Server), Params: p}
}

func imageParams(doc document.Value) (schemas.Params, error) {
	image, err := envelope(doc, "image")
	if err != nil {
		return schemas.Params{}, err
	}
	server, err := requiredID(image, "serverId")
	if err != nil {
		return schemas.Params{}, err
	}
	name, err := optionalName(image)
	return schemas.Params{Server: schemas.ServerID(server), Name: name}, err
}

// deleteImage removes one of the account's own images.
func (m *module) deleteImage(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.order(ctx, r, edge.Order{Action: schemas.ImageDelete})
}
