package outside_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const (
	bad   = "badRequest"
	gone  = "itemNotFound"
	media = "badMediaType"
)

func server(members string) string { return `{"server":{` + members + `}}` }

func files(n, size int, path string) string {
	contents := base64.StdEncoding.EncodeToString(make([]byte, size))
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"path":"%s%d","contents":"%s"}`, path, i, contents)
	}
	return server(`"name":"n","imageId":1,"flavorId":1,"personality":[` + strings.Join(list, ",") + `]`)
}

func metadata(n, key, value int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"%d%s":"%s"`, i, strings.Repeat("k", key-1), strings.Repeat("v", value))
	}
	return server(`"name":"n","imageId":1,"flavorId":1,"metadata":{` + strings.Join(list, ",") + `}`)
}

// TestBadCreates lists what a create's body can have wrong, and at its end what is odd but right.
func TestBadCreates(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		long := strings.Repeat("n", 256)
		for _, x := range []struct {
			what, body string
			status     int
			fault      string
		}{
			{"empty", ``, 400, bad},
			{"not JSON", `{"server"`, 400, bad},
			{"a list", `[]`, 400, bad},
			{"null", `null`, 400, bad},
			{"no envelope", `{}`, 400, bad},
			{"null server", `{"server":null}`, 400, bad},
			{"two documents", server(`"name":"n","imageId":1,"flavorId":1`) + `{}`, 400, bad},
			{"duplicate member", server(`"name":"n","name":"m","imageId":1,"flavorId":1`), 400, bad},
			{"bad UTF-8", server("\"name\":\"\xff\",\"imageId\":1,\"flavorId\":1"), 400, bad},
			{"NUL in the name", server(`"name":"a\u0000b","imageId":1,"flavorId":1`), 400, bad},
			{"lone surrogate", server(`"name":"a\ud800b","imageId":1,"flavorId":1`), 400, bad},
			{"raw NUL", server("\"name\":\"a\x00b\",\"imageId\":1,\"flavorId\":1"), 400, bad},
			{"deep nesting", `{"server":` + strings.Repeat(`[`, 10001) + strings.Repeat(`]`, 10001) + `}`, 400, bad},
			{"BOM", "\ufeff" + server(`"name":"n","imageId":1,"flavorId":1`), 400, bad},
			{"blank name", server(`"name":"  ","imageId":1,"flavorId":1`), 400, bad},
			{"empty name", server(`"name":"","imageId":1,"flavorId":1`), 400, bad},
			{"number as name", server(`"name":1,"imageId":1,"flavorId":1`), 400, bad},
			{"long name", server(`"name":"` + long + `","imageId":1,"flavorId":1`), 400, bad},
			{"no image", server(`"name":"n","flavorId":1`), 400, bad},
			{"no flavor", server(`"name":"n","imageId":1`), 400, bad},
			{"image 1e400", server(`"name":"n","imageId":1e400,"flavorId":1`), 400, bad},
			{"image 1.5", server(`"name":"n","imageId":1.5,"flavorId":1`), 400, bad},
			{"image -1", server(`"name":"n","imageId":-1,"flavorId":1`), 400, bad},
			{"image 2^63", server(`"name":"n","imageId":9223372036854775808,"flavorId":1`), 400, bad},
			{"unknown image", server(`"name":"n","imageId":999999,"flavorId":1`), 404, gone},
			{"unknown flavor", server(`"name":"n","imageId":1,"flavorId":99`), 404, gone},
			{"six pairs", metadata(6, 10, 10), 400, bad},
			{"long key", metadata(1, 256, 10), 400, bad},
			{"long value", metadata(1, 10, 256), 400, bad},
			{"metadata is a list", server(`"name":"n","imageId":1,"flavorId":1,"metadata":[]`), 400, bad},
			{"metadata has a number", server(`"name":"n","imageId":1,"flavorId":1,"metadata":{"a":1}`), 400, bad},
			{"six files", files(6, 10, "/f"), 400, bad},
			{"large file", files(1, 10241, "/f"), 400, bad},
			{"relative path", files(1, 1, "etc/f"), 400, bad},
			{"climbing path", files(1, 1, "/../etc/f"), 400, bad},
			{"long path", files(1, 1, "/"+long), 400, bad},
			{"bad base64", server(`"name":"n","imageId":1,"flavorId":1,"personality":[{"path":"/f","contents":"%%%"}]`), 400, bad},
			{"personality is an object", server(`"name":"n","imageId":1,"flavorId":1,"personality":{}`), 400, bad},
			{"unknown group", server(`"name":"n","imageId":1,"flavorId":1,"sharedIpGroupId":7`), 404, gone},
			{"address without group", server(`"name":"n","imageId":1,"flavorId":1,"addresses":{"public":["198.18.0.1"]}`), 400, bad},

			{"without a name", server(`"imageId":1,"flavorId":1`), 202, ""},
			{"unknown members", server(`"name":"n","imageId":1,"flavorId":1,"colour":"red"`), 202, ""},
			{"quoted ids", server(`"name":"n","imageId":"1","flavorId":"1"`), 202, ""},
			{"a name as long as allowed", server(`"name":"` + long[:255] + `","imageId":1,"flavorId":1`), 202, ""},
			{"right to left", server(`"name":"\u202eabc","imageId":1,"flavorId":1`), 202, ""},
			{"all metadata", metadata(5, 255, 255), 202, ""},
			{"all files", files(5, 10240, "/"+long[:240]), 202, ""},
		} {
			r, err := c.Do(t.Context(), http.MethodPost, "/servers", x.body)
			expect(t, x.what, r, err, x.status, x.fault)
		}
	})
}

