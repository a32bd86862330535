package outside_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
)

// changes reads a path with changes-since.
func changes(t *testing.T, c *client.Client, path string, since int64, status int) *client.Reply {
	t.Helper()
	r, err := get(t, c, path+"?changes-since="+itoa(since))
	expect(t, path+" since "+itoa(since), r, err, status, "")
	return r
}

// modified is the Last-Modified of an answer, as changes-since takes it.
func modified(t *testing.T, r *client.Reply) int64 {
	t.Helper()
	at, err := http.ParseTime(r.Header.Get("Last-Modified"))
	if err != nil {
		t.Fatalf("Last-Modified: %v", err)
	}
	return at.Unix()
}

// TestAPollSeesWhatChanged follows a server, and an image of it, to their end.
func TestAPollSeesWhatChanged(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s := active(t, c, "polled")
		i, r, err := c.CreateImage(t.Context(), s.ID, "polled")
		expect(t, "create image", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		paths := []string{"/servers", "/servers/detail", path(s.ID), path(s.ID) + "/ips", "/images", "/images/detail", "/images/" + itoa(i.ID)}
		since := map[string]int64{}
		for _, p := range paths {
			r, err := get(t, c, p)
			expect(t, p, r, err, http.StatusOK, "")
			since[p] = modified(t, r)
			if cache := r.Header.Get("Cache-Control"); cache != "no-cache" {
				t.Errorf("%s: Cache-Control %q", p, cache)
			}
			changes(t, c, p, since[p], http.StatusOK)
			if r := changes(t, c, p, since[p]+1, http.StatusNotModified); len(r.Body) > 0 || r.Header.Get("Content-Type") != "" {
				t.Errorf("%s, not modified: %v %q", p, r.Header, r.Body)
			}
		}
		r, err = c.Do(t.Context(), http.MethodDelete, path(s.ID), nil)
		expect(t, "delete", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")

		var servers []client.Server
		if err := changes(t, c, "/servers/detail", since["/servers/detail"], http.StatusOK).Decode("servers", &servers); err != nil {
			t.Fatal(err)
		}
		if len(servers) != 1 || servers[0].ID != s.ID || servers[0].Status != "DELETED" || servers[0].Name != "polled" || len(servers[0].Addresses.Public) != 0 {
			t.Errorf("servers after the delete: %+v", servers)
		}
		changes(t, c, "/images/detail", since["/images/detail"], http.StatusNotModified)
		var images []client.Image
		if err := changes(t, c, "/images/detail", 0, http.StatusOK).Decode("images", &images); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(images, func(gone client.Image) bool { return gone.ID == i.ID }) {
			t.Errorf("images after the delete: %+v", images)
		}
		if r := changes(t, c, "/servers", 0, http.StatusOK); string(r.Body) != `{"servers":[{"id":`+itoa(s.ID)+`,"name":"polled"}]}` {
			t.Errorf("in short: %s", r.Body)
		}
		if r := inXML(t, c, "GET", "/servers/detail?changes-since=0", "", http.StatusOK); !strings.Contains(string(r.Body), `status="DELETED"`) {
			t.Errorf("in XML: %s", r.Body)
		}
		if list, err := c.Servers(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("servers, not only changes: %+v, %v", list, err)
		}
		r, err = get(t, c, path(s.ID)+"?changes-since=0")
		expect(t, "the deleted server itself", r, err, http.StatusNotFound, gone)
		if other := w.tenant(t); len(changes(t, other, "/servers", 0, http.StatusNotModified).Body) > 0 {
			t.Error("another account sees changes")
		}
	})
}

// TestListsEndAt1000 has an account with more servers than one answer may show.
func TestListsEndAt1000(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		const servers = 1003
		c := w.tenant(t)
		var all sync.WaitGroup
		var ids sync.Map
		for worker := range 32 {
			all.Go(func() {
				for range (servers - worker + 31) / 32 {
					s, _, err := c.CreateServer(t.Context(), "n", 1, 1)
					if err != nil {
						t.Error(err)
						return
					}
					ids.Store(s.ID, true)
				}
			})
		}
		all.Wait()
		for query, want := range map[string]int{
			"": 1000, "limit=0": 1000, "limit=1001": 1000, "limit=99999999999999999999": 1000, "limit=7": 7, "limit=0&offset=0": 1000,
			"offset=1000": 3, "limit=2&offset=1001": 2, "offset=1003": 0, "offset=99999999999999999999": 0,
			"changes-since=0": 1000, "changes-since=0&offset=1000": 3, "changes-since=0&offset=1003": 0,
		} {
			for _, form := range []string{"/servers?", "/servers/detail?"} {
				var list []client.Server
				r, err := get(t, c, form+query)
				expect(t, form+query, r, err, http.StatusOK, "")
				if err := r.Decode("servers", &list); err != nil || len(list) != want {
					t.Errorf("%s%s: %d servers, %v, want %d", form, query, len(list), err, want)
				}
				if !slices.IsSortedFunc(list, func(a, b client.Server) int { return int(a.ID - b.ID) }) {
					t.Errorf("%s%s is not in the order of ids", form, query)
				}
			}
		}
		list, err := c.Servers(t.Context())
		if err != nil || len(list) != servers {
			t.Errorf("page by page: %d servers, %v, want %d", len(list), err, servers)
		}
		for _, s := range list {
			if _, mine := ids.Load(s.ID); !mine {
				t.Fatalf("server %d was not made here", s.ID)
			}
		}
		for _, query := range []string{"limit=-1", "limit=1.5", "limit=", "offset=x", "changes-since=-1", "changes-since=NaN", "changes-since="} {
			r, err := get(t, c, "/servers?"+query)
			expect(t, query, r, err, http.StatusBadRequest, bad)
		}
	})
}

