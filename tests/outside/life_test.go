package outside_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"testing"
)

func TestCreateAnswersWithEverythingAClientNeeds(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		body := `{"server":{"name":"web","imageId":"1","flavorId":"2","metadata":{"Server Label":"Web Head 1"},"adminPass":"ignored",
		"personality":[{"path":"/etc/banner.txt","contents":"SGVsbG8g\n  d29ybGQ="}]}}`
		r, err := c.Do(t.Context(), http.MethodPost, "/servers", body)
		expect(t, "create", r, err, http.StatusAccepted, "")
		var raw map[string]json.RawMessage
		if err := r.Decode("server", &raw); err != nil {
			t.Fatal(err)
		}
		for _, member := range []string{"id", "name", "imageId", "flavorId", "hostId", "status", "progress", "adminPass", "addresses", "metadata"} {
			if _, ok := raw[member]; !ok {
				t.Errorf("the answer has no %s", member)
			}
		}
		if len(raw) != 10 {
			t.Errorf("the answer has %d members, want 10: %s", len(raw), r.Body)
		}
		var s struct {
			ID                int64
			ImageID, FlavorID int64
			HostID, AdminPass string
			Status            string
			Progress          int
			Metadata          map[string]string
			Addresses         struct{ Public, Private []string }
		}
		if err := r.Decode("server", &s); err != nil {
			t.Fatal(err)
		}
		if s.Status != "BUILD" || s.Progress != 0 || s.ImageID != 1 || s.FlavorID != 2 || s.Metadata["Server Label"] != "Web Head 1" {
			t.Errorf("created: %s", r.Body)
		}
		if !regexp.MustCompile(`^[A-Za-z0-9]{12,}$`).MatchString(s.AdminPass) {
			t.Errorf("adminPass %q, want 12 letters and digits or more", s.AdminPass)
		}
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(s.HostID) {
			t.Errorf("hostId %q, want 32 hex digits", s.HostID)
		}
		checkAddress(t, s.Addresses.Public, "198.18.0.0/15")
		checkAddress(t, s.Addresses.Private, "10.0.0.0/8")
		if got := status(t, c, s.ID); got != "BUILD" {
			t.Errorf("the first GET after a create shows %s, want BUILD", got)
		}
		listed, err := c.Servers(t.Context())
		if err != nil || len(listed) != 1 || listed[0].ID != s.ID || listed[0].AdminPass != "" {
			t.Errorf("the list after a create is %+v, %v", listed, err)
		}
		await(t, c, r, "succeeded")
		after, _, err := c.Server(t.Context(), s.ID)
		if err != nil || after.Status != "ACTIVE" || after.Progress != 100 || after.AdminPass != "" || after.HostID != s.HostID {
			t.Errorf("built: %+v, %v", after, err)
		}
	})
}

func checkAddress(t *testing.T, list []string, pool string) {
	t.Helper()
	if len(list) != 1 {
		t.Fatalf("addresses %v, want one of %s", list, pool)
	}
	if ip, err := netip.ParseAddr(list[0]); err != nil || !netip.MustParsePrefix(pool).Contains(ip) {
		t.Errorf("address %s is not of %s", list[0], pool)
	}
}

// TestTheNextGETShowsTheNewStatus goes through the life of a server. Each accepted action shows at once, and ends as the contract says.
func TestTheNextGETShowsTheNewStatus(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s := active(t, c, "life")
		for _, x := range []struct {
			what, method, body string
			code               int
			shows              []string // right after the answer
			ends               string
		}{
			{"reboot SOFT", "", `{"reboot":{"type":"SOFT"}}`, 202, []string{"REBOOT"}, "ACTIVE"},
			{"reboot HARD", "", `{"reboot":{"type":"HARD"}}`, 202, []string{"HARD_REBOOT"}, "ACTIVE"},
			{"rename", "PUT", `{"server":{"name":"other"}}`, 204, []string{"ACTIVE"}, "ACTIVE"},
			{"password", "PUT", `{"server":{"adminPass":"Secret1234"}}`, 204, []string{"PASSWORD"}, "ACTIVE"},
			{"name and password", "PUT", `{"server":{"name":"both","adminPass":"Secret1234"}}`, 204, []string{"PASSWORD"}, "ACTIVE"},
			{"rebuild", "", `{"rebuild":{"imageId":2}}`, 202, []string{"REBUILD"}, "ACTIVE"},
			{"rebuild with the present image", "", `{"rebuild":{}}`, 202, []string{"REBUILD"}, "ACTIVE"},
			{"resize", "", `{"resize":{"flavorId":3}}`, 202, []string{"QUEUE_RESIZE", "PREP_RESIZE"}, "VERIFY_RESIZE"},
			{"revert", "", `{"revertResize":null}`, 202, []string{"RESIZE"}, "ACTIVE"},
			{"resize again", "", `{"resize":{"flavorId":"2"}}`, 202, []string{"QUEUE_RESIZE", "PREP_RESIZE"}, "VERIFY_RESIZE"},
			{"confirm", "", `{"confirmResize":{}}`, 204, []string{"ACTIVE"}, "ACTIVE"},
		} {
			to := path(s.ID) + "/action"
			if x.method == "" {
				x.method = http.MethodPost
			} else {
				to = path(s.ID)
			}
			r, err := c.Do(t.Context(), x.method, to, x.body)
			now := status(t, c, s.ID)
			expect(t, x.what, r, err, x.code, "")
			if len(r.Body) != 0 {
				t.Errorf("%s: body %q, want none", x.what, r.Body)
			}
			if !slices.Contains(x.shows, now) {
				t.Errorf("%s: the first GET shows %s, want one of %v", x.what, now, x.shows)
			}
			await(t, c, r, "succeeded")
			if now := status(t, c, s.ID); now != x.ends {
				t.Fatalf("%s ended %s, want %s", x.what, now, x.ends)
			}
		}
		got, _, err := c.Server(t.Context(), s.ID)
		if err != nil || got.Name != "both" || got.ImageID != 2 || got.FlavorID != 2 {
			t.Errorf("at the end: %+v, %v", got, err)
		}
		if !slices.Equal(got.Addresses.Public, s.Addresses.Public) || !slices.Equal(got.Addresses.Private, s.Addresses.Private) {
			t.Errorf("addresses changed from %+v to %+v", s.Addresses, got.Addresses)
		}
	})
}

