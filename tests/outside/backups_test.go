package outside_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/nodetest"
)

const (
	noBackups = `{"backupSchedule":{"enabled":false,"weekly":"DISABLED","daily":"DISABLED"}}`
	backups   = `{"backupSchedule":{"enabled":true,"weekly":"THURSDAY","daily":"H_0400_0600"}}`
)

// TestBackupSchedules sets, shows and disables a server's schedule.
func TestBackupSchedules(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s := active(t, c, "kept")
		where := path(s.ID) + "/backup_schedule"
		shows := func(what, want string) {
			t.Helper()
			r, err := c.Do(t.Context(), http.MethodGet, where, nil)
			expect(t, what, r, err, http.StatusOK, "")
			if got := strings.TrimSpace(string(r.Body)); got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		shows("a server that never had a schedule", noBackups)
		for _, x := range []struct{ body, shown string }{
			{backups, backups},
			{`{"backupSchedule":{"enabled":"false","weekly":"SUNDAY"}}`, `{"backupSchedule":{"enabled":false,"weekly":"SUNDAY","daily":"DISABLED"}}`},
			{`{"backupSchedule":{"enabled":true,"weekly":null,"daily":"H_2200_0000","of":"tomorrow"}}`, `{"backupSchedule":{"enabled":true,"weekly":"DISABLED","daily":"H_2200_0000"}}`},
			{backups, backups},
		} {
			r, err := c.Do(t.Context(), http.MethodPost, where, x.body)
			expect(t, "set "+x.body, r, err, http.StatusNoContent, "")
			await(t, c, r, "succeeded")
			shows("after "+x.body, x.shown)
		}
		for _, body := range []string{
			`{}`, `{"backupSchedule":null}`, `{"backupSchedule":{}}`, `{"backupSchedule":{"enabled":"yes"}}`, `{"backupSchedule":{"enabled":true,"weekly":"Thursday"}}`,
			`{"backupSchedule":{"enabled":true,"weekly":""}}`, `{"backupSchedule":{"enabled":true,"daily":"H_0100_0300"}}`, `{"backupSchedule":{"enabled":true,"daily":4}}`,
		} {
			r, err := c.Do(t.Context(), http.MethodPost, where, body)
			expect(t, "set "+body, r, err, http.StatusBadRequest, "badRequest")
		}
		shows("after what was refused", backups)
		r, err := c.Do(t.Context(), http.MethodDelete, where, nil)
		expect(t, "disable", r, err, http.StatusNoContent, "")
		await(t, c, r, "succeeded")
		shows("after it was disabled", noBackups)
		r, err = c.Do(t.Context(), http.MethodPost, where, backups)
		expect(t, "set once more", r, err, http.StatusNoContent, "")
		r, err = c.Do(t.Context(), http.MethodDelete, path(s.ID), nil)
		expect(t, "delete", r, err, http.StatusAccepted, "")
		for _, verb := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			var body any
			if verb == http.MethodPost {
				body = backups
			}
			gone, err := c.Do(t.Context(), verb, where, body)
			expect(t, verb+" of a deleted server's schedule", gone, err, http.StatusNotFound, "itemNotFound")
		}
		await(t, c, r, "succeeded")
		nodetest.Audit(t, w.cloud(t))
	})
}
