package outside_test

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
)

const namespace = "http://docs.rackspacecloud.com/servers/api/v1.0"

// xmlServer is a server as an old client reads it.
type xmlServer struct {
	XMLName   xml.Name `xml:"http://docs.rackspacecloud.com/servers/api/v1.0 server"`
	ID        int64    `xml:"id,attr"`
	Name      string   `xml:"name,attr"`
	Image     int64    `xml:"imageId,attr"`
	Flavor    int64    `xml:"flavorId,attr"`
	HostID    string   `xml:"hostId,attr"`
	Status    string   `xml:"status,attr"`
	Progress  int      `xml:"progress,attr"`
	AdminPass string   `xml:"adminPass,attr"`
	Metadata  []struct {
		Key   string `xml:"key,attr"`
		Value string `xml:",chardata"`
	} `xml:"metadata>meta"`
	Public []struct {
		Address string `xml:"addr,attr"`
	} `xml:"addresses>public>ip"`
	Private []struct {
		Address string `xml:"addr,attr"`
	} `xml:"addresses>private>ip"`
}

// inXML sends a request as an old client does and expects an answer in XML.
func inXML(t *testing.T, c *client.Client, method, path, body string, status int) *client.Reply {
	t.Helper()
	var data any
	if body != "" {
		data = body
	}
	r, err := c.Do(t.Context(), method, path, data, "Accept", "application/xml", "Content-Type", "application/xml; charset=UTF-8")
	if r == nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if r.Status != status {
		t.Errorf("%s %s %.200s: answer %d %s, want %d", method, path, body, r.Status, r.Body, status)
	}
	if kind := r.Header.Get("Content-Type"); len(r.Body) > 0 && kind != "application/xml; charset=UTF-8" {
		t.Errorf("%s %s: an answer of type %q", method, path, kind)
	}
	return r
}

func decodeXML(t *testing.T, r *client.Reply, into any) {
	t.Helper()
	if err := xml.Unmarshal(r.Body, into); err != nil {
		t.Fatalf("%s: %v", r.Body, err)
	}
}

// TestAServersLifeInXML does in XML alone what old clients do.
func TestAServersLifeInXML(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		r := inXML(t, c, "POST", "/servers", `<server xmlns="`+namespace+`" name="a &lt;b&gt;" imageId="1" flavorId="1"><metadata><meta key="k 1">v &amp; w</meta></metadata>`+
			`<personality><file path="/etc/motd">aGVs`+"\n"+`bG8=</file></personality></server>`, http.StatusAccepted)
		var s xmlServer
		decodeXML(t, r, &s)
		if s.Name != "a <b>" || s.Image != 1 || s.Flavor != 1 || s.Status != "BUILD" || len(s.AdminPass) < 12 || len(s.HostID) != 32 || len(s.Public) != 1 || len(s.Private) != 1 ||
			len(s.Metadata) != 1 || s.Metadata[0].Key != "k 1" || s.Metadata[0].Value != "v & w" {
			t.Errorf("created: %s", r.Body)
		}
		await(t, c, r, "succeeded")
		one := path(s.ID)
		for _, step := range []struct {
			method, path, body string
			status             int
			after              string
		}{
			{"POST", one + "/action", `<reboot xmlns="` + namespace + `" type="HARD"/>`, 202, "ACTIVE"},
			{"PUT", one, `<server xmlns="` + namespace + `" name="new" adminPass="secret"/>`, 204, "ACTIVE"},
			{"POST", one + "/action", `<rebuild xmlns="` + namespace + `" imageId="2"/>`, 202, "ACTIVE"},
			{"POST", one + "/action", `<resize xmlns="` + namespace + `" flavorId="2"/>`, 202, "VERIFY_RESIZE"},
			{"POST", one + "/action", `<revertResize xmlns="` + namespace + `"/>`, 202, "ACTIVE"},
			{"POST", one + "/action", `<resize xmlns="` + namespace + `" flavorId="3"/>`, 202, "VERIFY_RESIZE"},
			{"POST", one + "/action", `<confirmResize xmlns="` + namespace + `"/>`, 204, "ACTIVE"},
			{"POST", "/images", `<image xmlns="` + namespace + `" name="i" serverId="` + itoa(s.ID) + `"/>`, 202, "ACTIVE"},
		} {
			await(t, c, inXML(t, c, step.method, step.path, step.body, step.status), "succeeded")
			s = xmlServer{}
			decodeXML(t, inXML(t, c, "GET", one, "", http.StatusOK), &s)
			if s.Status != step.after {
				t.Errorf("after %s: %+v, want %s", step.body, s, step.after)
			}
		}
		if s.Name != "new" || s.Image != 2 || s.Flavor != 3 || s.AdminPass != "" {
			t.Errorf("in the end: %+v", s)
		}
		var list struct {
			Servers []xmlServer `xml:"server"`
		}
		if decodeXML(t, inXML(t, c, "GET", "/servers/detail.xml", "", http.StatusOK), &list); len(list.Servers) != 1 || list.Servers[0].Name != "new" {
			t.Errorf("listed: %+v", list)
		}
		await(t, c, inXML(t, c, "DELETE", one, "", http.StatusAccepted), "succeeded")
		if r := inXML(t, c, "GET", one, "", http.StatusNotFound); !strings.Contains(string(r.Body), `<itemNotFound xmlns="`+namespace+`" code="404">`) {
			t.Errorf("after the delete: %s", r.Body)
		}
	})
}

func TestAKeyCountsInBothFormats(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		first, err := c.Do(t.Context(), http.MethodPost, "/servers", server(`"name":"n","imageId":1,"flavorId":1,"metadata":{"a":"b"}`), "Idempotency-Key", "one")
		expect(t, "in JSON", first, err, http.StatusAccepted, "")
		again, err := c.Do(t.Context(), http.MethodPost, "/servers", `<server flavorId="1" imageId="1" name="n"><metadata><meta key="a">b</meta></metadata></server>`,
			"Idempotency-Key", "one", "Content-Type", "application/xml")
		expect(t, "again in XML", again, err, http.StatusAccepted, "")
		if first.Operation() != again.Operation() {
			t.Errorf("operations %s and %s, want one", first.Operation(), again.Operation())
		}
	})
}