func TestDeletedServerIsGoneAtOnceWithItsImages(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s := active(t, c, "short")
		image, r, err := c.CreateImage(t.Context(), s.ID, "backup")
		expect(t, "create image", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		r, err = c.Do(t.Context(), http.MethodDelete, path(s.ID), nil)
		expect(t, "delete", r, err, http.StatusAccepted, "")
		if len(r.Body) != 0 {
			t.Errorf("delete: body %q, want none", r.Body)
		}
		gone, err := get(t, c, path(s.ID))
		expect(t, "GET after delete", gone, err, http.StatusNotFound, "itemNotFound")
		gone, err = get(t, c, "/images/"+itoa(image.ID))
		expect(t, "GET of its image", gone, err, http.StatusNotFound, "itemNotFound")
		if list, err := c.Servers(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("the list after a delete is %v, %v", list, err)
		}
		again, err := c.Do(t.Context(), http.MethodDelete, path(s.ID), nil)
		expect(t, "second delete", again, err, http.StatusNotFound, "itemNotFound")
		await(t, c, r, "succeeded")
	})
}

func TestImageGoesFromQueuedToActive(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s := active(t, c, "source")
		image, r, err := c.CreateImage(t.Context(), s.ID, "Just in case")
		expect(t, "create image", r, err, http.StatusAccepted, "")
		if image.Status != "QUEUED" || image.ServerID != s.ID || image.Progress == nil || *image.Progress != 0 || image.Created == "" || image.Updated == "" {
			t.Errorf("created: %s", r.Body)
		}
		now, _, err := c.Image(t.Context(), image.ID)
		if err != nil || !slices.Contains([]string{"QUEUED", "PREPARING", "SAVING"}, now.Status) {
			t.Errorf("the first GET shows %+v, %v", now, err)
		}
		if got := status(t, c, s.ID); got != "ACTIVE" {
			t.Errorf("its server shows %s, want ACTIVE", got)
		}
		second, err := c.Do(t.Context(), http.MethodPost, "/images", `{"image":{"serverId":`+itoa(s.ID)+`,"name":"second"}}`)
		expect(t, "second image in flight", second, err, http.StatusConflict, "backupOrResizeInProgress")
		busy, err := c.Do(t.Context(), http.MethodDelete, "/images/"+itoa(image.ID), nil)
		expect(t, "delete in flight", busy, err, http.StatusConflict, "backupOrResizeInProgress")
		await(t, c, r, "succeeded")
		now, _, err = c.Image(t.Context(), image.ID)
		if err != nil || now.Status != "ACTIVE" || now.Progress == nil || *now.Progress != 100 {
			t.Errorf("saved: %+v, %v", now, err)
		}
		built, r, err := c.CreateServer(t.Context(), "from image", image.ID, 1)
		expect(t, "create from the image", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		del, err := c.Do(t.Context(), http.MethodDelete, "/images/"+itoa(image.ID), nil)
		expect(t, "delete image", del, err, http.StatusNoContent, "")
		gone, err := get(t, c, "/images/"+itoa(image.ID))
		expect(t, "GET after delete", gone, err, http.StatusNotFound, "itemNotFound")
		if got := status(t, c, built.ID); got != "ACTIVE" {
			t.Errorf("the server built from it shows %s, want ACTIVE", got)
		}
		gone, err = c.Action(t.Context(), built.ID, `{"rebuild":{"imageId":`+itoa(image.ID)+`}}`)
		expect(t, "rebuild with it", gone, err, http.StatusNotFound, "itemNotFound")
		base, err := c.Do(t.Context(), http.MethodDelete, "/images/1", nil)
		expect(t, "delete a base image", base, err, http.StatusBadRequest, "cloudServersFault")
	})
}

