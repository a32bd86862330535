package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ozonecloud/ozone/schemas"
)

const selectServerState = `SELECT state FROM server
	WHERE id = $1 AND account = $2 AND rendered IS NOT NULL`

// BackupSchedule is that of a server which is shown, or ErrNotFound. It is in the server's state alone: few ask for it.
func (s *Store) BackupSchedule(ctx context.Context, account schemas.AccountID, id schemas.ServerID) (schemas.BackupSchedule, error) {
	return reading(s, "read backup schedule", func() (schemas.BackupSchedule, error) {
		none := schemas.NoBackups()
		state, err := get[[]byte](ctx, s, selectServerState, int64(id), int64(account))
		if err != nil {
			return none, err
		}
		var server struct {
			Backups *schemas.Backups `json:"backups"`
		}
		if err := json.Unmarshal(state, &server); err != nil {
			return none, fmt.Errorf("server %d: %w", id, err)
		}
		if server.Backups == nil {
			return none, nil
		}
		return server.Backups.Schedule, nil
	})
}
