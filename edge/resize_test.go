package edge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

const (
	ownAction = "/ozone/v1/1001/servers/12/action"
	oldAction = "/v1.0/1001/servers/12/action"
)

// resized sends an action and gives what the actors are told of it; nil when it went no further.
func (r *rig) resized(path, body string) (response, *schemas.Params) {
	before := r.last()
	res := r.do("POST", path, body)
	if last := r.last(); last != before {
		return res, &last.Params
	}
	return res, nil
}

func TestAResizeHasTheProbeThatItsBodySays(t *testing.T) {
	t.Parallel()
	r := furnished(t)
	long := "/" + strings.Repeat("p", 254)
	for body, want := range map[string]schemas.Probe{
		`{"type":"tcp","port":22}`:                                {Type: "tcp", Port: 22, After: time.Minute, For: 30 * time.Second},
		`{"type":"tcp","port":22,"path":null,"after":null}`:       {Type: "tcp", Port: 22, After: time.Minute, For: 30 * time.Second},
		`{"type":"tcp","port":65535,"after":0,"for":0}`:           {Type: "tcp", Port: 65535},
		`{"type":"tcp","port":1,"after":3600,"for":"3600"}`:       {Type: "tcp", Port: 1, After: time.Hour, For: time.Hour},
		`{"type":"http","port":80}`:                               {Type: "http", Port: 80, Path: "/", After: time.Minute, For: 30 * time.Second},
		`{"type":"http","port":"80","path":"/a?b=c","for":1}`:     {Type: "http", Port: 80, Path: "/a?b=c", After: time.Minute, For: time.Second},
		`{"type":"http","port":80,"path":"` + long + `"}`:         {Type: "http", Port: 80, Path: long, After: time.Minute, For: 30 * time.Second},
		`{"type":"http","port":80,"path":"/a","after":5,"for":7}`: {Type: "http", Port: 80, Path: "/a", After: 5 * time.Second, For: 7 * time.Second},
	} {
		res, p := r.resized(ownAction, `{"resize":{"flavorId":3,"probe":`+body+`}}`)
		if res.status != 202 || res.body != "" || p == nil || p.Flavor != 3 || p.Probe == nil || *p.Probe != want {
			t.Errorf("probe %s: %d %s, actors are told %+v, want %+v", body, res.status, res.body, p, want)
		}
	}
	for _, path := range []string{ownAction, oldAction} {
		if res, p := r.resized(path, `{"resize":{"flavorId":3}}`); res.status != 202 || p == nil || p.Probe != nil {
			t.Errorf("%s without a probe: %d, %+v", path, res.status, p)
		}
	}
	if res, p := r.resized(oldAction, `{"resize":{"flavorId":3,"probe":{"type":"icmp"}}}`); res.status != 202 || p == nil || p.Probe != nil {
		t.Errorf("v1.0 ignores what it does not know: %d %s, %+v", res.status, res.body, p)
	}
}

func TestAProbeIsReadStrictly(t *testing.T) {
	t.Parallel()
	r := furnished(t)
	for body, says := range map[string]string{
		`{}`:                                      "exactly one action",
		`{"resize":{"flavorId":3},"reboot":{}}`:   "exactly one action",
		`{"resize":null}`:                         "resize must be an object",
		`{"resize":[]}`:                           "resize must be an object",
		`{"resize":{}}`:                           "flavorId must be",
		`{"resize":{"flavorId":0}}`:               "flavorId must be",
		`{"resize":{"flavorId":1.5}}`:             "flavorId must be",
		`{"resize":{"flavorId":3,"now":true}}`:    `resize has an unknown member: \"now\"`,
		`{"resize":{"flavorId":3,"probe":true}}`:  "probe must be an object",
		`{"resize":{"flavorId":3,"probe":[{}]}}`:  "probe must be an object",
		`{"resize":{"flavorId":3,"probe":"tcp"}}`: "probe must be an object",
	} {
		if res, p := r.resized(ownAction, body); res.status != 400 || p != nil || !strings.Contains(res.body, says) {
			t.Errorf("%s: %d %s, %+v; want 400 that says %q", body, res.status, res.body, p, says)
		}
	}
	for probe, says := range map[string]string{
		`{}`:                                               "probe.type",
		`{"port":80}`:                                      "probe.type",
		`{"type":"icmp","port":80}`:                        "probe.type",
		`{"type":"TCP","port":80}`:                         "probe.type",
		`{"type":1,"port":80}`:                             "probe.type",
		`{"type":"tcp"}`:                                   "probe.port",
		`{"type":"tcp","port":0}`:                          "probe.port",
		`{"type":"tcp","port":65536}`:                      "probe.port",
		`{"type":"tcp","port":-1}`:                         "probe.port",
		`{"type":"tcp","port":80.0}`:                       "probe.port",
		`{"type":"tcp","port":1e3}`:                        "probe.port",
		`{"type":"tcp","port":99999999999999999999}`:       "probe.port",
		`{"type":"tcp","port":80,"path":"/"}`:              "probe.path can be given",
		`{"type":"http","port":80,"path":""}`:              "probe.path must begin",
		`{"type":"http","port":80,"path":"healthz"}`:       "probe.path must begin",
		`{"type":"http","port":80,"path":"/a b"}`:          "probe.path must begin",
		`{"type":"http","port":80,"path":"/a\r\nHost: x"}`: "probe.path must begin",
		`{"type":"http","port":80,"path":"/a#b"}`:          "probe.path must begin",
		`{"type":"http","port":80,"path":"/ä"}`:            "probe.path must begin",
		`{"type":"http","port":80,"path":7}`:               "probe.path must begin",
		`{"type":"http","port":80,"path":"/` + strings.Repeat("p", 255) + `"}`: "probe.path must begin",
		`{"type":"tcp","port":80,"after":-1}`:                                  "probe.after",
		`{"type":"tcp","port":80,"after":3601}`:                                "probe.after",
		`{"type":"tcp","port":80,"after":"10s"}`:                               "probe.after",
		`{"type":"tcp","port":80,"for":1.5}`:                                   "probe.for",
		`{"type":"tcp","port":80,"for":9223372036854775807}`:                   "probe.for",
		`{"type":"tcp","port":80,"for":[]}`:                                    "probe.for",
		`{"type":"tcp","port":80,"every":5}`:                                   `resize.probe has an unknown member: \"every\"`,
	} {
		body := `{"resize":{"flavorId":3,"probe":` + probe + `}}`
		if res, p := r.resized(ownAction, body); res.status != 400 || p != nil || !strings.Contains(res.body, says) {
			t.Errorf("%s: %d %s, %+v; want 400 that says %q", body, res.status, res.body, p, says)
		}
	}
	for _, path := range []string{"/ozone/v1/1001/servers/0/action", "/ozone/v1/1001/servers/99999999999/action"} {
		if res, _ := r.resized(path, `{"resize":{"flavorId":3}}`); res.status != 404 {
			t.Errorf("%s: %d, want 404", path, res.status)
		}
	}
}
