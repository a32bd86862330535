package edge_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas/catalogue"
)

func TestSchemasAreWhereEventsSay(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	paths := []string{"/schemas/asyncapi.json"}
	for _, m := range catalogue.All() {
		paths = append(paths, m.Path())
	}
	for _, path := range paths {
		res := r.as("", "GET", path, "", "Accept: application/xml")
		if res.status != 200 || !json.Valid([]byte(res.body)) || !strings.HasPrefix(res.header.Get("Content-Type"), "application/json") || res.header.Get("Cache-Control") == "" {
			t.Errorf("GET %s = %d %v, want a document", path, res.status, res.header)
		}
	}
	for _, path := range []string{
		"/schemas", "/schemas/catalogue", "/schemas/events/server.resize.end/2.json", "/schemas/events/server.fly.end/1.json", "/schemas/events/server.resize.end",
	} {
		if res := r.as("", "GET", path, ""); res.status != 404 {
			t.Errorf("GET %s = %d, want 404", path, res.status)
		}
	}
}