// TestPathsMayEndInASlashAndQueriesMayHaveAnything asks every readable path in the ways that old clients have.
func TestPathsMayEndInASlashAndQueriesMayHaveAnything(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s := active(t, c, "n")
		asked := 0
		for _, route := range routes(t, c) {
			where, readable := strings.CutPrefix(route, "GET /v1.0/{account}")
			if !readable {
				continue
			}
			where = object{server: itoa(s.ID), image: "1"}.in(strings.Replace(where, "/flavors/{id}", "/flavors/1", 1))
			want, err := get(t, c, where)
			expect(t, where, want, err, http.StatusOK, "")
			for _, way := range []string{
				where + "/", "/" + where + "//", where + ".json", where + "/.json",
				where + "?fresh=1&cacheid=2&cache-busting=3&test&now=%20&format=xml&changes_since=9999999999&limit2=x",
			} {
				got, err := get(t, c, way)
				expect(t, way, got, err, http.StatusOK, "")
				if string(got.Body) != string(want.Body) {
					t.Errorf("%s: %s, want %s", way, got.Body, want.Body)
				}
			}
			asked++
		}
		if asked < 12 {
			t.Errorf("%d paths asked, want those of v1.0", asked)
		}
		r, err := c.Do(t.Context(), http.MethodPut, path(s.ID)+"/?now=1", `{"server":{"name":"m"}}`)
		expect(t, "a write", r, err, http.StatusNoContent, "")
	})
}

// TestChecksComeInTheOrderOfTheContract has requests with two faults each: the earlier check answers.
func TestChecksComeInTheOrderOfTheContract(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		token, base, long := c.Token(), "/v1.0/"+c.Account(), strings.Repeat(" ", 70<<10)
		for _, x := range []struct {
			what, method, path, token, kind, body string
			status                                int
			fault                                 string
		}{
			{"bad path, no namespace", "GET", "/x/../y", "", "", "", 400, bad},
			{"no namespace, no token", "GET", "/v2/1/servers", "", "", "", 404, gone},
			{"no token, unknown path", "GET", base + "/nothing", "", "", "", 401, "unauthorized"},
			{"no token, wrong verb", "PATCH", base + "/servers", "", "", "", 401, "unauthorized"},
			{"no token, bad query", "GET", base + "/servers?limit=x", "", "", "", 401, "unauthorized"},
			{"unknown path, wrong verb", "PATCH", base + "/nothing", token, "", "", 404, gone},
			{"wrong verb, wrong type", "PUT", base + "/servers", token, "text/plain", "x", 405, "badMethod"},
			{"wrong type, too long", "PUT", base + "/servers/99999999", token, "text/plain", long, 415, media},
			{"too long, not JSON", "PUT", base + "/servers/99999999", token, "application/json", long, 413, "overLimit"},
			{"not JSON, no such server", "PUT", base + "/servers/99999999", token, "application/json", "{", 400, bad},
			{"no such server", "PUT", base + "/servers/99999999", token, "application/json", `{"server":{"name":"n"}}`, 404, gone},
		} {
			header := []string{"Content-Type", x.kind}
			if x.token != "" {
				header = append(header, "X-Auth-Token", x.token)
			}
			r, err := c.Raw(t.Context(), x.method, x.path, []byte(x.body), header...)
			expect(t, x.what, r, err, x.status, x.fault)
		}
	})
}

// TestIdleConnectionsEndAfter20Seconds waits on one connection to each kind of node at the same time.
func TestIdleConnectionsEndAfter20Seconds(t *testing.T) {
	t.Parallel()
	requests := map[*way]string{}
	for _, w := range ways {
		c := w.tenant(t)
		requests[w] = "GET /v1.0/" + c.Account() + "/servers HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + c.Token() + "\r\n\r\n"
	}
	var all sync.WaitGroup
	for w, request := range requests {
		n := w.node
		all.Go(func() {
			began := time.Now()
			answer := raw(t, n, request)
			if took := time.Since(began).Round(time.Second).Seconds(); took < 19 || took > 25 || statusOf(answer) != "200" {
				t.Errorf("%s: the connection ended after %s s with %q, want 20 s", w.name, strconv.FormatFloat(took, 'f', 0, 64), answer)
			}
		})
	}
	all.Wait()
}
