package client

import (
	"context"
	"net/http"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Flavor is a server's hardware.
type Flavor struct {
	ID   schemas.FlavorID `json:"id"`
	Name string           `json:"name"`
	RAM  int64            `json:"ram"`  // MB
	Disk int64            `json:"disk"` // GB
}

// Flavors lists the flavors.
func (c *Client) Flavors(ctx context.Context) ([]Flavor, error) {
	return list[Flavor](ctx, c, "/flavors/detail", "flavors")
}

// Image is what servers are made from. ServerID and Progress are those of an image that was made of a server;
// Operation, which makes it, is in the answer to its create alone.
type Image struct {
	ID       schemas.ImageID     `json:"id"`
	Name     string              `json:"name"`
	ServerID schemas.ServerID    `json:"serverId,omitempty"`
	Status   schemas.ImageStatus `json:"status"`
	Progress *int                `json:"progress,omitempty"`
	Created  time.Time           `json:"created"`
	Updated  time.Time           `json:"updated"`

	Operation schemas.OperationID `json:"operation,omitempty"`
}

// Images lists the base images and the account's own.
func (c *Client) Images(ctx context.Context) ([]Image, error) {
	return list[Image](ctx, c, "/images/detail", "images")
}

// Image reads one image.
func (c *Client) Image(ctx context.Context, id schemas.ImageID) (Image, error) {
	return get[Image](ctx, c, request{api: v10, path: path("images", id)}, "image")
}

// CreateImage makes an image of a server.
func (c *Client) CreateImage(ctx context.Context, server schemas.ServerID, name string, t Terms) (i Image, err error) {
	type order struct {
		Server schemas.ServerID `json:"serverId"`
		Name   string           `json:"name,omitempty"`
	}
	r := request{method: http.MethodPost, path: "/images", body: map[string]order{"image": {server, name}}, terms: t}
	i.Operation, err = c.write(ctx, r, "image", &i)
	return i, err
}

// DeleteImage deletes an image of the account.
func (c *Client) DeleteImage(ctx context.Context, id schemas.ImageID, t Terms) (schemas.OperationID, error) {
	return c.write(ctx, request{method: http.MethodDelete, path: path("images", id), terms: t}, "", nil)
}

// Group is a shared IP group. Operation, which made it, is in the answer to its create alone.
type Group struct {
	ID      schemas.GroupID    `json:"id"`
	Name    string             `json:"name"`
	Servers []schemas.ServerID `json:"servers"`

	Operation schemas.OperationID `json:"operation,omitempty"`
}

// Groups lists the account's shared IP groups.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	return list[Group](ctx, c, "/shared_ip_groups/detail", "sharedIpGroups")
}

// Group reads one group.
func (c *Client) Group(ctx context.Context, id schemas.GroupID) (Group, error) {
	return get[Group](ctx, c, request{api: v10, path: path("shared_ip_groups", id)}, "sharedIpGroup")
}

// CreateGroup makes a group with one server, or with none when server is 0.
func (c *Client) CreateGroup(ctx context.Context, name string, server schemas.ServerID, t Terms) (g Group, err error) {
	type order struct {
		Name   string           `json:"name"`
		Server schemas.ServerID `json:"server,omitempty"`
	}
	r := request{method: http.MethodPost, path: "/shared_ip_groups", body: map[string]order{"sharedIpGroup": {name, server}}, terms: t}
	g.Operation, err = c.write(ctx, r, "sharedIpGroup", &g)
	return g, err
}

// DeleteGroup deletes a group; its servers stay.
func (c *Client) DeleteGroup(ctx context.Context, id schemas.GroupID, t Terms) (schemas.OperationID, error) {
	return c.write(ctx, request{method: http.MethodDelete, path: path("shared_ip_groups", id), terms: t}, "", nil)
}

// Limits are an account's rates and quotas.
type Limits struct {
	Rate     []Rate           `json:"rate"`
	Absolute map[string]int64 `json:"absolute"`
}

// Rate is how many requests of a kind a window has.
type Rate struct {
	Verb      string           `json:"verb"`
	URI       string           `json:"URI"`
	Regex     string           `json:"regex"`
	Value     int64            `json:"value"`
	Remaining int64            `json:"remaining"`
	Unit      schemas.RateUnit `json:"unit"`
	ResetTime int64            `json:"resetTime"` // Unix seconds
}

// Limits reads the account's limits.
func (c *Client) Limits(ctx context.Context) (Limits, error) {
	return get[Limits](ctx, c, request{api: v10, path: "/limits"}, "limits")
}
