package client

import (
	"context"
	"net/http"

	"github.com/ozonecloud/ozone/schemas"
)

// BackupSchedule says when images of a server are made by themselves: on a day of the week, in a window of each day, or
// DISABLED. Source: docs/api.md.
type BackupSchedule struct {
	Enabled bool   `json:"enabled"`
	Weekly  string `json:"weekly"`
	Daily   string `json:"daily"`
}

// BackupSchedule reads a server's schedule; one that never had any has a disabled one.
func (c *Client) BackupSchedule(ctx context.Context, id schemas.ServerID) (BackupSchedule, error) {
	return get[BackupSchedule](ctx, c, request{api: v10, path: path("servers", id, "backup_schedule")}, "backupSchedule")
}

// SetBackupSchedule gives a server a schedule in place of the one that it has.
func (c *Client) SetBackupSchedule(ctx context.Context, id schemas.ServerID, b BackupSchedule, t Terms) (schemas.OperationID, error) {
	return c.write(ctx, request{
		method: http.MethodPost, path: path("servers", id, "backup_schedule"), body: map[string]BackupSchedule{"backupSchedule": b}, terms: t,
	}, "", nil)
}

// DisableBackups ends a server's schedule; the images that it made stay.
func (c *Client) DisableBackups(ctx context.Context, id schemas.ServerID, t Terms) (schemas.OperationID, error) {
	return c.write(ctx, request{method: http.MethodDelete, path: path("servers", id, "backup_schedule"), terms: t}, "", nil)
}
