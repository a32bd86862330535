package edge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/golden"
)

func TestPathsAreReadInOneWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.rows.put(account, schemas.ServerID(12).Ref(), "web", rendered)
	for path, want := range map[string]int{
		"/v1.0/1001/servers/12":                         200,
		"/v1.0/1001/servers/12/":                        200,
		"//v1.0//1001///servers/12":                     200,
		"/v1.0/1001/servers/12.json":                    200,
		"/v1.0/1001/servers/%31%32":                     200,
		"/v1.0/1001/servers/12?fresh=1":                 200,
		"/v1.0/1001/servers/.json":                      200,
		"/v1.0/1001/servers.json?limit=1":               200,
		"/v1.0/1001/servers/detail.json":                200,
		"/v1.0/1001/servers/12/ips/public":              200,
		"/v1.0/1001/servers/12.xml":                     200,
		"/v1.0/1001/servers/.xml":                       200,
		"/v1.0/1001/servers.xml.json":                   404,
		"/v1.0/1001/servers.xml/":                       404,
		"/v1.0/1001/servers/13":                         404,
		"/v1.0/1001/servers/0":                          404,
		"/v1.0/1001/servers/-1":                         404,
		"/v1.0/1001/servers/012":                        404,
		"/v1.0/1001/servers/1e3":                        404,
		"/v1.0/1001/servers/+12":                        404,
		"/v1.0/1001/servers/2147483648":                 404,
		"/v1.0/1001/servers/" + sevens:                  404,
		"/v1.0/1001/servers/12/nothing":                 404,
		"/v1.0/1001/shared_ip_groups":                   200,
		"/v1.0/1001/shared_ip_groups/x":                 404,
		"/v1.0/1001/servers/12/ips/public/198.18.0.7":   405,
		"/v1.0/1001/console":                            404,
		"/v1.0/1001":                                    404,
		"/nothing":                                      404,
		"/v1.1/1001/servers":                            404,
		"/ozone":                                        404,
		"/v1.0/1001/servers/./12":                       400,
		"/v1.0/1001/servers/../servers/12":              400,
		"/v1.0/1001/servers/%2e%2e/12":                  400,
		"/v1.0/1001/servers%2F12":                       400,
		"/v1.0/1001/servers/..%5c12":                    400,
		"/v1.0/1001/servers\\12":                        400,
		"/v1.0/1001/servers/12%00":                      400,
		"/v1.0/1001/servers/...json":                    400,
		"/v1.0/1001/servers/%zz":                        400,
		"/v1.0/1001/servers/%1":                         400,
		"/v1.0/1001/servers/%":                          400,
		"/v1.0/1001/servers/%c0%af":                     400,
		"/v1.0/1001/servers/\xc0\xaf":                   400,
		"/v1.0/1001/servers/12#x":                       400,
		"/v1.0/1001/servers?limit=2&offset=1":           200,
		"/v1.0/1001/servers?limit=99999999999999999999": 200,
		"/v1.0/1001/servers?offset=99999999999":         200,
		"/v1.0/1001/servers?changes_since=0":            200,
		"/v1.0/1001/servers?limit=-1":                   400,
		"/v1.0/1001/servers?limit=1.5":                  400,
		"/v1.0/1001/servers?limit=":                     400,
		"/v1.0/1001/servers?offset=x":                   400,
		"/v1.0/1001/flavors?offset=-1":                  400,
	} {
		if res := r.do("GET", path, ""); res.status != want {
			t.Errorf("GET %s = %d %s, want %d", path, res.status, res.body, want)
		}
	}
}

const sevens = "7777777777777777777777777777777777777777"

func TestWhatIsNotThereLooksTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.rows.put(other, schemas.ServerID(13).Ref(), "theirs", rendered)
	want := r.do("GET", "/v1.0/1001/servers/99", "").body
	golden.Compare(t, "fault_not_found.json", want)
	for _, path := range []string{"/v1.0/1001/servers/13", "/v1.0/1001/servers/13/ips", "/v1.0/1001/servers/x", "/v1.0/1001/images/13", "/v1.0/1001/flavors/99", "/v1.0/1001/nothing", "/nothing", "/ozone/v1/1001/operations/x"} {
		if res := r.do("GET", path, ""); res.status != 404 || res.body != want {
			t.Errorf("GET %s = %d %s, want 404 %s", path, res.status, res.body, want)
		}
	}
}

