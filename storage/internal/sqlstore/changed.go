package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	// changedColumns has the state of what is shown no more: what a tenant may see of it is made from that.
	changedColumns = objectColumns + `, CASE WHEN rendered IS NULL THEN state END AS gone`
	changedSince   = `updated >= $4 AND (rendered IS NOT NULL OR status = 'DELETED')`
)

type changedRow struct {
	objectRow

	Gone []byte `db:"gone"`
}

// changedObjects lists what changed since, deleted objects as DELETED.
func (s *Store) changedObjects(ctx context.Context, kind schemas.ActorKind, query string, account schemas.AccountID, f storage.ObjectFilter) ([]storage.Object, error) {
	rows, err := list[changedRow](ctx, s, query, int64(account), max(f.Limit, 1), max(f.Offset, 0), micros(f.Since))
	if err != nil {
		return nil, err
	}
	objects := make([]storage.Object, len(rows))
	for i := range rows {
		objects[i] = rows[i].object()
		if rows[i].Gone == nil {
			continue
		}
		if objects[i].Rendered, err = deletedForm(kind, rows[i].Gone); err != nil {
			return nil, fmt.Errorf("%s %d: %w", kind, rows[i].ID, err)
		}
	}
	return objects, nil
}

// deletedForm is how a deleted object looks, by its state.
func deletedForm(kind schemas.ActorKind, state []byte) ([]byte, error) {
	if kind == schemas.ActorImage {
		var image schemas.Image
		if err := json.Unmarshal(state, &image); err != nil {
			return nil, err
		}
		return json.Marshal(image.View())
	}
	var server schemas.Server
	if err := json.Unmarshal(state, &server); err != nil {
		return nil, err
	}
	return json.Marshal(server.DeletedView())
}
