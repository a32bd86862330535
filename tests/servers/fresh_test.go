package servers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
)

// freshServers are taken through five changes each, every one of them looked at once through the other edge.
const freshServers = 200

// fresh changes servers through the edges in turn and looks through the other one.
func (p *processes) fresh(t *testing.T) {
	looks, stale := 0, 0
	for i := range freshServers {
		here, there := p.tenant[i%2], p.tenant[1-i%2]
		look := func(what string, shows bool, r *client.Reply, err error) {
			looks++
			if !shows {
				stale++
				t.Errorf("server %d on the other edge, %s: %+v, %v", i, what, r, err)
			}
		}
		s, created, err := here.CreateServer(t.Context(), fmt.Sprint("fresh", i), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		path := fmt.Sprint("/servers/", s.ID)
		got, r, err := there.Server(t.Context(), s.ID)
		look("created", got.ID == s.ID, r, err)
		r, err = there.Do(t.Context(), http.MethodGet, "/servers", nil)
		look("in the list", err == nil && strings.Contains(string(r.Body), fmt.Sprintf(`"id":%d,`, s.ID)), r, err)
		await(t, here, created, nil)
		got, r, err = there.Server(t.Context(), s.ID)
		look("built", got.Status == "ACTIVE", r, err)
		r, err = here.Do(t.Context(), http.MethodPut, path, `{"server":{"name":"renamed"}}`)
		await(t, here, r, err)
		got, r, err = there.Server(t.Context(), s.ID)
		look("renamed", got.Name == "renamed", r, err)
		if r, err = here.Do(t.Context(), http.MethodDelete, path, nil); err != nil || r.Status != http.StatusAccepted {
			t.Fatalf("delete of server %d: %+v, %v", s.ID, r, err)
		}
		r, err = there.Do(t.Context(), http.MethodGet, path, nil)
		look("deleted", err == nil && r.Status == http.StatusNotFound, r, err)
	}
	t.Logf("%d of %d looks were stale", stale, looks)
}
