package edge_test

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
)

// TestTheVersionNamesADocumentThatIsThere follows the link in the version's details, which needs no token.
func TestTheVersionNamesADocumentThatIsThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var details struct{ Version struct{ WADL string } }
	if err := json.Unmarshal([]byte(r.as("", "GET", "/v1.0/", "").body), &details); err != nil {
		t.Fatal(err)
	}
	res := r.as("", "GET", strings.TrimPrefix(details.Version.WADL, "http://cloud.example:8774"), "")
	var doc struct {
		XMLName   xml.Name `xml:"http://wadl.dev.java.net/2009/02 application"`
		Resources struct {
			Base string `xml:"base,attr"`
			List []struct {
				Path    string `xml:"path,attr"`
				Methods []struct {
					Name string `xml:"name,attr"`
				} `xml:"method"`
			} `xml:"resource"`
		} `xml:"resources"`
	}
	if err := xml.Unmarshal([]byte(res.body), &doc); err != nil || res.status != 200 || res.header.Get("Content-Type") != "application/xml; charset=UTF-8" {
		t.Fatalf("GET %s = %d %v: %v", details.Version.WADL, res.status, res.header, err)
	}
	described := map[string]bool{}
	for _, resource := range doc.Resources.List {
		for _, method := range resource.Methods {
			described[method.Name+" "+resource.Path] = true
		}
	}
	for _, route := range r.server.Routes() {
		if what := route.Verb + " " + route.Path; strings.HasPrefix(route.Path, "/v1.0/{") != described[what] {
			t.Errorf("%s is described: %v", what, described[what])
		}
	}
	if doc.Resources.Base != "http://cloud.example:8774" {
		t.Errorf("base %q", doc.Resources.Base)
	}
}