func TestAddressesHaveTheirOwnViews(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		s, _, err := c.CreateServer(t.Context(), "addressed", 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		for suffix, want := range map[string]any{
			"/ips":         map[string]any{"addresses": map[string]any{"public": s.Addresses.Public, "private": s.Addresses.Private}},
			"/ips/public":  map[string]any{"public": s.Addresses.Public},
			"/ips/private": map[string]any{"private": s.Addresses.Private},
		} {
			r, err := get(t, c, path(s.ID)+suffix)
			expect(t, suffix, r, err, http.StatusOK, "")
			if doc := marshal(t, want); !sameJSON(t, r.Body, doc) {
				t.Errorf("%s = %s, want %s", suffix, r.Body, doc)
			}
			r, err = get(t, c, "/servers/0"+suffix)
			expect(t, "of no server "+suffix, r, err, http.StatusNotFound, "itemNotFound")
		}
	})
}

func TestFlavorsAndBaseImagesAreThere(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		r, err := get(t, c, "/flavors/detail")
		expect(t, "flavors", r, err, http.StatusOK, "")
		if want := `{"flavors":[{"id":1,"name":"256 MB Server","ram":256,"disk":10},{"id":2,"name":"512 MB Server","ram":512,"disk":20},
		{"id":3,"name":"1 GB Server","ram":1024,"disk":40},{"id":4,"name":"2 GB Server","ram":2048,"disk":80},{"id":5,"name":"4 GB Server","ram":4096,"disk":160},
		{"id":6,"name":"8 GB Server","ram":8192,"disk":320},{"id":7,"name":"15.5 GB Server","ram":15872,"disk":620}]}`; !sameJSON(t, r.Body, []byte(want)) {
			t.Errorf("flavors: %s", r.Body)
		}
		r, err = get(t, c, "/flavors/1")
		expect(t, "flavor 1", r, err, http.StatusOK, "")
		if !sameJSON(t, r.Body, []byte(`{"flavor":{"id":1,"name":"256 MB Server","ram":256,"disk":10}}`)) {
			t.Errorf("flavor 1: %s", r.Body)
		}
		for id := 1; id <= 3; id++ {
			i, r, err := c.Image(t.Context(), int64(id))
			if err != nil || i.Status != "ACTIVE" || i.ServerID != 0 || i.Progress != nil {
				t.Errorf("image %d: %+v, %v", id, i, r)
			}
		}
	})
}

func TestListsHavePages(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		var ids []int64
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			s, _, err := c.CreateServer(t.Context(), name, 1, 1)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, s.ID)
		}
		if !slices.IsSorted(ids) {
			t.Errorf("ids %v do not ascend", ids)
		}
		for query, want := range map[string][]int64{
			"": ids, "?limit=2": ids[:2], "?limit=2&offset=3": ids[3:], "?offset=4": ids[4:], "?offset=5": {}, "?offset=99999999999": {},
			"?limit=0&offset=0": ids, "?limit=2000": ids, "?limit=1&offset=1&fresh=17&changes_since=0&format=json": ids[1:2],
		} {
			for _, list := range []string{"/servers", "/servers/detail"} {
				r, err := get(t, c, list+query)
				expect(t, list+query, r, err, http.StatusOK, "")
				var got []struct{ ID int64 }
				if err := r.Decode("servers", &got); err != nil {
					t.Fatal(err)
				}
				have := []int64{}
				for _, s := range got {
					have = append(have, s.ID)
				}
				if !slices.Equal(have, want) {
					t.Errorf("GET %s%s = %v, want %v", list, query, have, want)
				}
			}
		}
		for _, list := range []string{"/servers", "/servers/detail", "/flavors", "/flavors/detail", "/images", "/images/detail"} {
			for _, query := range []string{"?limit=-1", "?offset=-1", "?limit=x", "?offset=1.5", "?limit="} {
				r, err := get(t, c, list+query)
				expect(t, list+query, r, err, http.StatusBadRequest, "badRequest")
			}
			for _, form := range []string{list + "?limit=1", list + "/?limit=1", list + ".json?limit=1"} {
				r, err := get(t, c, form)
				expect(t, form, r, err, http.StatusOK, "")
			}
		}
		r, err := get(t, c, "/servers?limit=1")
		expect(t, "short form", r, err, http.StatusOK, "")
		if want := `{"servers":[{"id":` + itoa(ids[0]) + `,"name":"a"}]}`; !sameJSON(t, r.Body, []byte(want)) {
			t.Errorf("short form %s, want %s", r.Body, want)
		}
	})
}

func TestEmptyListIsAList(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		r, err := get(t, c, "/servers")
		expect(t, "empty list", r, err, http.StatusOK, "")
		if string(r.Body) != `{"servers":[]}` {
			t.Errorf("an empty list is %s", r.Body)
		}
	})
}
