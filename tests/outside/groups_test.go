package outside_test

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// group is a shared IP group in detail form.
type group struct {
	ID      int64
	Name    string
	Servers []int64
}

// makeGroup makes a group, with a server or with 0 without.
func makeGroup(t *testing.T, c *client.Client, server int64) group {
	t.Helper()
	body := `{"sharedIpGroup":{"name":"pair"}}`
	if server != 0 {
		body = `{"sharedIpGroup":{"name":"pair","server":` + itoa(server) + `}}`
	}
	r, err := c.Do(t.Context(), http.MethodPost, "/shared_ip_groups", body)
	expect(t, "create group", r, err, http.StatusCreated, "")
	var g group
	if err := r.Decode("sharedIpGroup", &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// launched creates a server in a group, with an address of a member or with "" with one of its own, and waits for it.
func launched(t *testing.T, c *client.Client, g int64, address string) client.Server {
	t.Helper()
	r := launch(t, c, g, address)
	expect(t, "launch", r, nil, http.StatusAccepted, "")
	var s client.Server
	if err := r.Decode("server", &s); err != nil {
		t.Fatal(err)
	}
	await(t, c, r, "succeeded")
	return s
}

func launch(t *testing.T, c *client.Client, g int64, address string) *client.Reply {
	t.Helper()
	more := ""
	if address != "" {
		more = `,"addresses":{"public":["` + address + `"]}`
	}
	r, err := c.Do(t.Context(), http.MethodPost, "/servers", `{"server":{"name":"member","imageId":1,"flavorId":1,"sharedIpGroupId":`+itoa(g)+more+`}}`)
	if err != nil && r == nil {
		t.Fatal(err)
	}
	return r
}

// public are the public addresses of a server, as GET shows them.
func public(t *testing.T, c *client.Client, id int64) []string {
	t.Helper()
	s, _, err := c.Server(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s.Addresses.Public
}

// TestTwoServersShareAnAddress is what shared IP groups are for, from the first group to the last server.
func TestTwoServersShareAnAddress(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		first := active(t, c, "first")
		g := makeGroup(t, c, first.ID)
		if g.Name != "pair" || !slices.Equal(g.Servers, []int64{first.ID}) {
			t.Errorf("created %+v", g)
		}
		address := first.Addresses.Public[0]
		second := launched(t, c, g.ID, "")
		third := launched(t, c, g.ID, address)
		if !slices.Equal(third.Addresses.Public, []string{address}) {
			t.Errorf("launched with %s, the answer shows %v", address, third.Addresses.Public)
		}
		for _, x := range []struct{ what, body, shows string }{
			{"share", `{"shareIp":{"sharedIpGroupId":` + itoa(g.ID) + `,"configureServer":true}}`, "SHARE_IP"},
			{"unshare", "", "DELETE_IP"},
			{"share without configuration", `{"shareIp":{"sharedIpGroupId":"` + itoa(g.ID) + `"}}`, "SHARE_IP_NO_CONFIG"},
		} {
			verb, has := http.MethodPut, 2
			if x.body == "" {
				verb, has = http.MethodDelete, 1
			}
			r, err := c.Do(t.Context(), verb, path(second.ID)+"/ips/public/"+address, x.body)
			now := status(t, c, second.ID)
			expect(t, x.what, r, err, http.StatusAccepted, "")
			if now != x.shows || len(r.Body) != 0 {
				t.Errorf("%s: the first GET shows %s, want %s; body %q", x.what, now, x.shows, r.Body)
			}
			await(t, c, r, "succeeded")
			if got := public(t, c, second.ID); len(got) != has || got[0] != second.Addresses.Public[0] {
				t.Errorf("%s: public addresses %v, want %d, its own first", x.what, got, has)
			}
		}
		r, err := c.Do(t.Context(), http.MethodDelete, "/shared_ip_groups/"+itoa(g.ID), nil)
		expect(t, "delete a group that shares", r, err, http.StatusBadRequest, "cloudServersFault")
		r, err = c.Do(t.Context(), http.MethodDelete, path(first.ID), nil)
		expect(t, "delete the owner", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		nodetest.Audit(t, w.cloud(t))
		for _, s := range []client.Server{second, third} {
			if !slices.Contains(public(t, c, s.ID), address) {
				t.Errorf("server %d lost %s with the server that it came from", s.ID, address)
			}
			r, err := c.Do(t.Context(), http.MethodDelete, path(s.ID)+"/ips/public/"+address, nil)
			expect(t, "unshare", r, err, http.StatusAccepted, "")
			await(t, c, r, "succeeded")
			if got := public(t, c, s.ID); len(got) != 1 || got[0] == address {
				t.Errorf("server %d has %v, want one of its own", s.ID, got)
			}
		}
		r, err = c.Do(t.Context(), http.MethodDelete, "/shared_ip_groups/"+itoa(g.ID), nil)
		expect(t, "delete the group", r, err, http.StatusNoContent, "")
		r, err = get(t, c, "/shared_ip_groups/"+itoa(g.ID))
		expect(t, "GET after delete", r, err, http.StatusNotFound, "itemNotFound")
		r, err = get(t, c, path(second.ID))
		expect(t, "GET a server left behind", r, err, http.StatusOK, "")
		var left struct{ SharedIPGroupID *int64 }
		if err := r.Decode("server", &left); err != nil || left.SharedIPGroupID != nil {
			t.Errorf("the server still shows its group: %s, %v", r.Body, err)
		}
		nodetest.Audit(t, w.cloud(t))
	})
}

func TestGroupsHaveLists(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		r, err := get(t, c, "/shared_ip_groups/detail")
		expect(t, "no groups", r, err, http.StatusOK, "")
		if string(r.Body) != `{"sharedIpGroups":[]}` {
			t.Errorf("no groups are %s", r.Body)
		}
		s := active(t, c, "member")
		empty, one := makeGroup(t, c, 0), makeGroup(t, c, s.ID)
		for list, want := range map[string]string{
			"/shared_ip_groups":                         fmt.Sprintf(`{"sharedIpGroups":[{"id":%d,"name":"pair"},{"id":%d,"name":"pair"}]}`, empty.ID, one.ID),
			"/shared_ip_groups/detail":                  fmt.Sprintf(`{"sharedIpGroups":[{"id":%d,"name":"pair","servers":[]},{"id":%d,"name":"pair","servers":[%d]}]}`, empty.ID, one.ID, s.ID),
			"/shared_ip_groups?limit=1":                 fmt.Sprintf(`{"sharedIpGroups":[{"id":%d,"name":"pair"}]}`, empty.ID),
			"/shared_ip_groups/" + itoa(one.ID):         fmt.Sprintf(`{"sharedIpGroup":{"id":%d,"name":"pair","servers":[%d]}}`, one.ID, s.ID),
			"/shared_ip_groups/detail?offset=1&limit=7": fmt.Sprintf(`{"sharedIpGroups":[{"id":%d,"name":"pair","servers":[%d]}]}`, one.ID, s.ID),
		} {
			r, err := get(t, c, list)
			expect(t, list, r, err, http.StatusOK, "")
			if !sameJSON(t, r.Body, []byte(want)) {
				t.Errorf("GET %s = %s, want %s", list, r.Body, want)
			}
		}
	})
}

