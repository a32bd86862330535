package v10

import (
	"context"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
)

const backupEnvelope = "backupSchedule"

// getBackups shows a server's backup schedule; one that never had any has a disabled one.
func (m *module) getBackups(ctx context.Context, r *edge.Request) (edge.Response, error) {
	id, err := r.ID()
	if err != nil {
		return edge.Response{}, err
	}
	schedule, err := m.Backups.BackupSchedule(ctx, r.Account, schemas.ServerID(id))
	if err != nil {
		return edge.Response{}, err
	}
	return edge.Response{Body: plain(map[string]schemas.BackupSchedule{backupEnvelope: schedule})}, nil
}

// setBackups makes or replaces a server's backup schedule.
func (m *module) setBackups(ctx context.Context, r *edge.Request) (edge.Response, error) {
	schedule, err := backupSchedule(r.Body)
	if err != nil {
		return edge.Response{}, err
	}
	return m.order(ctx, r, edge.Order{Action: schemas.BackupSet, Params: schemas.Params{Backups: &schedule}})
}

// disableBackups ends a server's backups. The images that there are stay.
func (m *module) disableBackups(ctx context.Context, r *edge.Request) (edge.Response, error) {
	return m.order(ctx, r, edge.Order{Action: schemas.BackupDisable})
}

// backupSchedule reads a schedule. A half that is not given is disabled.
func backupSchedule(doc document.Value) (schemas.BackupSchedule, error) {
	s := schemas.NoBackups()
	v, err := envelope(doc, backupEnvelope)
	if err != nil {
		return s, err
	}
	enabled, ok := v.Given("enabled")
	if !ok {
		return s, invalid("enabled must be true or false.")
	}
	if s.Enabled, err = truth(enabled, "enabled"); err != nil {
		return s, err
	}
	if weekly, given := v.Given("weekly"); given {
		text, _ := weekly.Text()
		s.Weekly = schemas.BackupDay(text)
	}
	if daily, given := v.Given("daily"); given {
		text, _ := daily.Text()
		s.Daily = schemas.BackupWindow(text)
	}
	switch {
	case !s.Weekly.Valid():
		return s, invalid("weekly must be DISABLED or a day as SUNDAY.")
	case !s.Daily.Valid():
		return s, invalid("daily must be DISABLED or two hours from an even one on, as H_0400_0600.")
	}
	return s, nil
}
