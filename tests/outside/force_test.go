package outside_test

import (
	"net/http"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// TestAForcedDeleteIsTakenInEveryStatus deletes servers where v1.0 may not, and leaves nothing behind.
func TestAForcedDeleteIsTakenInEveryStatus(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		list := many(t, c, 3)
		for i, what := range []string{`{"rebuild":{}}`, `{"resize":{"flavorId":2}}`, `{"reboot":{"type":"SOFT"}}`, "create"} {
			var id int64
			var under *client.Reply // what is under way
			var err error
			if what == "create" {
				var s client.Server
				s, under, err = c.CreateServer(t.Context(), "n", 1, 1)
				id = s.ID
			} else {
				id = list[i].ID
				under, err = c.Action(t.Context(), id, what)
			}
			expect(t, what, under, err, http.StatusAccepted, "")
			forced, err := c.Ozone(t.Context(), http.MethodDelete, path(id)+"?force=true", nil)
			expect(t, "forced delete during "+what, forced, err, http.StatusAccepted, "")
			gone, err := get(t, c, path(id))
			expect(t, "GET after it", gone, err, http.StatusNotFound, "itemNotFound")
			await(t, c, under, "cancelled")
			await(t, c, forced, "succeeded")
		}
		again, err := c.Ozone(t.Context(), http.MethodDelete, path(list[0].ID)+"?force=true", nil)
		expect(t, "a second one", again, err, http.StatusNotFound, "itemNotFound")
		nodetest.Audit(t, w.cloud(t))
	})
}
