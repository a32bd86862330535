package edge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/storage"
)

// bodies of the routes that want one.
var bodies = map[string]string{
	"POST /v1.0/{account}/servers":                          createBody,
	"PUT /v1.0/{account}/servers/{id}":                      `{"server":{"name":"other"}}`,
	"POST /v1.0/{account}/servers/{id}/action":              `{"reboot":{"type":"SOFT"}}`,
	"POST /v1.0/{account}/servers/{id}/backup_schedule":     `{"backupSchedule":{"enabled":true}}`,
	"PUT /v1.0/{account}/servers/{id}/ips/public/{address}": `{"shareIp":{"sharedIpGroupId":3}}`,
	"POST /v1.0/{account}/shared_ip_groups":                 `{"sharedIpGroup":{"name":"g"}}`,
	"POST /v1.0/{account}/images":                           `{"image":{"serverId":12,"name":"x"}}`,
}

// away has the rows say from now on what a store says whose database is away.
func (r *rig) away() {
	r.rows.mu.Lock()
	defer r.rows.mu.Unlock()
	r.rows.fail = fmt.Errorf("read: %w", storage.ErrAway)
}

// wantAway is the answer while the database is away.
func wantAway(t *testing.T, what string, res response) {
	t.Helper()
	if res.status != 503 || res.header.Get("Retry-After") == "" || !strings.Contains(res.body, "database") {
		t.Errorf("%s = %d %s, Retry-After %q, want a 503 that says why and when to come again", what, res.status, res.body, res.header.Get("Retry-After"))
	}
}

func TestEveryRouteOfAnAccountIs503WhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	fresh, known := silent(t), silent(t)
	known.do("GET", "/v1.0/1001/servers", "") // from now on the token is known for a while
	fresh.away()
	known.away()
	paths := strings.NewReplacer("{account}", "1001", "{id}", "12", "{address}", "198.18.0.7", "{operation}", "01890000-0000-7000-8000-000000000000")
	seen := map[string]bool{}
	for _, route := range known.server.Routes() {
		if !strings.Contains(route.Path, "{account}") || strings.Contains(route.Path, "/subscriptions") { // they look for a broker first
			continue
		}
		what := route.Verb + " " + route.Path
		old := strings.Replace(what, "/ozone/v1/", "/v1.0/", 1)
		if seen[old] { // the writes of both are the same, and a token is known for seconds only
			continue
		}
		seen[what] = true
		body := bodies[what]
		wantAway(t, what+" with a token to look up", fresh.do(route.Verb, paths.Replace(route.Path), body))
		res := known.do(route.Verb, paths.Replace(route.Path), body)
		wantAway(t, what, res)
		if named := res.header.Get("X-Ozone-Operation"); route.Verb != "GET" && named != string(known.last().ID) {
			t.Errorf("%s names operation %q, want %q", what, named, known.last().ID)
		}
	}
	wantAway(t, "a write with a key", known.do("DELETE", "/v1.0/1001/servers/12", "", "Idempotency-Key: k"))
	wantAway(t, "a login", fresh.login("/v1.0", "demo", "key"))
	for _, path := range []string{"/", "/healthz", "/extensions"} {
		if res := fresh.as("", "GET", path, ""); res.status != 200 {
			t.Errorf("GET %s = %d, want 200: it needs no database", path, res.status)
		}
	}
}
