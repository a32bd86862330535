package ozone

import (
	"context"
	"fmt"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// explain says of every host why it has no room for a flavor, or that it has.
func explain(ctx context.Context, store storage.Store, id schemas.FlavorID) ([]core.Verdict, error) {
	list, err := store.Flavors(ctx)
	if err != nil {
		return nil, err
	}
	flavors := make(map[schemas.FlavorID]schemas.Flavor, len(list))
	for _, f := range list {
		flavors[f.ID] = f
	}
	if _, ok := flavors[id]; !ok {
		return nil, schemas.Errorf(schemas.KindNotFound, "no flavor %d", int64(id))
	}
	hosts, err := store.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	var clusters []schemas.ClusterID
	in := map[schemas.ClusterID][]schemas.Host{}
	for _, h := range hosts {
		if in[h.Cluster] == nil {
			clusters = append(clusters, h.Cluster)
		}
		in[h.Cluster] = append(in[h.Cluster], h)
	}
	verdicts := []core.Verdict{}
	for _, c := range clusters {
		rows, err := store.LoadCluster(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("read cluster %d: %w", c, err)
		}
		verdicts = append(verdicts, core.Explain(c, in[c], rows.Reservations, flavors, flavors[id])...)
	}
	return verdicts, nil
}
