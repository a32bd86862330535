package outside_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
)

// cancel asks for the end of an operation.
func cancel(t *testing.T, c *client.Client, operation, query string) *client.Reply {
	t.Helper()
	r, err := c.Ozone(t.Context(), http.MethodPost, "/operations/"+operation+"/cancel"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// cancelled cancels an operation that can be, and waits until nothing of it is left.
func cancelled(t *testing.T, c *client.Client, operation string) {
	t.Helper()
	r := cancel(t, c, operation, "?dry_run=true")
	expect(t, "dry cancel", r, nil, http.StatusOK, "")
	r = cancel(t, c, operation, "")
	expect(t, "cancel", r, nil, http.StatusAccepted, "")
	if !strings.Contains(string(r.Body), `"state":"cancelled"`) {
		t.Errorf("the cancel answers %s, want the cancelled operation", r.Body)
	}
	await(t, c, r, "succeeded")
	again := cancel(t, c, operation, "")
	expect(t, "cancel once more", again, nil, http.StatusConflict, "cloudServersFault")
}

func TestWhatIsUnderWayCanBeCancelled(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.limited(t, 1024)
		s, r, err := c.CreateServer(t.Context(), "n", 1, 1)
		expect(t, "create", r, err, http.StatusAccepted, "")
		cancelled(t, c, r.Operation())
		_, r, _ = c.Server(t.Context(), s.ID)
		expect(t, "server whose create was cancelled", r, nil, http.StatusNotFound, "itemNotFound")

		s = active(t, c, "n")
		r, err = c.Action(t.Context(), s.ID, `{"resize":{"flavorId":3}}`)
		expect(t, "resize to all that the account may have", r, err, http.StatusAccepted, "")
		cancelled(t, c, r.Operation())
		if now, _, err := c.Server(t.Context(), s.ID); err != nil || now.Status != "ACTIVE" || now.FlavorID != 1 || now.HostID != s.HostID {
			t.Errorf("after a cancelled resize: %+v, %v; want it as it was", now, err)
		}

		i, r, err := c.CreateImage(t.Context(), s.ID, "i")
		expect(t, "image", r, err, http.StatusAccepted, "")
		cancelled(t, c, r.Operation())
		if now, _, err := c.Image(t.Context(), i.ID); err != nil || now.Status != "FAILED" {
			t.Errorf("image that was cancelled: %+v, %v; want FAILED", now, err)
		}

		r, err = c.Action(t.Context(), s.ID, `{"reboot":{"type":"HARD"}}`)
		expect(t, "reboot", r, err, http.StatusAccepted, "")
		late := cancel(t, c, r.Operation(), "")
		expect(t, "cancel of a reboot", late, nil, http.StatusConflict, "cloudServersFault")
		if f := late.Fault(); f == nil || f.Details == "" {
			t.Errorf("the refusal %s does not say why", late.Body)
		}
		await(t, c, r, "succeeded")
		r, err = c.Action(t.Context(), s.ID, `{"resize":{"flavorId":3}}`)
		expect(t, "resize again", r, err, http.StatusAccepted, "") // the quota is back
		cancelled(t, c, r.Operation())
	})
}

func TestADryRunChangesNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.rated(t, "post=4/hour", 1024)
		for range 3 {
			r, err := c.Ozone(t.Context(), http.MethodPost, "/servers?dry_run=true", []byte(`{"server":{"imageId":1,"flavorId":3}}`))
			expect(t, "dry create", r, err, http.StatusOK, "")
			if want := `"quota":{"ram_used":1024,"ram_limit":1024,"ram_left":0},"placed":true`; !strings.Contains(string(r.Body), want) {
				t.Errorf("dry create = %s, want %s in it", r.Body, want)
			}
		}
		r, err := c.Ozone(t.Context(), http.MethodPost, "/servers?dry_run=true", []byte(`{"server":{"imageId":1,"flavorId":4}}`))
		expect(t, "dry create over the quota", r, err, http.StatusRequestEntityTooLarge, "overLimit")
		if list, err := c.Operations(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("operations after dry runs: %v, %v", list, err)
		}
		_, r, err = c.CreateServer(t.Context(), "n", 1, 3)
		expect(t, "create after dry runs, which count for no rate", r, err, http.StatusAccepted, "")
		cancelled(t, c, r.Operation())
	})
}
