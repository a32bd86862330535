package client

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// CreateServer orders a server; the reply is there in every case in which one came.
func (c *Client) CreateServer(ctx context.Context, name string, image, flavor int64, header ...string) (Server, *Reply, error) {
	body := map[string]any{"server": map[string]any{"name": name, "imageId": image, "flavorId": flavor}}
	var s Server
	r, err := c.Do(ctx, http.MethodPost, "/servers", body, header...)
	if err == nil {
		if err = r.Error(); err == nil {
			err = r.Decode("server", &s)
		}
	}
	return s, r, err
}

// Server reads one server.
func (c *Client) Server(ctx context.Context, id int64) (Server, *Reply, error) {
	var s Server
	r, err := c.get(ctx, "/servers/"+itoa(id), "server", &s)
	return s, r, err
}

// Servers lists the account's servers in detail, all pages.
func (c *Client) Servers(ctx context.Context) ([]Server, error) {
	var all []Server
	for {
		var page []Server
		if _, err := c.get(ctx, "/servers/detail?offset="+strconv.Itoa(len(all)), "servers", &page); err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return all, nil
		}
		all = append(all, page...)
	}
}

// Image reads one image.
func (c *Client) Image(ctx context.Context, id int64) (Image, *Reply, error) {
	var i Image
	r, err := c.get(ctx, "/images/"+itoa(id), "image", &i)
	return i, r, err
}

func (c *Client) get(ctx context.Context, path, member string, v any) (*Reply, error) {
	r, err := c.Do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	if err := r.Error(); err != nil {
		return r, err
	}
	return r, r.Decode(member, v)
}

// Action posts the one action of body, such as {"reboot":{"type":"HARD"}}.
func (c *Client) Action(ctx context.Context, server int64, body string, header ...string) (*Reply, error) {
	return c.Do(ctx, http.MethodPost, "/servers/"+itoa(server)+"/action", body, header...)
}

// CreateImage makes an image of a server.
func (c *Client) CreateImage(ctx context.Context, server int64, name string, header ...string) (Image, *Reply, error) {
	var i Image
	body := map[string]any{"image": map[string]any{"serverId": server, "name": name}}
	r, err := c.Do(ctx, http.MethodPost, "/images", body, header...)
	if err == nil {
		if err = r.Error(); err == nil {
			err = r.Decode("image", &i)
		}
	}
	return i, r, err
}

// Operation reads an operation; with wait > 0 after its next change or that many seconds.
func (c *Client) Operation(ctx context.Context, id string, wait int) (Operation, *Reply, error) {
	var o Operation
	r, err := c.Ozone(ctx, http.MethodGet, "/operations/"+id+"?wait="+strconv.Itoa(wait), nil)
	if err != nil {
		return o, nil, err
	}
	if err := r.Error(); err != nil {
		return o, r, err
	}
	return o, r, r.Decode("operation", &o)
}

// Await waits until an operation has ended.
func (c *Client) Await(ctx context.Context, id string) (Operation, error) {
	for {
		o, _, err := c.Operation(ctx, id, 10)
		if err != nil {
			return o, fmt.Errorf("await operation %s: %w", id, err)
		}
		if o.Terminal() {
			return o, nil
		}
		if err := ctx.Err(); err != nil {
			return o, err
		}
	}
}

// Operations lists every operation of the account, newest first.
func (c *Client) Operations(ctx context.Context) ([]Operation, error) {
	var all []Operation
	for after := ""; ; {
		path := "/operations?limit=1000"
		if after != "" {
			path += "&after=" + after
		}
		r, err := c.Ozone(ctx, http.MethodGet, path, nil)
		if err != nil {
			return nil, err
		}
		if err := r.Error(); err != nil {
			return nil, err
		}
		var page []Operation
		if err := r.Decode("operations", &page); err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return all, nil
		}
		all = append(all, page...)
		after = page[len(page)-1].ID
	}
}

// ActiveServer makes a server and waits until it is ACTIVE.
func (c *Client) ActiveServer(ctx context.Context, name string) (Server, error) {
	s, r, err := c.CreateServer(ctx, name, 1, 1)
	if err != nil {
		return s, err
	}
	o, err := c.Await(ctx, r.Operation())
	if err != nil {
		return s, err
	}
	if o.State != "succeeded" {
		return s, fmt.Errorf("create of server %d: %s", s.ID, o.State)
	}
	pass := s.AdminPass
	s, _, err = c.Server(ctx, s.ID)
	s.AdminPass = pass
	return s, err
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
