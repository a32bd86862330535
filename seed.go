package ozone

import (
	"context"
	"fmt"
	"time"

	"github.com/ozonecloud/ozone/actors"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// baseImageLimit is how many base images there may be: they are 1 to 999.
const baseImageLimit = 999

// seed stores the catalogue of a new cloud; what is there stays.
func (n *Node) seed(ctx context.Context) error {
	clusters, err := n.cfg.clusters()
	if err != nil {
		return err
	}
	c := storage.Catalogue{Flavors: schemas.DefaultFlavors(), Clusters: clusters}
	now := n.now()
	for i, name := range []string{"Debian 12", "Ubuntu 24.04 LTS", "Fedora 42"} {
		c.Images = append(c.Images, schemas.Image{
			V: schemas.StateV, ID: schemas.ImageID(i + 1), Name: name, Status: schemas.ImageActive,
			Progress: 100, Created: now, Updated: now,
		})
	}
	if err := n.store.Seed(ctx, c); err != nil {
		return fmt.Errorf("seed store: %w", err)
	}
	return nil
}

// loadRules are the numbers of the configuration with the catalogue that the store has.
func (n *Node) loadRules(ctx context.Context) (actors.Rules, error) {
	rules := n.cfg.rules()
	rules.HostKey = n.sealer.Digest([]byte("host ids"))
	flavors, err := n.store.Flavors(ctx)
	if err != nil {
		return rules, err
	}
	rules.Flavors = map[schemas.FlavorID]schemas.Flavor{}
	for _, f := range flavors {
		rules.Flavors[f.ID] = f
	}
	images, err := n.store.Objects(ctx, schemas.ActorImage, 0, storage.ObjectFilter{Limit: baseImageLimit})
	if err != nil {
		return rules, err
	}
	rules.BaseImages = map[schemas.ImageID]bool{}
	for _, i := range images {
		rules.BaseImages[schemas.ImageID(i.ID)] = true
	}
	clusters, err := n.store.Clusters(ctx)
	if err != nil {
		return rules, err
	}
	for _, c := range clusters {
		rules.Clusters = append(rules.Clusters, c.ID)
	}
	return rules, nil
}

// sweepEvery is how often old rows are deleted: often enough that each sweep is short.
const sweepEvery = 10 * time.Minute

// startSweep deletes old rows in the background when the store leaves that to its user.
func (n *Node) startSweep(ctx context.Context) {
	sweeper, able := n.store.(storage.Sweeper)
	if !able {
		return
	}
	n.every(ctx, "sweep", sweepEvery, func(ctx context.Context) { n.sweep(ctx, sweeper) })
}

func (n *Node) sweep(ctx context.Context, s storage.Sweeper) {
	if rows, err := s.Sweep(ctx, n.now()); err != nil && ctx.Err() == nil {
		n.cfg.Log.Error("old rows not deleted", "error", err)
	} else if rows > 0 {
		n.cfg.Log.Info("old rows deleted", "rows", rows)
	}
}
