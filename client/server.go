package client

import (
	"context"
	"net/http"

	"github.com/ozonecloud/ozone/schemas"
)

// Server is a server as the API shows it. AdminPass and Operation, which makes it, are in the answer to its create alone.
type Server struct {
	ID        schemas.ServerID  `json:"id"`
	Name      string            `json:"name"`
	ImageID   schemas.ImageID   `json:"imageId"`
	FlavorID  schemas.FlavorID  `json:"flavorId"`
	HostID    string            `json:"hostId"`
	Status    schemas.Status    `json:"status"`
	Progress  int               `json:"progress"`
	Group     schemas.GroupID   `json:"sharedIpGroupId,omitempty"`
	Addresses Addresses         `json:"addresses"`
	Metadata  map[string]string `json:"metadata"`
	AdminPass string            `json:"adminPass,omitempty"`

	Operation schemas.OperationID `json:"operation,omitempty"`
}

// Addresses are a server's IPv4 addresses.
type Addresses struct {
	Public  []string `json:"public"`
	Private []string `json:"private,omitempty"`
}

// NewServer is an order for a server. Name may be empty: then one is made up.
type NewServer struct {
	Name        string            `json:"name,omitempty"`
	Image       schemas.ImageID   `json:"imageId"`
	Flavor      schemas.FlavorID  `json:"flavorId"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Personality []File            `json:"personality,omitempty"`
	Group       schemas.GroupID   `json:"sharedIpGroupId,omitempty"`
	// Addresses is nil, or has the one public address of another server of the group that the server gets instead of its own.
	Addresses *Addresses `json:"addresses,omitempty"`
}

// File is put into a new server.
type File struct {
	Path     string `json:"path"`
	Contents []byte `json:"contents"` // base64 on the wire
}

// Servers lists the account's servers.
func (c *Client) Servers(ctx context.Context) ([]Server, error) {
	return list[Server](ctx, c, "/servers/detail", "servers")
}

// Server reads one server.
func (c *Client) Server(ctx context.Context, id schemas.ServerID) (Server, error) {
	return get[Server](ctx, c, request{api: v10, path: path("servers", id)}, "server")
}

// CreateServer orders a server. AdminPass is empty when the key of its terms was used before.
func (c *Client) CreateServer(ctx context.Context, n NewServer, t Terms) (s Server, err error) {
	r := request{method: http.MethodPost, path: "/servers", body: map[string]NewServer{"server": n}, terms: t}
	s.Operation, err = c.write(ctx, r, "server", &s)
	return s, err
}

// ServerUpdate is a new name, a new password or both; what is empty stays.
type ServerUpdate struct {
	Name      string `json:"name,omitempty"`
	AdminPass string `json:"adminPass,omitempty"`
}

// UpdateServer gives a server another name or password.
func (c *Client) UpdateServer(ctx context.Context, id schemas.ServerID, u ServerUpdate, t Terms) (schemas.OperationID, error) {
	return c.write(ctx, request{method: http.MethodPut, path: path("servers", id), body: map[string]ServerUpdate{"server": u}, terms: t}, "", nil)
}

// DeleteServer deletes a server: it is not found from then on.
func (c *Client) DeleteServer(ctx context.Context, id schemas.ServerID, t Terms) (schemas.OperationID, error) {
	return c.write(ctx, request{method: http.MethodDelete, path: path("servers", id), terms: t}, "", nil)
}

// Action is what Act does with a server: the body of its request.
type Action map[string]any

// Reboot restarts a server: softly the guest is asked to, else it is switched off and on.
func Reboot(hard bool) Action {
	kind := "SOFT"
	if hard {
		kind = "HARD"
	}
	return Action{"reboot": map[string]string{"type": kind}}
}

// Rebuild puts an image on a server's disk, which loses what it had; 0 is the image that it was built from.
func Rebuild(image schemas.ImageID) Action {
	if image == 0 {
		return Action{"rebuild": struct{}{}}
	}
	return Action{"rebuild": map[string]schemas.ImageID{"imageId": image}}
}

// Resize gives a server another flavor, on trial until it is confirmed.
func Resize(flavor schemas.FlavorID) Action {
	return Action{"resize": map[string]schemas.FlavorID{"flavorId": flavor}}
}

// Confirm keeps the flavor of a resize.
func Confirm() Action { return Action{"confirmResize": nil} }

// Revert goes back to the flavor before a resize.
func Revert() Action { return Action{"revertResize": nil} }

// Act does something with a server.
func (c *Client) Act(ctx context.Context, id schemas.ServerID, a Action, t Terms) (schemas.OperationID, error) {
	return c.write(ctx, request{method: http.MethodPost, path: path("servers", id, "action"), body: a, terms: t}, "", nil)
}

// ShareIP gives a server of the group an address of another one; with configure its guest is told too, which restarts it.
func (c *Client) ShareIP(ctx context.Context, id schemas.ServerID, address string, group schemas.GroupID, configure bool, t Terms) (schemas.OperationID, error) {
	type shareIP struct {
		Group     schemas.GroupID `json:"sharedIpGroupId"`
		Configure bool            `json:"configureServer"`
	}
	return c.write(ctx, request{method: http.MethodPut, path: sharedPath(id, address), body: map[string]shareIP{"shareIp": {group, configure}}, terms: t}, "", nil)
}

// UnshareIP takes a shared address from a server.
func (c *Client) UnshareIP(ctx context.Context, id schemas.ServerID, address string, t Terms) (schemas.OperationID, error) {
	return c.write(ctx, request{method: http.MethodDelete, path: sharedPath(id, address), terms: t}, "", nil)
}

func sharedPath(id schemas.ServerID, address string) string {
	return path("servers", id, "ips", "public", address)
}
