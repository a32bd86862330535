package sim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
)

func TestMetadataSaysWhatAProbeMeets(t *testing.T) {
	t.Parallel()
	h := open(t, sim.Config{Dir: t.TempDir(), Hosts: 1, Now: time.Now}).Host(1)
	s := schemas.Step{
		Operation: "create", Actor: schemas.ServerID(7).Ref(), Host: 1, Attempt: 1,
		Params: schemas.StepParams{Server: 7, Copy: 1, Image: 1, Flavor: &schemas.Flavor{ID: 1, RAMMiB: 256, DiskGB: 10}},
	}
	if err := h.CreateDisk(t.Context(), s, schemas.Payload{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		behaviour string
		kind      schemas.ProbeType
		number    int
		want      string // "": healthy
	}{
		{"", schemas.ProbeTCP, 1, ""},
		{"ok", schemas.ProbeTCP, 1, ""},
		{"fail", schemas.ProbeTCP, 1, "unhealthy: connection refused"},
		{"fail", schemas.ProbeHTTP, 9, "unhealthy: HTTP status 503"},
		{"fail:3", schemas.ProbeHTTP, 2, ""},
		{"fail:3", schemas.ProbeHTTP, 3, "unhealthy: HTTP status 503"},
		{"fail:3", schemas.ProbeHTTP, 4, "unhealthy: HTTP status 503"},
	} {
		look := s
		look.Name, look.Attempt = schemas.StepProbe, c.number
		look.Params.Probe, look.Params.Metadata = &schemas.Probe{Type: c.kind, Port: 80}, map[string]string{"sim.probe": c.behaviour}
		got := ""
		if err := h.Probe(t.Context(), look); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s, probe %d of a server that is to %q: %q, want %q", c.kind, c.number, c.behaviour, got, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	look := s
	look.Name, look.Params.Metadata = schemas.StepProbe, map[string]string{"sim.probe": "hang"}
	_, word := errors.AsType[*hosts.Failed](h.Probe(ctx, look))
	if word {
		t.Error("a host that hangs has said something")
	}
}