func TestWhatGroupsRefuse(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		list := many(t, c, 2)
		member, stranger := list[0], list[1]
		g := makeGroup(t, c, member.ID)
		ips := func(s client.Server, address string) string { return path(s.ID) + "/ips/public/" + address }
		share := `{"shareIp":{"sharedIpGroupId":` + itoa(g.ID) + `}}`
		own, foreign := member.Addresses.Public[0], stranger.Addresses.Public[0]
		for _, x := range []struct {
			what, verb, path, body string
			code                   int
			fault                  string
		}{
			{"a list of servers", http.MethodPost, "/shared_ip_groups", `{"sharedIpGroup":{"name":"n","servers":[1]}}`, 400, "badRequest"},
			{"an unknown server", http.MethodPost, "/shared_ip_groups", `{"sharedIpGroup":{"name":"n","server":99999999}}`, 400, "badRequest"},
			{"a server of a group", http.MethodPost, "/shared_ip_groups", `{"sharedIpGroup":{"name":"n","server":` + itoa(member.ID) + `}}`, 400, "badRequest"},
			{"share what it has", http.MethodPut, ips(member, own), share, 400, "badRequest"},
			{"share what no member has", http.MethodPut, ips(member, foreign), share, 400, "badRequest"},
			{"share to a stranger", http.MethodPut, ips(stranger, own), share, 400, "badRequest"},
			{"share what is no address", http.MethodPut, ips(member, "x"), share, 400, "badRequest"},
			{"share in no group", http.MethodPut, ips(member, own), `{"shareIp":{"sharedIpGroupId":99999999}}`, 404, "itemNotFound"},
			{"unshare its own", http.MethodDelete, ips(member, own), "", 400, "badRequest"},
			{"unshare what it does not have", http.MethodDelete, ips(member, foreign), "", 404, "itemNotFound"},
			{"unshare what is no address", http.MethodDelete, ips(member, "x"), "", 404, "itemNotFound"},
			{"delete no group", http.MethodDelete, "/shared_ip_groups/99999999", "", 404, "itemNotFound"},
		} {
			r, err := c.Do(t.Context(), x.verb, x.path, x.body)
			expect(t, x.what, r, err, x.code, x.fault)
		}
		expect(t, "launch into no group", launch(t, c, 99999999, ""), nil, http.StatusNotFound, "itemNotFound")
		expect(t, "launch with a stranger's address", launch(t, c, g.ID, foreign), nil, http.StatusBadRequest, "badRequest")
		nodetest.Audit(t, w.cloud(t))
	})
}

var full = flag.Int("full", 1, "how many of the 25 groups of an account get 25 servers")

// TestGroupsAreLimited makes 25 groups, some of 25 servers, and asks for one more of each.
func TestGroupsAreLimited(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		var replies []*client.Reply
		for i := range 25 {
			g := makeGroup(t, c, 0)
			if i >= *full {
				continue
			}
			for range 25 {
				r := launch(t, c, g.ID, "")
				expect(t, "launch", r, nil, http.StatusAccepted, "")
				replies = append(replies, r)
			}
			expect(t, "the 26th server of a group", launch(t, c, g.ID, ""), nil, http.StatusRequestEntityTooLarge, "overLimit")
		}
		r, err := c.Do(t.Context(), http.MethodPost, "/shared_ip_groups", `{"sharedIpGroup":{"name":"one more"}}`)
		expect(t, "the 26th group", r, err, http.StatusRequestEntityTooLarge, "overLimit")
		for _, r := range replies {
			await(t, c, r, "succeeded")
		}
		nodetest.Audit(t, w.cloud(t))
	})
}
