package outside_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// TestAProbeDecidesAResize resizes two servers with the same probe at once: one is healthy, the other is not any more at the second look.
func TestAProbeDecidesAResize(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		well, sick := active(t, c, "well").ID, unhealthy(t, c)
		stream := follow(t, c, w.cloud(t).URL(), "")
		for _, id := range []int64{well, sick} {
			r, err := c.Ozone(t.Context(), http.MethodPost, path(id)+"/action",
				`{"resize":{"flavorId":2,"probe":{"type":"http","port":80,"path":"/healthz","after":0,"for":1}}}`)
			expect(t, "resize with a probe", r, err, http.StatusAccepted, "")
			if len(r.Body) != 0 {
				t.Errorf("body %q, want none", r.Body)
			}
		}
		for _, want := range []struct {
			id     int64
			action string
			flavor int64
			reason string
		}{
			{well, "resize_confirm", 2, "the probe http:80/healthz held for 1s"},
			{sick, "resize_revert", 1, "the probe http:80/healthz did not hold: HTTP status 503"},
		} {
			stream.until(want.id, "ozone.server."+want.action+".end")
			s, _, err := c.Server(t.Context(), want.id)
			if err != nil || s.Status != "ACTIVE" || s.FlavorID != want.flavor {
				t.Errorf("after %s: %+v, %v, want ACTIVE with flavor %d", want.action, s, err, want.flavor)
			}
			history := list(t, c, path(want.id)+"/history", "history")
			if last := history[len(history)-1].raw; !strings.Contains(last, `"reason":"`+want.reason+`"`) {
				t.Errorf("the history ends with %s, want the reason %q", last, want.reason)
			}
			r, err := c.Ozone(t.Context(), http.MethodGet, "/operations?limit=1&server="+itoa(want.id), nil)
			if err != nil || !strings.Contains(string(r.Body), `"action":"server.`+want.action+`","state":"succeeded"`) ||
				!strings.Contains(string(r.Body), `"reason":"`+want.reason+`"`) {
				t.Errorf("the last operation is %s, %v, want a %s because %s", r.Body, err, want.action, want.reason)
			}
		}
		nodetest.Audit(t, w.cloud(t))
	})
}

// unhealthy makes a server that refuses all probes but the first.
func unhealthy(t *testing.T, c *client.Client) int64 {
	t.Helper()
	r, err := c.Do(t.Context(), http.MethodPost, "/servers", `{"server":{"name":"sick","imageId":1,"flavorId":1,"metadata":{"sim.probe":"fail:2"}}}`)
	expect(t, "create", r, err, http.StatusAccepted, "")
	var s client.Server
	if err := r.Decode("server", &s); err != nil {
		t.Fatal(err)
	}
	await(t, c, r, "succeeded")
	return s.ID
}

// until reads until a server has had an event of that type. Those of others that come before are kept.
func (f *follower) until(id int64, kind string) {
	f.t.Helper()
	for _, e := range f.passed {
		if e.Type == kind && e.Source == "/ozone/servers/"+itoa(id) {
			return
		}
	}
	for {
		e, ok := f.next()
		if !ok {
			f.t.Fatalf("the stream ended before %s of server %d", kind, id)
		}
		f.passed = append(f.passed, e)
		if e.Type == kind && e.Source == "/ozone/servers/"+itoa(id) {
			return
		}
	}
}
