package outside_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
)

// open lists the routes that answer without a token; every other one must be behind the wall.
var open = map[string]bool{"GET /": true, "GET /v1.0": true}

// bodies are good bodies for the routes that take one, by verb and the path's end. ID is an object of the other tenant.
var bodies = map[string]string{
	"POST servers":          `{"server":{"name":"wall","imageId":1,"flavorId":1}}`,
	"POST cancel":           "",
	"PUT {id}":              `{"server":{"name":"taken"}}`,
	"POST action":           `{"reboot":{"type":"HARD"}}`,
	"POST backup_schedule":  `{"backupSchedule":{"enabled":true,"daily":"H_0400_0600"}}`,
	"POST images":           `{"image":{"serverId":SERVER,"name":"taken"}}`,
	"PUT {address}":         `{"shareIp":{"sharedIpGroupId":GROUP}}`,
	"POST subscriptions":    `{"subscription":{"name":"taken","server":SERVER}}`,
	"POST shared_ip_groups": `{"sharedIpGroup":{"name":"taken","server":SERVER}}`,
}

// routes reads every route of every module from the node itself.
func routes(t *testing.T, c *client.Client) []string {
	t.Helper()
	r, err := c.Raw(t.Context(), http.MethodGet, "/extensions", nil)
	expect(t, "/extensions", r, err, http.StatusOK, "")
	var doc struct {
		Extensions []struct {
			ID     string   `json:"id"`
			Routes []string `json:"routes"`
		} `json:"extensions"`
	}
	if err := json.Unmarshal(r.Body, &doc); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range doc.Extensions {
		if len(e.Routes) == 0 {
			t.Errorf("module %s lists no routes", e.ID)
		}
		all = append(all, e.Routes...)
	}
	return all
}

// object is what a route's {id} or {operation} stands for, of the tenant behind the wall.
type object struct{ server, image, group, operation string }

func (o object) in(route string) string {
	id := o.server
	if strings.Contains(route, "/images/") {
		id = o.image
	}
	if strings.Contains(route, "/shared_ip_groups/") {
		id = o.group
	}
	return strings.NewReplacer("{id}", id, "{operation}", o.operation, "{address}", "198.18.0.1", "{queue}", "events.nobody.none").Replace(route)
}

// TestTenantWall asks every route of every module for what belongs to somebody else, with every kind of token. What
// is another's looks exactly like what is not there, and nothing of it changes.
func TestTenantWall(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		a, b := w.tenant(t), w.tenant(t)
		theirs := active(t, b, "theirs")
		image, r, err := b.CreateImage(t.Context(), theirs.ID, "their image")
		expect(t, "create image", r, err, http.StatusAccepted, "")
		await(t, b, r, "succeeded")
		group := makeGroup(t, b, theirs.ID)
		behind := object{itoa(theirs.ID), itoa(image.ID), itoa(group.ID), r.Operation()}
		nobody := object{"99999999", "99999999", "99999999", neighbour(r.Operation())}
		before := snapshot(t, b)

		all := routes(t, a)
		if len(all) < 20 {
			t.Fatalf("%d routes, want all of v1.0 so far and the operations: %v", len(all), all)
		}
		cells := 0
		for _, route := range all {
			verb, path, _ := strings.Cut(route, " ")
			if open[route] {
				continue
			}
			if !strings.Contains(path, "{account}") {
				t.Errorf("%s has no account in its path and is not known to be open: say which it is", route)
				continue
			}
			cells += wallOf(t, a, b, verb, path, behind, nobody)
		}
		t.Logf("%d routes, %d cells", len(all), cells)
		if after := snapshot(t, b); after != before {
			t.Errorf("something of the other tenant changed: from\n%s to\n%s", before, after)
		}
	})
}

