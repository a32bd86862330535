package v10

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// flavorCache keeps the flavors for a while: nothing changes them while the cloud runs.
type flavorCache struct {
	reader storage.Reader
	now    func() time.Time

	mu      sync.Mutex
	list    []schemas.Flavor // guarded by mu; replaced, never changed
	fresh   time.Time        // until when it counts; guarded by mu
	changed time.Time        // since when it is known to be as it is, the start of the edge at first; guarded by mu
}

// all is every flavor, and since when they are known to be as they are: the store does not keep when one changed.
func (c *flavorCache) all(ctx context.Context) (list []schemas.Flavor, changed time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); !now.Before(c.fresh) {
		list, err := c.reader.Flavors(ctx)
		if err != nil {
			return nil, time.Time{}, err
		}
		if c.list != nil && !slices.Equal(c.list, list) {
			c.changed = now
		}
		c.list, c.fresh = list, now.Add(flavorsFresh)
	}
	return c.list, c.changed, nil
}

// flavorView is a flavor on the v1.0 wire, which does not know of CPU weights.
type flavorView struct {
	ID   schemas.FlavorID `json:"id"`
	Name string           `json:"name"`
	RAM  int64            `json:"ram,omitempty"`
	Disk int64            `json:"disk,omitempty"`
}

func viewFlavor(f schemas.Flavor) flavorView { return flavorView{f.ID, f.Name, f.RAMMiB, f.DiskGB} }

func shortFlavor(f schemas.Flavor) flavorView { return flavorView{ID: f.ID, Name: f.Name} }

func (m *module) listFlavors(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.flavorList(ctx, r, shortFlavor)
}

func (m *module) listFlavorsDetail(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.flavorList(ctx, r, viewFlavor)
}

// flavorList lists all flavors, unless none changed.
func (m *module) flavorList(ctx context.Context, r *edge.Request, view func(schemas.Flavor) flavorView) (edge.Response, error) {
	f, err := filter(r)
	if err != nil {
		return edge.Response{}, err
	}
	all, changed, err := m.flavors.all(ctx)
	if err != nil {
		return edge.Response{}, err
	}
	if changed.Before(f.Since) && f.Offset == 0 {
		return notModified, nil
	}
	all = all[min(f.Offset, len(all)):]
	views := make([]flavorView, min(f.Limit, len(all)))
	for i := range views {
		views[i] = view(all[i])
	}
	return edge.Response{Body: plain(map[string][]flavorView{"flavors": views})}, nil
}

func (m *module) getFlavor(ctx context.Context, r *edge.Request) (edge.Response, error) {
	id, err := r.ID()
	if err != nil {
		return edge.Response{}, err
	}
	from, err := since(r)
	if err != nil {
		return edge.Response{}, err
	}
	all, changed, err := m.flavors.all(ctx)
	if err != nil {
		return edge.Response{}, err
	}
	at := slices.IndexFunc(all, func(f schemas.Flavor) bool { return int64(f.ID) == id })
	switch {
	case at < 0:
		return edge.Response{}, storage.ErrNotFound
	case changed.Before(from):
		return notModified, nil
	default:
		return edge.Response{Body: plain(map[string]flavorView{"flavor": viewFlavor(all[at])})}, nil
	}
}
