package outside_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
)

func TestRespondAsyncAnswersWithTheOperation(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		r, err := c.Do(t.Context(), http.MethodPost, "/servers", `{"server":{"name":"n","imageId":1,"flavorId":1}}`, "Prefer", "respond-async")
		expect(t, "create", r, err, http.StatusAccepted, "")
		var o client.Operation
		if err := r.Decode("operation", &o); err != nil {
			t.Fatal(err)
		}
		if o.ID != r.Operation() || o.Action != "server.create" || r.Header.Get("Preference-Applied") != "respond-async" {
			t.Errorf("answer %+v with %v", o, r.Header)
		}
		if want := "/ozone/v1/" + c.Account() + "/operations/" + o.ID; r.Header.Get("Location") != want {
			t.Errorf("Location %q, want %q", r.Header.Get("Location"), want)
		}
		await(t, c, r, "succeeded")
		r, err = c.Do(t.Context(), http.MethodPost, "/servers", `{"server":{"name":"n","imageId":1,"flavorId":99}}`, "Prefer", "respond-async")
		if r == nil || r.Status != http.StatusNotFound && r.Status != http.StatusAccepted { // embedded it is decided already
			t.Fatalf("a bad create: %v %v", r, err)
		}
		await(t, c, r, "rejected")
	})
}

func TestPreferWaitWaitsForTheEnd(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s, r, err := c.CreateServer(t.Context(), "n", 1, 1, "Prefer", "wait=20")
		expect(t, "create", r, err, http.StatusAccepted, "")
		if got := r.Header.Get("X-Ozone-Operation-State"); got != "succeeded" {
			t.Errorf("X-Ozone-Operation-State %q, want succeeded", got)
		}
		if got := status(t, c, s.ID); got != "ACTIVE" {
			t.Errorf("after the wait: %s, want ACTIVE", got)
		}
		began := time.Now()
		r, err = c.Action(t.Context(), s.ID, `{"resize":{"flavorId":2}}`, "Prefer", "wait=1")
		expect(t, "resize", r, err, http.StatusAccepted, "")
		if got := r.Header.Get("X-Ozone-Operation-State"); got != "running" || time.Since(began) > 5*time.Second {
			t.Errorf("X-Ozone-Operation-State %q after %s, want running after 1 s", got, time.Since(began))
		}
		await(t, c, r, "succeeded")
		r, err = c.Do(t.Context(), http.MethodPut, path(s.ID), `{"server":{"name":"m"}}`)
		expect(t, "without Prefer", r, err, http.StatusNoContent, "")
		if r.Header.Get("Preference-Applied")+r.Header.Get("X-Ozone-Operation-State") != "" {
			t.Errorf("without Prefer: %v", r.Header)
		}
	})
}

func TestOperationsTellTheirSteps(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s, r, err := c.CreateServer(t.Context(), "n", 1, 1)
		expect(t, "create", r, err, http.StatusAccepted, "")
		var steps []string
		for {
			o, _, err := c.Operation(t.Context(), r.Operation(), 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(steps) == 0 || steps[len(steps)-1] != o.Step {
				steps = append(steps, o.Step)
			}
			if o.Terminal() {
				if o.State != "succeeded" || o.Ended == nil || o.Target == nil || o.Target.Kind != "server" || o.Target.ID != s.ID {
					t.Errorf("ended as %+v", o)
				}
				break
			}
		}
		if got := strings.Join(steps, " "); !strings.HasSuffix(strings.TrimSpace(got), "create_disk start") {
			t.Errorf("steps %q, want create_disk and start at the end", got)
		}
		for query, want := range map[string]int{
			"": 1, "?server=" + itoa(s.ID): 1, "?server=1": 0, "?state=succeeded": 1, "?state=running": 0, "?state=failed": 0,
			"?after=" + r.Operation(): 0, "?limit=1": 1,
		} {
			got, err := c.Ozone(t.Context(), http.MethodGet, "/operations"+query, nil)
			expect(t, query, got, err, http.StatusOK, "")
			var list []client.Operation
			if err := got.Decode("operations", &list); err != nil || len(list) != want {
				t.Errorf("GET operations%s: %d, %v, want %d", query, len(list), err, want)
			}
		}
		for _, query := range []string{"?state=dancing", "?limit=x", "?server=x", "?after=x"} {
			got, err := c.Ozone(t.Context(), http.MethodGet, "/operations"+query, nil)
			expect(t, query, got, err, http.StatusBadRequest, bad)
		}
		for _, id := range []string{"x", "00000000-0000-0000-0000-000000000000", "01890000-0000-7000-8000-000000000000"} {
			got, err := c.Ozone(t.Context(), http.MethodGet, "/operations/"+id, nil)
			expect(t, id, got, err, http.StatusNotFound, gone)
		}
	})
}

func TestRefusalIsAnOperationToo(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		_, r, err := c.CreateServer(t.Context(), "n", 1, 99)
		expect(t, "create", r, err, http.StatusNotFound, gone)
		o, _, err := c.Operation(t.Context(), r.Operation(), 0)
		if err != nil || o.State != "rejected" || o.Error == nil || o.Error.Fault != gone || o.Error.Message == "" {
			t.Errorf("operation %+v (%+v), %v, want rejected with the fault", o, o.Error, err)
		}
	})
}
