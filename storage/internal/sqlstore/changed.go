package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// changedColumns has the state of a server that is shown no more: what a tenant may see of it is made from that.
const changedColumns = objectColumns + `, CASE WHEN rendered IS NULL THEN state END AS gone`

type changedRow struct {
	objectRow

	Gone []byte `db:"gone"`
}

// changedObjects lists what changed since, deleted servers as DELETED.
func (s *Store) changedObjects(ctx context.Context, query string, account schemas.AccountID, f storage.ObjectFilter) ([]storage.Object, error) {
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
		if objects[i].Rendered, err = deletedForm(rows[i].Gone); err != nil {
			return nil, fmt.Errorf("server %d: %w", rows[i].ID, err)
		}
	}
	return objects, nil
}

// deletedForm is how a deleted server looks, by its state.
func deletedForm(state []byte) ([]byte, error) {
	var server schemas.Server
	if err := json.Unmarshal(state, &server); err != nil {
		return nil, err
	}
	return json.Marshal(server.DeletedView())
}
