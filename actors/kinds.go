package actors

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// newCell makes the actor of a ref from its row, or from nothing when there is none.
func newCell(ref schemas.Ref, s *shard, row *storage.Snapshot, cluster *storage.ClusterRows) (actor.Actor, error) {
	switch ref.Kind {
	case schemas.ActorAccount:
		return cellFrom(ref, s, row, accountKind)
	case schemas.ActorServer:
		return cellFrom(ref, s, row, serverKind)
	case schemas.ActorImage:
		return cellFrom(ref, s, row, imageKind)
	case schemas.ActorGroup:
		return cellFrom(ref, s, row, groupKind)
	case schemas.ActorHost:
		return cellFrom(ref, s, row, hostKind)
	case schemas.ActorCluster:
		return clusterCell(ref, s, row, cluster)
	default:
		return nil, fmt.Errorf("load %s: no such kind of actor", ref)
	}
}

// cellFrom reads the stored state. A newer format than this binary knows is an error: this process can do nothing. Of a state
// that nobody can read each decision is a defect: the trouble is its actor's alone.
func cellFrom[S any](ref schemas.Ref, s *shard, row *storage.Snapshot, k *kind[S]) (*cell[S], error) {
	c := &cell[S]{ref: ref, shard: s.id, epoch: s.epoch, kind: k, rules: &s.engine.cfg.Rules}
	if row == nil {
		return c, nil
	}
	if row.V > schemas.StateV {
		return nil, fmt.Errorf("load %s: format %d is newer than %d: run a newer ozone", ref, row.V, schemas.StateV)
	}
	if err := json.Unmarshal(row.State, &c.state); err != nil {
		c.unread = fmt.Errorf("load %s: %w", ref, err)
	}
	c.version = row.Version
	return c, nil
}

// clusterCell keeps the cluster's index beside its state.
func clusterCell(ref schemas.Ref, s *shard, row *storage.Snapshot, rows *storage.ClusterRows) (actor.Actor, error) {
	c, err := cellFrom[schemas.Cluster](ref, s, row, nil)
	if err == nil {
		err = c.unread // without it nothing has a place
	}
	if err != nil {
		return nil, err
	}
	if rows == nil {
		rows = &storage.ClusterRows{}
	}
	hosts := make([]schemas.Host, 0, len(rows.Hosts))
	for i := range rows.Hosts {
		var h schemas.Host
		if err := json.Unmarshal(rows.Hosts[i].State, &h); err != nil {
			return nil, fmt.Errorf("load %s: %w", rows.Hosts[i].Ref, err)
		}
		hosts = append(hosts, h)
	}
	index := core.NewIndex(c.state, hosts, rows.Reservations, rows.Addresses)
	c.kind = &kind[schemas.Cluster]{
		decide: func(s schemas.Cluster, m any, in core.Input) (schemas.Cluster, core.Effects, error) {
			return core.DecideCluster(s, index, m, in)
		},
		apply:   index.Apply,
		columns: func(s *schemas.Cluster, _ *core.Rules) columns { return columns{name: fmt.Sprint("cluster ", s.ID)} },
		wakeAt:  func(*schemas.Cluster, *core.Rules) time.Time { return time.Time{} },
	}
	return c, nil
}

var accountKind = &kind[schemas.Account]{
	decide: core.DecideAccount,
	columns: func(s *schemas.Account, _ *core.Rules) columns {
		return columns{account: s.ID, name: s.Name}
	},
	wakeAt: func(*schemas.Account, *core.Rules) time.Time { return time.Time{} },
}

var serverKind = &kind[schemas.Server]{
	decide: core.DecideServer,
	columns: func(s *schemas.Server, r *core.Rules) columns {
		return columns{
			account: s.Account, name: s.Name, status: string(s.Status), view: core.ServerView(s, r), created: s.Created, updated: s.Updated,
		}
	},
	wakeAt: func(s *schemas.Server, _ *core.Rules) time.Time { return core.ServerWakeAt(s) },
}

var imageKind = &kind[schemas.Image]{
	decide: core.DecideImage,
	columns: func(s *schemas.Image, _ *core.Rules) columns {
		return columns{
			account: s.Account, name: s.Name, status: string(s.Status), parent: int64(s.Server), view: core.ImageView(s),
			created: s.Created, updated: s.Updated,
		}
	},
	wakeAt: func(s *schemas.Image, _ *core.Rules) time.Time { return core.ImageWakeAt(s) },
}

var groupKind = &kind[schemas.Group]{
	decide: core.DecideGroup,
	columns: func(s *schemas.Group, _ *core.Rules) columns {
		return columns{
			account: s.Account, name: s.Name, status: string(s.Status), view: core.GroupView(s), created: s.Created, updated: s.Updated,
		}
	},
	wakeAt: func(*schemas.Group, *core.Rules) time.Time { return time.Time{} },
}

var hostKind = &kind[schemas.Host]{
	decide: core.DecideHost,
	columns: func(s *schemas.Host, _ *core.Rules) columns {
		return columns{
			name: s.Name, status: string(s.State), parent: int64(s.Cluster), view: core.HostView(s), created: s.Updated, updated: s.Updated,
		}
	},
	wakeAt: func(s *schemas.Host, r *core.Rules) time.Time { return core.HostWakeAt(*s, r) },
}