func TestWrongVerbNamesTheRightOnes(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for request, allow := range map[string]string{
		"DELETE /v1.0/1001/servers":                       "GET, HEAD, POST",
		"POST /v1.0/1001/servers/12":                      "DELETE, GET, HEAD, PUT",
		"PATCH /v1.0/1001/images":                         "GET, HEAD, POST",
		"GET /v1.0/1001/servers/12/action":                "POST",
		"PUT /v1.0/1001/flavors":                          "GET, HEAD",
		"POST /v1.0":                                      "GET, HEAD",
		"POST /ozone/v1/1001/operations":                  "GET, HEAD",
		"DELETE /v1.0/1001/flavors/1":                     "GET, HEAD",
		"OPTIONS /v1.0/1001/servers/12/ips":               "GET, HEAD",
		"DELETE /v1.0/1001/servers/12/ips":                "GET, HEAD",
		"BREW /v1.0/1001/servers/detail":                  "GET, HEAD",
		"PUT /healthz":                                    "GET, HEAD",
		"POST /v1.0/1001/servers/detail":                  "GET, HEAD",
		"PUT /v1.0/1001/images/1":                         "DELETE, GET, HEAD",
		"PUT /v1.0/1001/shared_ip_groups/1":               "DELETE, GET, HEAD",
		"GET /v1.0/1001/servers/12/ips/public/198.18.0.7": "DELETE, PUT",
		"POST /v1.0/1001/servers/12/ips":                  "GET, HEAD",
		"PUT /v1.0/1001/servers/12/action":                "POST",
		"DELETE /ozone/v1/1001/operations/1":              "GET, HEAD",
	} {
		method, path, _ := strings.Cut(request, " ")
		res := r.do(method, path, "")
		if res.status != 405 || res.header.Get("Allow") != allow {
			t.Errorf("%s = %d, Allow %q, want 405, %q", request, res.status, res.header.Get("Allow"), allow)
		}
	}
	golden.Compare(t, "fault_method.json", r.do("DELETE", "/v1.0/1001/servers", "").body)
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.rows.put(account, schemas.ServerID(12).Ref(), "web", rendered)
	get, head := r.do("GET", "/v1.0/1001/servers/12", ""), r.do("HEAD", "/v1.0/1001/servers/12", "")
	if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
		t.Errorf("HEAD = %d %q\n%s", head.status, head.body, head.raw)
	}
}

func TestRepresentationsAreAsTheContractHasThem(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.rows.put(account, schemas.ServerID(12).Ref(), "web", rendered)
	r.rows.put(account, schemas.ServerID(14).Ref(), "a \"b\" <ü>", strings.ReplaceAll(rendered, "12", "14"))
	r.rows.put(0, schemas.ImageID(1).Ref(), "Debian", `{"id":1,"name":"Debian","updated":"2026-01-02T03:04:05Z","created":"2026-01-02T03:04:05Z","status":"ACTIVE"}`)
	r.rows.put(account, schemas.GroupID(3).Ref(), "pair", fullGroup)
	var doc strings.Builder
	for _, path := range []string{
		"/", "/.json", "/v1.0/", "/v1.0/.json", "/extensions", "/healthz", "/readyz", "/metrics",
		"/v1.0/1001/servers", "/v1.0/1001/servers/detail", "/v1.0/1001/servers/12", "/v1.0/1001/servers?offset=2",
		"/v1.0/1001/servers?limit=1&offset=1",
		"/v1.0/1001/servers/12/ips", "/v1.0/1001/servers/12/ips/public", "/v1.0/1001/servers/12/ips/private",
		"/v1.0/1001/flavors", "/v1.0/1001/flavors/detail", "/v1.0/1001/flavors?limit=1&offset=6", "/v1.0/1001/flavors/3",
		"/v1.0/1001/images", "/v1.0/1001/images/detail", "/v1.0/1001/images/1",
		"/v1.0/1001/shared_ip_groups", "/v1.0/1001/shared_ip_groups/detail", "/v1.0/1001/shared_ip_groups/3",
	} {
		res := r.do("GET", path, "")
		fmt.Fprintf(&doc, "GET %s\n\n", path)
		writeAnswer(&doc, res, "Last-Modified", "Cache-Control", "Vary")
		if strings.Contains(res.header.Get("Content-Type"), "json") && !json.Valid([]byte(res.body)) {
			t.Errorf("GET %s is no JSON: %s", path, res.body)
		}
	}
	golden.Compare(t, "representations.txt", doc.String())
}

func TestVersionWithoutSlashAndTokenIsAnIncompleteLogin(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if res := r.as("", "GET", "/v1.0", ""); res.status != 401 {
		t.Errorf("GET /v1.0 = %d, want 401", res.status)
	}
	if res := r.do("GET", "/v1.0", ""); res.status != 200 {
		t.Errorf("GET /v1.0 with a token = %d, want 200", res.status)
	}
	if res := r.as("", "GET", "/v1.0/", ""); res.status != 200 {
		t.Errorf("GET /v1.0/ = %d, want 200", res.status)
	}
}

func TestDefectsAreLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.rows.fail = errors.New("disk 7 of host 3 is on fire")
	res := r.do("GET", "/v1.0/1001/servers/12", "")
	if res.status != 500 {
		t.Errorf("GET = %d, want 500", res.status)
	}
	golden.Compare(t, "fault_internal.json", res.body)
	if !strings.Contains(r.log.String(), "on fire") {
		t.Errorf("nothing of it is logged: %s", r.log.String())
	}
}

func TestNotReadyIsSaidWithItsReason(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *edge.Config) { c.Ready = func() error { return errors.New("clock is off by 3s") } })
	if res := r.as("", "GET", "/readyz", ""); res.status != 503 || !strings.Contains(res.body, "clock is off") {
		t.Errorf("GET /readyz = %d %s", res.status, res.body)
	}
	if res := r.as("", "GET", "/healthz", ""); res.status != 200 {
		t.Errorf("GET /healthz = %d", res.status)
	}
}
