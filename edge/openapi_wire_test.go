package edge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/wire"
)

// goldenExchange is a request with its answer, as a golden file has them.
type goldenExchange struct {
	what, verb, target, format string
	request                    string // its body
	status                     int
	media                      string // of the answer; "": it has no body
	answer                     string
}

var statusLine = regexp.MustCompile(`^[1-5][0-9]{2}(\n|$)`)

// goldenExchanges reads a golden file of exchanges: blocks of a title, a request, its body, a status with headers, a body.
func goldenExchanges(t *testing.T, file string) []goldenExchange {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var all []goldenExchange
	what := ""
	blocks := strings.Split(strings.TrimSpace(string(text)), "\n\n")
	next := func() string {
		block := blocks[0]
		blocks = blocks[1:]
		return block
	}
	for len(blocks) > 0 {
		block := next()
		if title, ok := strings.CutPrefix(block, "# "); ok {
			what = title
			continue
		}
		x := goldenExchange{what: what, format: "application/json"}
		request, headers, _ := strings.Cut(block, "\n")
		x.verb, x.target, _ = strings.Cut(request, " ")
		if strings.Contains(headers, "Accept: application/xml") {
			x.format = "application/xml"
		}
		if block = next(); !statusLine.MatchString(block) {
			x.request, block = block, next()
		}
		x.status = number(block[:3])
		if _, media, ok := strings.Cut(block, "\nContent-Type: "); ok {
			x.media, _, _ = strings.Cut(media, ";")
			x.answer = next()
		}
		all = append(all, x)
	}
	return all
}

// judge holds exchanges to the document.
type judge struct {
	t    *testing.T
	doc  *openAPI
	seen map[*apiOperation]bool // those whose success was judged
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	return &judge{t, readOpenAPI(t), map[*apiOperation]bool{}}
}

// valid holds a JSON text to the schema at a place in the document. Clients must expect members that it does not name; here they are
// what it forgot.
func (j *judge) valid(what, text string, at ...string) {
	j.t.Helper()
	if err := wire.OpenAPI([]byte(text), at...); err != nil {
		j.t.Errorf("%s: %v", what, err)
	}
}

// exchange holds one to the document: path, verb, query, request, status, media type and answer.
func (j *judge) exchange(x goldenExchange) {
	j.t.Helper()
	what := fmt.Sprintf("%s %s = %d", x.verb, x.target, x.status)
	target, err := url.Parse(x.target)
	if err != nil {
		j.t.Fatal(err)
	}
	path, item := j.path(target.Path)
	o := item.operations()[x.verb]
	if o == nil {
		if x.status < 400 {
			j.t.Errorf("%s: schemas/openapi.json has no such operation", what)
		}
		return
	}
	for name := range target.Query() {
		known := func(r apiRef) bool {
			p := j.doc.Components.Parameters[r.name()]
			return p.In == "query" && p.Name == name
		}
		if !slices.ContainsFunc(o.Parameters, known) && x.status < 400 {
			j.t.Errorf("%s: %s in schemas/openapi.json has no query parameter %s", what, path, name)
		}
	}
	if strings.HasPrefix(x.request, "{") && (x.status < 400 || x.status == http.StatusNotImplemented && x.what == "") {
		j.valid("the request "+what, x.request, "paths", path, strings.ToLower(x.verb), "requestBody", "content", "application/json", "schema")
	}
	r, at := j.doc.response(o, x.status)
	if r == nil {
		j.t.Errorf("%s: %s in schemas/openapi.json has no such status", what, path)
		return
	}
	if x.status < 300 || x.status == http.StatusNotImplemented { // what needs a broker goes no further here, but in tests/servers
		j.seen[o] = true
	}
	_, ok := r.Content[x.media]
	if x.media != "" && !ok {
		j.t.Errorf("%s: %s in schemas/openapi.json has no %s there", what, path, x.media)
	}
	if ok && x.media == "application/json" {
		if at[0] == "responses" {
			at = append([]string{"paths", path, strings.ToLower(x.verb)}, at...)
		}
		j.valid("the answer "+what, x.answer, append(at, "content", x.media, "schema")...)
	}
}

