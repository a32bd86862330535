package edge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
)

// durable is a bus that says it keeps what it has confirmed.
type durable struct{ bus.Bus }

func (durable) Durable() bool { return true }

func TestRespondAsyncOnADurableBusWaitsForTheConfirmationAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *edge.Config) { c.Bus, c.Wait = durable{c.Bus}, time.Hour })
	sent := make(chan *schemas.Command, 1) // one command
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		sent <- cmd
		return nil
	})
	res := r.do("PUT", "/v1.0/1001/servers/12", `{"server":{"name":"n"}}`, "Prefer: respond-async")
	if res.status != 202 || !strings.Contains(res.body, `"action":"server.update","state":"queued","target":{"kind":"server","id":12}`) {
		t.Errorf("PUT = %d %s", res.status, res.body)
	}
	cmd := <-sent
	if res.header.Get("X-Ozone-Operation") != string(cmd.ID) || res.header.Get("Preference-Applied") != "respond-async" {
		t.Errorf("PUT = %s, want operation %s", res.raw, cmd.ID)
	}
	if got := cmd.Expires.Sub(cmd.Created); got != 59*time.Second {
		t.Errorf("the command expires after %v, want 59 s: a second before its operation is not found any more", got)
	}
}

func TestRespondAsyncWithAKeyWaitsForTheDecision(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *edge.Config) { c.Bus = durable{c.Bus} })
	const first = "01234567-89ab-7def-8123-456789abcdef"
	r.answers(func(*schemas.Command) *schemas.Answer { return &schemas.Answer{Operation: first, Repeated: true} })
	res := r.do("DELETE", "/v1.0/1001/servers/12", "", "Prefer: respond-async", "Idempotency-Key: k")
	if res.status != 202 || res.header.Get("Location") != "/ozone/v1/1001/operations/"+first || res.header.Get("X-Ozone-Operation") != first {
		t.Errorf("a repetition = %d\n%s, want operation %s", res.status, res.raw, first)
	}
	if got := r.last().Expires.Sub(r.last().Created); got != 9*time.Second {
		t.Errorf("the command expires after %v, want 9 s", got)
	}
}

func TestRespondAsyncOnABusThatDoesNotConfirmIs503(t *testing.T) {
	t.Parallel()
	const unknown = "will be in its operation"
	for what, c := range map[string]struct {
		err   error
		knows bool
	}{
		"refused": {bus.ErrFull, true}, "nobody knows": {errors.New("the connection was lost"), false},
	} {
		r := newRig(t, func(e *edge.Config) { e.Bus = durable{refusing{e.Bus, c.err}} })
		res := r.do("DELETE", "/v1.0/1001/servers/12", "", "Prefer: respond-async")
		if res.status != 503 || res.header.Get("Retry-After") == "" || res.header.Get("X-Ozone-Operation") == "" || strings.Contains(res.body, unknown) == c.knows {
			t.Errorf("%s = %d\n%s%s", what, res.status, res.raw, res.body)
		}
	}
}
