package sqlstore

import (
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const snapshotColumns = `id, account, shard, epoch, version, v, name, parent, status, state, rendered, created, updated, wake_at`

type snapshotRow struct {
	ID       int64  `db:"id"`
	Account  int64  `db:"account"`
	Shard    int64  `db:"shard"`
	Epoch    int64  `db:"epoch"`
	Version  int64  `db:"version"`
	V        int    `db:"v"`
	Name     string `db:"name"`
	Parent   int64  `db:"parent"`
	Status   string `db:"status"`
	State    []byte `db:"state"`
	Rendered []byte `db:"rendered"`
	Created  int64  `db:"created"`
	Updated  int64  `db:"updated"`
	WakeAt   *int64 `db:"wake_at"`
}

func (r *snapshotRow) snapshot(kind schemas.ActorKind) storage.Snapshot {
	s := storage.Snapshot{
		Ref:     schemas.Ref{Kind: kind, ID: r.ID},
		Account: schemas.AccountID(r.Account), Shard: schemas.Shard(r.Shard), Epoch: schemas.Epoch(r.Epoch),
		Version: r.Version, V: r.V, State: r.State, Name: r.Name, Parent: r.Parent, Status: r.Status,
		Rendered: r.Rendered, Created: instant(r.Created), Updated: instant(r.Updated),
	}
	if r.WakeAt != nil {
		s.WakeAt = instant(*r.WakeAt)
	}
	return s
}

func snapshots(kind schemas.ActorKind, rows []snapshotRow) []storage.Snapshot {
	out := make([]storage.Snapshot, len(rows))
	for i := range rows {
		out[i] = rows[i].snapshot(kind)
	}
	return out
}

// snapshotValues is s in the order of the columns of putSnapshot.
func snapshotValues(s *storage.Snapshot) []any {
	var rendered, wake any
	if s.Rendered != nil {
		rendered = string(s.Rendered)
	}
	if !s.WakeAt.IsZero() {
		wake = micros(s.WakeAt)
	}
	return []any{
		s.Ref.ID, int64(s.Account), int64(s.Shard), int64(s.Epoch), s.Version, int64(s.V), s.Name, s.Parent,
		s.Status, string(s.State), rendered, micros(s.Created), micros(s.Updated), wake,
	}
}