func TestBadActions(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c, other := w.tenant(t), w.tenant(t)
		mine, theirs := active(t, c, "mine"), active(t, other, "theirs")
		for _, x := range []struct {
			what, body string
			status     int
			fault      string
		}{
			{"empty", ``, 400, bad},
			{"none", `{}`, 400, bad},
			{"two", `{"reboot":{"type":"SOFT"},"rebuild":{}}`, 400, bad},
			{"unknown", `{"explode":{}}`, 400, bad},
			{"of the schema, unserved", `{"addIp":{}}`, 501, "notImplemented"},
			{"reboot without type", `{"reboot":{}}`, 400, bad},
			{"reboot soft", `{"reboot":{"type":"soft"}}`, 400, bad},
			{"reboot null", `{"reboot":null}`, 400, bad},
			{"rebuild with no image", `{"rebuild":{"imageId":999999}}`, 404, gone},
			{"rebuild with a word", `{"rebuild":{"imageId":"x"}}`, 400, bad},
			{"resize without flavor", `{"resize":{}}`, 400, bad},
			{"resize to no flavor", `{"resize":{"flavorId":99}}`, 404, gone},
			{"resize to the same", `{"resize":{"flavorId":1}}`, 403, "resizeNotAllowed"},
			{"confirm of nothing", `{"confirmResize":null}`, 403, "resizeNotAllowed"},
			{"revert of nothing", `{"revertResize":{}}`, 403, "resizeNotAllowed"},
		} {
			r, err := c.Action(t.Context(), mine.ID, x.body)
			expect(t, x.what, r, err, x.status, x.fault)
		}
		for _, id := range []string{"0", "-1", "x", "1e3", "99999999", strings.Repeat("9", 40), itoa(theirs.ID)} {
			r, err := c.Do(t.Context(), http.MethodPost, "/servers/"+id+"/action", `{"reboot":{"type":"SOFT"}}`)
			expect(t, "server "+id, r, err, http.StatusNotFound, gone)
			r, err = c.Do(t.Context(), http.MethodPut, "/servers/"+id, server(`"name":"x"`))
			expect(t, "PUT "+id, r, err, http.StatusNotFound, gone)
			r, err = c.Do(t.Context(), http.MethodDelete, "/servers/"+id, nil)
			expect(t, "DELETE "+id, r, err, http.StatusNotFound, gone)
			r, err = get(t, c, "/servers/"+id)
			expect(t, "GET "+id, r, err, http.StatusNotFound, gone)
			if id == itoa(theirs.ID) { // the cloud may have an image of this number
				continue
			}
			r, err = c.Do(t.Context(), http.MethodDelete, "/images/"+id, nil)
			expect(t, "DELETE image "+id, r, err, http.StatusNotFound, gone)
		}
		if got := status(t, other, theirs.ID); got != "ACTIVE" {
			t.Errorf("the other tenant's server is %s", got)
		}
	})
}

func TestBadUpdatesAndImages(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s := active(t, c, "n")
		for what, body := range map[string]string{
			"nothing to change": server(``), "blank name": server(`"name":" "`), "empty password": server(`"adminPass":""`),
			"password is a number": server(`"adminPass":1`), "long name": server(`"name":"` + strings.Repeat("n", 256) + `"`), "no envelope": `{}`,
		} {
			r, err := c.Do(t.Context(), http.MethodPut, path(s.ID), body)
			expect(t, what, r, err, http.StatusBadRequest, bad)
		}
		for what, x := range map[string]struct {
			body   string
			status int
			fault  string
		}{
			"no server":      {`{"image":{"name":"n"}}`, 400, bad},
			"unknown server": {`{"image":{"serverId":99999999,"name":"n"}}`, 404, gone},
			"blank name":     {`{"image":{"serverId":` + itoa(s.ID) + `,"name":" "}}`, 400, bad},
			"no name":        {`{"image":{"serverId":` + itoa(s.ID) + `}}`, 202, ""},
		} {
			r, err := c.Do(t.Context(), http.MethodPost, "/images", x.body)
			expect(t, what, r, err, x.status, x.fault)
		}
	})
}

