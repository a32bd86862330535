package edge_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

const asXML = "Accept: application/xml"

func TestRequestAndAnswerChooseTheirFormats(t *testing.T) {
	t.Parallel()
	r := furnished(t)
	inXML := `<server imageId="1" flavorId="2"/>`
	for _, c := range []struct {
		path, body string
		headers    []string
		want       string
	}{
		{"/servers", createBody, nil, "json"},
		{"/servers", createBody, []string{asXML}, "xml"},
		{"/servers.xml", createBody, nil, "xml"},
		{"/servers/.xml", createBody, nil, "xml"},
		{"/servers.json", createBody, []string{asXML}, "json"},
		{"/servers.xml", createBody, []string{"Accept: application/json"}, "xml"},
		{"/servers?format=xml", createBody, nil, "json"},
		{"/servers", inXML, []string{"Content-Type: application/xml"}, "json"},
		{"/servers", inXML, []string{"Content-Type: application/xml; charset=UTF-8", asXML}, "xml"},
		{"/servers", inXML, []string{"Content-Type: ", "Accept: text/html, */*;q=0.1"}, "json"},
		{"/servers.json", "\xef\xbb\xbf" + inXML, []string{"Content-Type: application/xml"}, "json"},
		{"/servers", "\xef\xbb\xbf" + inXML, []string{"Content-Type: "}, "json"},
		{"/servers", inXML, []string{"Content-Type: application/xml; charset=utf8"}, "json"},
		{"/servers", `<?xml version='1.0' encoding='ASCII'?>` + inXML, []string{"Content-Type: application/xml; charset=us-ascii"}, "json"},
		{"/servers", createBody, []string{"Accept: text/html", asXML}, "xml"},
		{"/servers", createBody, []string{"Accept: application/json;q=0.5", asXML}, "xml"},
	} {
		res := r.do("POST", "/v1.0/1001"+c.path, c.body, c.headers...)
		if got := res.header.Get("Content-Type"); res.status != 202 || got != "application/"+c.want+"; charset=UTF-8" {
			t.Errorf("POST %s %.30q %q = %d, %s: %s, want 202 in %s", c.path, c.body, c.headers, res.status, got, res.body, c.want)
		}
	}
	if res := r.do("HEAD", "/v1.0/1001/servers/12.xml", ""); res.status != 200 || res.header.Get("Content-Type") != "application/xml; charset=UTF-8" {
		t.Errorf("HEAD = %d\n%s", res.status, res.raw)
	}
	if res := r.do("DELETE", "/v1.0/1001/servers/12.xml", "", "Prefer: respond-async"); !strings.HasPrefix(res.body, `{"operation":{"id":"`) {
		t.Errorf("DELETE with Prefer: respond-async = %d %s", res.status, res.body)
	}
}