// path is the path of the document that a request's path matches; the one with most literal segments.
func (j *judge) path(target string) (string, apiPath) {
	target = "/" + strings.Trim(strings.TrimSuffix(strings.TrimSuffix(target, ".json"), ".xml"), "/")
	best := ""
	for path := range j.doc.Paths {
		pattern := regexp.MustCompile(`\\{[a-z]+\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
		if regexp.MustCompile("^"+pattern+"$").MatchString(target) && (best == "" || strings.Count(path, "{") < strings.Count(best, "{")) {
			best = path
		}
	}
	return best, j.doc.Paths[best]
}

// TestWhatGoesOverTheWireIsAsOpenAPISays judges the golden exchanges, and what the routes that are JSON alone answer.
func TestWhatGoesOverTheWireIsAsOpenAPISays(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	for _, file := range []string{"exchanges.txt", "representations.txt"} {
		for _, x := range goldenExchanges(t, file) {
			j.exchange(x)
		}
	}
	r := furnished(t)
	r.tellGolden(t)
	const operation = "/ozone/v1/1001/operations/019b7c1a-0000-7000-8000-000000000001"
	for _, request := range []string{
		"GET /openapi", "GET /v1.0/application.wadl", "GET /schemas/asyncapi.json", "GET /schemas/events/server.create.end/1.json", "GET /schemas/nothing", "GET " + eventsPath, "GET " + eventsPath + "?limit=1&types=*&server=1", "GET /ozone/v1/1001/snapshot",
		"GET " + operation + "/events", "GET " + operation + "?wait=0", "GET /ozone/v1/1001/operations?state=failed&server=9&limit=1",
		"GET /ozone/v1/1001/servers/1/history?limit=2&after=1", "GET /ozone/v1/1001/servers/1/history?at=1",
		"GET /ozone/v1/1001/subscriptions", "DELETE /ozone/v1/1001/subscriptions/events.shop.one",
		"GET /v1.0/1001/servers?changes-since=1", "GET /v1.0/1001/servers?changes-since=4000000000", "GET /v1.0/1001/flavors?changes-since=4000000000", "GET /v1.0/1001/nothing",
		"GET /v1.0/1001/servers?limit=x", "PUT /v1.0/1001/servers", "GET /v1.0/1002/servers",
	} {
		j.live(r, request)
	}
	j.live(r, "DELETE /v1.0/1001/servers/12", "Prefer: respond-async")
	j.live(r, "DELETE /v1.0/1001/images/743", "Prefer: respond-async")
	const subscribe = `{"subscription":{"name":"one","types":["server.*.error"]}}`
	refused := r.do("POST", "/ozone/v1/1001/subscriptions", subscribe)
	j.exchange(goldenExchange{
		verb: "POST", target: "/ozone/v1/1001/subscriptions", request: subscribe, status: refused.status, media: "application/json", answer: refused.body,
	})
	r.rows.forgotten = 1
	j.live(r, "GET "+eventsPath+"?after=0")
	j.doc.each(func(path, verb string, _ apiPath, o *apiOperation) {
		if !j.seen[o] {
			t.Errorf("no exchange proves %s %s of schemas/openapi.json: put one into edge/exchanges_test.go, or here when it is JSON alone", verb, path)
		}
	})
}

// live sends a request without a body and judges the exchange.
func (j *judge) live(r *rig, request string, headers ...string) {
	j.t.Helper()
	verb, target, _ := strings.Cut(request, " ")
	res := r.do(verb, target, "", headers...)
	media, _, _ := strings.Cut(res.header.Get("Content-Type"), ";")
	j.exchange(goldenExchange{verb: verb, target: target, status: res.status, media: media, answer: res.body})
}

// tellGolden puts the golden events of the actors into the log.
func (r *rig) tellGolden(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("../actors/testdata/events.golden")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(`"TIME"`), []byte(`"2026-01-02T03:04:05.678901Z"`))
	text = bytes.ReplaceAll(text, []byte(`"HASH"`), []byte(`"e4d909c290d0fb1ca068ffaddf22cbd0"`))
	text = regexp.MustCompile(`OPERATION [0-9]+`).ReplaceAll(text, []byte("019b7c1a-0000-7000-8000-000000000001"))
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var body json.RawMessage
		if err := d.Decode(&body); err != nil {
			t.Fatal(err)
		}
		var e schemas.Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatal(err)
		}
		if e.Account != "" {
			r.rows.tell(account, schemas.ServerID(1).Ref(), e.Type, string(body))
		}
	}
}