func TestQuotaOfRAMIsKept(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.limited(t, 1024)
		for _, x := range []struct {
			flavor int64
			status int
			fault  string
		}{{2, 202, ""}, {3, 413, "overLimit"}, {2, 202, ""}, {1, 413, "overLimit"}} {
			_, r, err := c.CreateServer(t.Context(), "n", 1, x.flavor)
			expect(t, fmt.Sprintf("flavor %d", x.flavor), r, err, x.status, x.fault)
			if x.status == 202 {
				await(t, c, r, "succeeded")
			}
		}
		list, err := c.Servers(t.Context())
		if err != nil || len(list) != 2 {
			t.Fatalf("servers: %v, %v", list, err)
		}
		r, err := c.Action(t.Context(), list[0].ID, `{"resize":{"flavorId":3}}`)
		expect(t, "resize above the quota", r, err, http.StatusRequestEntityTooLarge, "overLimit")
		if got := status(t, c, list[0].ID); got != "ACTIVE" {
			t.Errorf("after the refused resize: %s", got)
		}
		r, err = c.Do(t.Context(), http.MethodDelete, path(list[0].ID), nil)
		expect(t, "delete", r, err, http.StatusAccepted, "")
		_, r, err = c.CreateServer(t.Context(), "n", 1, 1) // the accepted delete gave it back
		expect(t, "create after the delete", r, err, http.StatusAccepted, "")
	})
}

func TestParallelCreatesCannotOverrunTheQuota(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.limited(t, 5*256)
		const tries = 100
		got := make(chan int, tries)
		for range tries {
			go func() {
				_, r, err := c.CreateServer(t.Context(), "n", 1, 1)
				if r == nil {
					t.Error(err)
					got <- 0
					return
				}
				got <- r.Status
			}()
		}
		count := map[int]int{}
		for range tries {
			count[<-got]++
		}
		if count[http.StatusAccepted] != 5 || count[http.StatusRequestEntityTooLarge] != tries-5 {
			t.Errorf("answers %v, want 5 of 202 and %d of 413", count, tries-5)
		}
	})
}

func TestPathsAndVerbs(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		base := "/v1.0/" + c.Account()
		for _, x := range []struct {
			method, path string
			status       int
			fault        string
		}{
			{"GET", base + "/nothing", 404, gone},
			{"GET", base, 404, gone},
			{"GET", "/nothing", 404, gone},
			{"GET", base + "/servers/1/nothing", 404, gone},
			{"PATCH", base + "/servers", 405, "badMethod"},
			{"DELETE", base + "/servers", 405, "badMethod"},
			{"PUT", base + "/flavors/1", 405, "badMethod"},
			{"POST", base + "/flavors", 405, "badMethod"},
			{"GET", "/" + base + "//servers", 200, ""},
			{"GET", base + "/servers/", 200, ""},
			{"GET", base + "/servers.json", 200, ""},
			{"GET", base + "/servers/.json", 200, ""},
			{"GET", base + "/servers/detail.json", 200, ""},
			{"HEAD", base + "/servers", 200, ""},
		} {
			r, err := c.Raw(t.Context(), x.method, x.path, nil, "X-Auth-Token", c.Token())
			expect(t, x.method+" "+x.path, r, err, x.status, x.fault)
			if x.status == http.StatusMethodNotAllowed && r != nil && r.Header.Get("Allow") == "" {
				t.Errorf("%s %s: no Allow header", x.method, x.path)
			}
		}
	})
}

func TestBodiesOfTheWrongKind(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		good := []byte(server(`"name":"n","imageId":1,"flavorId":1`))
		to := "/v1.0/" + c.Account() + "/servers"
		for _, x := range []struct {
			what, kind string
			body       []byte
			status     int
			fault      string
		}{
			{"text", "text/plain", good, 415, media},
			{"form", "application/x-www-form-urlencoded", good, 415, media},
			{"with parameters", "application/json; charset=UTF-8", good, 202, ""},
			{"upper case", "Application/JSON", good, 202, ""},
			{"too large", "application/json", append([]byte(`{"server":{"name":"`+strings.Repeat("x", 2<<20)), good...), 413, "overLimit"},
		} {
			r, err := c.Raw(t.Context(), http.MethodPost, to, x.body, "X-Auth-Token", c.Token(), "Content-Type", x.kind)
			expect(t, x.what, r, err, x.status, x.fault)
		}
	})
}
