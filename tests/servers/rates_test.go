package servers_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
)

// rates has both edges count the requests of one account at the same time.
func (p *processes) rates(t *testing.T) {
	out := p.command(t, "account", "create", "--user", "rated", "--limits", "put=20/day")
	var key string
	for line := range strings.Lines(out) {
		if word := strings.Fields(line); len(word) == 2 && word[0] == "key" {
			key = word[1]
		}
	}
	var clients [2]*client.Client
	for i, e := range p.edges {
		clients[i] = client.New(e.URL(), "rated", key)
		if err := clients[i].Login(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s, err := clients[0].ActiveServer(t.Context(), "rated")
	if err != nil {
		t.Fatal(err)
	}
	var accepted, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for range 5 {
				r, err := clients[i%2].Do(t.Context(), http.MethodPut, fmt.Sprintf("/servers/%d", s.ID), `{"server":{"name":"n"}}`)
				switch {
				case err != nil:
					t.Error(err)
				case r.Status == http.StatusNoContent:
					accepted.Add(1)
				case r.Status == http.StatusRequestEntityTooLarge:
					refused.Add(1)
				default:
					t.Errorf("PUT = %d %s", r.Status, r.Body)
				}
			}
		})
	}
	all.Wait()
	if accepted.Load() != 20 || refused.Load() != 60 {
		t.Errorf("two edges accepted %d and refused %d, want 20 and 60", accepted.Load(), refused.Load())
	}
}
