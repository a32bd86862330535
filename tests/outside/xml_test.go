package outside_test

import (
	"encoding/xml"
	"net/http"
	"regexp"
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

// TestBadXML lists what an XML body can have wrong. Each is a fault in XML and reaches nobody.
func TestBadXML(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		good := `<server xmlns="` + namespace + `" name="n" imageId="1" flavorId="1">`
		for what, body := range map[string]string{
			"empty":               "",
			"JSON":                server(`"name":"n","imageId":1,"flavorId":1`),
			"cut off":             good,
			"two roots":           good + `</server>` + good + `</server>`,
			"billion laughs":      `<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>` + good + `&b;</server>`,
			"external entity":     `<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + good + `<metadata><meta key="k">&x;</meta></metadata></server>`,
			"document type alone": `<!DOCTYPE server>` + good + `</server>`,
			"instruction":         `<?xml-stylesheet href="x"?>` + good + `</server>`,
			"inclusion":           good + `<metadata><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>x</metadata></server>`,
			"UTF-16":              "\xff\xfe<\x00s\x00/\x00>\x00",
			"Latin-1":             `<?xml version="1.0" encoding="ISO-8859-1"?>` + good + `</server>`,
			"bad UTF-8":           good + "<metadata><meta key=\"k\">\xff</meta></metadata></server>",
			"NUL":                 good + "<metadata><meta key=\"k\">\x00</meta></metadata></server>",
			"NUL by number":       good + `<metadata><meta key="k">&#0;</meta></metadata></server>`,
			"surrogate by number": good + `<metadata><meta key="k">&#xD800;</meta></metadata></server>`,
			"wrong namespace":     `<server xmlns="urn:x" name="n" imageId="1" flavorId="1"/>`,
			"undeclared prefix":   `<a:server name="n" imageId="1" flavorId="1"/>`,
			"wrong element":       `<flavor xmlns="` + namespace + `" imageId="1" flavorId="1"/>`,
			"element in capitals": `<SERVER xmlns="` + namespace + `" imageId="1" flavorId="1"/>`,
			"no image":            `<server flavorId="1"/>`,
			"image is a word":     `<server imageId="x" flavorId="1"/>`,
			"attribute twice":     `<server imageId="1" imageId="2" flavorId="1"/>`,
			"metadata twice":      good + `<metadata/><metadata/></server>`,
			"key twice":           good + `<metadata><meta key="k">a</meta><meta key="k">b</meta></metadata></server>`,
			"six pairs":           good + `<metadata><meta key="1"/><meta key="2"/><meta key="3"/><meta key="4"/><meta key="5"/><meta key="6"/></metadata></server>`,
			"text":                good + `text</server>`,
			"deep nesting":        strings.Repeat("<server>", 7000),
			"20,000 attributes":   `<server ` + strings.Repeat(`a="" `, 20000) + `/>`,
			"20,000 elements":     good + strings.Repeat(`<a/>`, 20000) + `</server>`,
			"climbing path":       good + `<personality><file path="/../etc/shadow">YQ==</file></personality></server>`,
			"bad base64":          good + `<personality><file path="/a">%%%</file></personality></server>`,
			"address, no group":   good + `<addresses><public><ip addr="198.18.0.1"/></public></addresses></server>`,
			"name of 256 letters": `<server name="` + strings.Repeat("n", 256) + `" imageId="1" flavorId="1"/>`,
			"blank name":          `<server name=" " imageId="1" flavorId="1"/>`,
		} {
			r, err := c.Do(t.Context(), http.MethodPost, "/servers", []byte(body), "Content-Type", "application/xml", "Accept", "application/xml")
			if r == nil {
				t.Fatalf("%s: %v", what, err)
			}
			if r.Status != http.StatusBadRequest || !strings.HasPrefix(string(r.Body), `<?xml version="1.0"?>`+"\n"+`<badRequest xmlns="`+namespace+`" code="400"><message>`) {
				t.Errorf("%s: %d %s, want a badRequest in XML", what, r.Status, r.Body)
			}
			if regexp.MustCompile(`root:|aaaaaaaaaa`).Match(r.Body) {
				t.Errorf("%s: %s says what nobody may know", what, r.Body)
			}
		}
		if list, err := c.Servers(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("servers after bad bodies: %+v, %v", list, err)
		}
	})
}