// wallOf tries one route with each kind of token; it returns how many cells it tried.
func wallOf(t *testing.T, a, b *client.Client, verb, path string, behind, nobody object) int {
	t.Helper()
	body := bodyFor(t, verb, path)
	ask := func(account, token string, o object) *client.Reply {
		t.Helper()
		var data []byte
		if body != "" {
			data = []byte(strings.NewReplacer("SERVER", o.server, "GROUP", o.group).Replace(body))
		}
		where := strings.ReplaceAll(o.in(path), "{account}", account)
		var header []string
		if token != "" {
			header = []string{"X-Auth-Token", token}
		}
		r, err := a.Raw(t.Context(), verb, where, data, header...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	forged := strings.Repeat("A", len(a.Token()))
	for what, token := range map[string]string{"other's token": a.Token(), "no token": "", "forged token": forged} {
		for who, o := range map[string]object{"theirs": behind, "nobody's": nobody} {
			expect(t, verb+" "+path+" of the other account, "+what+", "+who, ask(b.Account(), token, o), nil, http.StatusUnauthorized, "unauthorized")
		}
	}
	if !strings.Contains(path, "{id}") && !strings.Contains(path, "{operation}") && !strings.Contains(body, "SERVER") {
		return 6 // the object is the account itself
	}
	foreign, missing := ask(a.Account(), a.Token(), behind), ask(a.Account(), a.Token(), nobody)
	if strings.Contains(path, "/flavors/") {
		return 6 // flavors are everybody's
	}
	if !strings.Contains(path, "{operation}") { // a young id without a row may still be on its way: it is queued, whoever asks
		status, fault := http.StatusNotFound, "itemNotFound"
		if verb == http.MethodPost && strings.HasSuffix(path, "/shared_ip_groups") {
			status, fault = http.StatusBadRequest, "badRequest" // as the contract has it for a server that is not there
		}
		expect(t, verb+" "+path+" of the own account with another's object", foreign, nil, status, fault)
	}
	seen := strings.ReplaceAll(string(foreign.Body), behind.operation, nobody.operation)
	if seen != string(missing.Body) || foreign.Status != missing.Status {
		t.Errorf("%s %s: another's object answers %d %s, a missing one %d %s: existence shows", verb, path, foreign.Status, foreign.Body, missing.Status, missing.Body)
	}
	return 8
}

// neighbour is an operation id of the same millisecond that nobody has.
func neighbour(id string) string {
	last := "0"
	if strings.HasSuffix(id, last) {
		last = "1"
	}
	return id[:len(id)-1] + last
}

// bodyFor is a good body for a route that takes one. A route that is not known here fails the test.
func bodyFor(t *testing.T, verb, path string) string {
	t.Helper()
	if verb != http.MethodPost && verb != http.MethodPut {
		return ""
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	body, ok := bodies[verb+" "+last]
	if !ok {
		t.Errorf("%s %s: add a good body for it to this test", verb, path)
	}
	return body
}

// snapshot is everything that a tenant sees of itself.
func snapshot(t *testing.T, c *client.Client) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/servers/detail", "/images/detail", "/shared_ip_groups/detail"} {
		r, err := get(t, c, path)
		expect(t, path, r, err, http.StatusOK, "")
		all.Write(r.Body)
	}
	r, err := c.Ozone(t.Context(), http.MethodGet, "/operations", nil)
	expect(t, "operations", r, err, http.StatusOK, "")
	all.Write(r.Body)
	return all.String()
}

func TestHostIDTellsTenantsNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		a, b := w.tenant(t), w.tenant(t)
		seen := map[string]bool{}
		for range 6 { // as many as there are hosts: every host has one of each
			s, _, err := a.CreateServer(t.Context(), "n", 1, 1)
			if err != nil {
				t.Fatal(err)
			}
			seen[s.HostID] = true
		}
		if len(seen) != 6 {
			t.Errorf("6 servers are on %d hosts, want them spread over 6", len(seen))
		}
		for range 6 {
			s, _, err := b.CreateServer(t.Context(), "n", 1, 1)
			if err != nil {
				t.Fatal(err)
			}
			if seen[s.HostID] {
				t.Errorf("hostId %s shows itself to both accounts", s.HostID)
			}
		}
	})
}