// TestFaultsAreInTheFormatThatWasWanted has a refusal of every check that a request passes.
func TestFaultsAreInTheFormatThatWasWanted(t *testing.T) {
	t.Parallel()
	r := furnished(t)
	head := " HTTP/1.1\r\nHost: x\r\n"
	token := "X-Auth-Token: token-of-demo\r\n"
	servers, suffixed := "/v1.0/1001/servers", "/v1.0/1001/servers.xml"
	post := func(headers, body string) string {
		return "POST " + servers + head + token + asXML + "\r\nContent-Type: application/json\r\n" + headers + "\r\n" + body
	}
	for name, c := range map[string]struct {
		request, fault string
		status         int
	}{
		"no HTTP":              {"GET / HTTP/9.9\r\nHost: x\r\n" + asXML + "\r\n\r\n", "badRequest", 400},
		"length and chunks":    {post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "badRequest", 400},
		"framing, suffix":      {"GET " + suffixed + head + "A: b\nX: y\r\n\r\n", "badRequest", 400},
		"path":                 {"GET /v1.0/../x" + head + asXML + "\r\n\r\n", "badRequest", 400},
		"unknown path":         {"GET /nothing" + head + asXML + "\r\n\r\n", "itemNotFound", 404},
		"unknown path, suffix": {"GET /nothing.xml" + head + "\r\n", "itemNotFound", 404},
		"no token":             {"GET " + servers + head + asXML + "\r\n\r\n", "unauthorized", 401},
		"no token, suffix":     {"GET " + suffixed + head + "\r\n", "unauthorized", 401},
		"login":                {"GET /v1.0" + head + "X-Auth-User: demo\r\nX-Auth-Key: wrong\r\n" + asXML + "\r\n\r\n", "unauthorized", 401},
		"unknown private path": {"GET /v1.0/1001/nothing.xml" + head + token + "\r\n", "itemNotFound", 404},
		"verb":                 {"PUT " + suffixed + head + token + "\r\n", "badMethod", 405},
		"media":                {"POST " + suffixed + head + token + "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx", "badMediaType", 415},
		"length":               {post("Content-Length: 99999999\r\n", strings.Repeat("x", 100000)), "overLimit", 413},
		"length, asked before": {post("Content-Length: 99999999\r\nExpect: 100-continue\r\n", ""), "overLimit", 413},
		"broken chunks":        {post("Transfer-Encoding: chunked\r\n", "zz\r\n"), "badRequest", 400},
		"body":                 {post("Content-Length: 2\r\n", "{}"), "badRequest", 400},
		"rule":                 {"GET " + suffixed + "?limit=x" + head + token + "\r\n", "badRequest", 400},
		"object":               {"GET /v1.0/1001/servers/99.xml" + head + token + "\r\n", "itemNotFound", 404},
		"of Ozone's namespace": {"GET /ozone/v1/1001/operations.xml?limit=x" + head + token + "\r\n", "badRequest", 400},
	} {
		res := r.raw(c.request)
		want := `<?xml version="1.0"?>` + "\n<" + c.fault + ` xmlns="` + namespace + `" code="` + itoa(c.status) + `"><message>`
		if res.status != c.status || !strings.HasPrefix(res.body, want) || res.header.Get("Content-Type") != "application/xml; charset=UTF-8" {
			t.Errorf("%s: %d %s: %s, want %d with %s", name, res.status, res.header.Get("Content-Type"), res.body, c.status, want)
		}
		if err := xml.Unmarshal([]byte(res.body), new(struct{})); err != nil {
			t.Errorf("%s: %s: %v", name, res.body, err)
		}
	}
	for name, request := range map[string]string{
		"no host":              "GET /.xml HTTP/1.1\r\n" + asXML + "\r\n\r\n",
		"line without a colon": "GET /.xml" + head + asXML + "\r\nA b\r\n\r\n",
		"500 lines":            "GET /.xml" + head + asXML + "\r\n" + strings.Repeat("X-A: 12345678901234567890\r\n", 500) + "\r\n",
	} {
		if res := r.raw(request); !json.Valid([]byte(res.body)) {
			t.Errorf("%s: %d %s, want JSON: what cannot be read wants nothing", name, res.status, res.body)
		}
	}
	r.rows.mu.Lock()
	r.rows.fail = errors.New("disk 7 is on fire")
	r.rows.mu.Unlock()
	if res := r.do("GET", suffixed, ""); res.status != 500 || !strings.Contains(res.body, "<cloudServersFault ") || strings.Contains(res.body, "fire") {
		t.Errorf("a defect: %d %s", res.status, res.body)
	}
}

func TestARowThatIsNoJSONIsADefectInXML(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.rows.put(account, schemas.ServerID(12).Ref(), "web", `{"id":12,`)
	if res := r.do("GET", "/v1.0/1001/servers/12.xml", ""); res.status != 500 || !strings.Contains(r.log.String(), "representation") {
		t.Errorf("GET = %d %s", res.status, res.body)
	}
}
