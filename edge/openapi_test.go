package edge_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/edge"
	v10 "github.com/ozonecloud/ozone/edge/v10"
	"github.com/ozonecloud/ozone/schemas"
)

// openAPI is the part of OpenAPI 3.1 that the document uses. What is not in it is a mistake: members have to be known.
type openAPI struct {
	OpenAPI    string                `json:"openapi"`
	Info       map[string]string     `json:"info"`
	Servers    []map[string]string   `json:"servers"`
	Security   []map[string][]string `json:"security"`
	Tags       []struct{ Name, Description string }
	Paths      map[string]apiPath `json:"paths"`
	Components struct {
		SecuritySchemes map[string]map[string]string `json:"securitySchemes"`
		Parameters      map[string]apiParameter      `json:"parameters"`
		Headers         map[string]apiHeader         `json:"headers"`
		Responses       map[string]apiResponse       `json:"responses"`
		Schemas         map[string]json.RawMessage   `json:"schemas"`
	} `json:"components"`
}

type apiPath struct {
	Parameters             []apiRef
	Get, Put, Post, Delete *apiOperation
}

// operations are those of a path by verb.
func (p apiPath) operations() map[string]*apiOperation {
	all := map[string]*apiOperation{"GET": p.Get, "PUT": p.Put, "POST": p.Post, "DELETE": p.Delete}
	maps.DeleteFunc(all, func(_ string, o *apiOperation) bool { return o == nil })
	return all
}

type apiOperation struct {
	OperationID, Summary, Description string
	Tags                              []string
	Security                          *[]map[string][]string
	Parameters                        []apiRef
	RequestBody                       *struct {
		Required bool
		Content  map[string]apiMedia
	}
	Responses map[string]apiResponse
}

type apiRef struct {
	Ref string `json:"$ref"`
}

// name is that of the component.
func (r apiRef) name() string { return r.Ref[strings.LastIndex(r.Ref, "/")+1:] }

type apiParameter struct {
	Name, In, Description string
	Required              bool
	Schema                json.RawMessage
}

type apiHeader struct {
	apiRef

	Description string
	Required    bool
	Schema      json.RawMessage
}

type apiResponse struct {
	apiRef

	Description string
	Headers     map[string]apiHeader
	Content     map[string]apiMedia
}

type apiMedia struct {
	Schema   json.RawMessage
	Examples map[string]struct{ Value any }
}

func readOpenAPI(t *testing.T) *openAPI {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(schemas.OpenAPI()))
	d.DisallowUnknownFields()
	doc := &openAPI{}
	if err := d.Decode(doc); err != nil {
		t.Fatalf("schemas/openapi.json: %v", err)
	}
	return doc
}

// each goes through all operations.
func (d *openAPI) each(f func(path, verb string, item apiPath, o *apiOperation)) {
	for path, item := range d.Paths {
		for verb, o := range item.operations() {
			f(path, verb, item, o)
		}
	}
}

// response is what the document has for a status of an operation, and where: in the operation, or among the components. Nil: nothing.
func (d *openAPI) response(o *apiOperation, status int) (r *apiResponse, at []string) {
	name := itoa(status)
	if _, ok := o.Responses[name]; !ok && status >= 400 {
		name = "default"
	}
	found, ok := o.Responses[name]
	if !ok {
		return nil, nil
	}
	if found.Ref == "" {
		return &found, []string{"responses", name}
	}
	component := d.Components.Responses[found.name()]
	return &component, []string{"components", "responses", found.name()}
}

const missing = `schemas/openapi.json lacks %s %s. Put it under "paths", beside its neighbours:
    %q: {"parameters": [...], %q: {"operationId": ..., "summary": ..., "tags": [...],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/..."}}}},
        "responses": {"200": {"description": ..., "content": ...}, "401": {"$ref": "#/components/responses/Unauthorized"}, "default": {"$ref": "#/components/responses/Fault"}}}}
and what it shows under "components", "schemas". An exchange of it in edge/exchanges_test.go proves the schemas.`

func TestOpenAPIHasEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	doc := readOpenAPI(t)
	mounted := map[string]bool{}
	for _, route := range newRig(t, nil).server.Routes() {
		mounted[route.Verb+" "+route.Path] = true
		o := doc.Paths[route.Path].operations()[route.Verb]
		if o == nil {
			t.Errorf(missing, route.Verb, route.Path, route.Path, strings.ToLower(route.Verb))
			continue
		}
		if takes := o.RequestBody != nil; takes != (route.MaxBody > 0) {
			t.Errorf("%s %s: a body in schemas/openapi.json is %v, in the route %v", route.Verb, route.Path, takes, !takes)
		}
		if o.RequestBody != nil && len(o.RequestBody.Content["application/xml"].Schema) > 0 != (route.XML != nil) {
			t.Errorf("%s %s: the route takes XML: %v; its requestBody in schemas/openapi.json says the contrary", route.Verb, route.Path, route.XML != nil)
		}
		if open := o.Security != nil; open == strings.Contains(route.Path, "{account}") {
			t.Errorf("%s %s: \"security\": [] in schemas/openapi.json is for the routes that need no token, and for those alone", route.Verb, route.Path)
		}
	}
	doc.each(func(path, verb string, _ apiPath, _ *apiOperation) {
		if !mounted[verb+" "+path] {
			t.Errorf("schemas/openapi.json has %s %s, which nobody mounts", verb, path)
		}
	})
}

func TestOpenAPIIsWhole(t *testing.T) {
	t.Parallel()
	doc := readOpenAPI(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info["title"] == "" || doc.Info["version"] == "" {
		t.Errorf("openapi %q, info %v", doc.OpenAPI, doc.Info)
	}
	tags, ids := map[string]bool{}, map[string]bool{}
	for _, tag := range doc.Tags {
		tags[tag.Name] = true
	}
	doc.each(func(path, verb string, item apiPath, o *apiOperation) {
		if ids[o.OperationID] || o.OperationID == "" || o.Summary == "" || len(o.Tags) != 1 || !tags[o.Tags[0]] {
			t.Errorf("%s %s: want an operationId of its own, a summary, and one of the tags: %+v", verb, path, o)
		}
		ids[o.OperationID] = true
		var inPath, given []string
		for _, m := range regexp.MustCompile(`{([a-z]+)}`).FindAllStringSubmatch(path, -1) {
			inPath = append(inPath, m[1])
		}
		for _, p := range slices.Concat(item.Parameters, o.Parameters) {
			if c := doc.Components.Parameters[p.name()]; c.In == "path" {
				given = append(given, c.Name)
			}
		}
		if !slices.Equal(inPath, given) {
			t.Errorf("%s %s: its path has %v, its parameters %v", verb, path, inPath, given)
		}
		if _, ok := o.Responses["default"]; !ok {
			t.Errorf("%s %s: no default response", verb, path)
		}
		for status := range o.Responses {
			code, _ := doc.response(o, number(status))
			if code == nil || code.Description == "" {
				t.Errorf("%s %s: no description of %s", verb, path, status)
			}
		}
	})
	for name, p := range doc.Components.Parameters {
		if !slices.Contains([]string{"path", "query", "header"}, p.In) || p.Required != (p.In == "path") || p.Description == "" || p.Schema == nil {
			t.Errorf("parameter %s: %+v", name, p)
		}
	}
}

func number(status string) (n int) {
	if json.Unmarshal([]byte(status), &n) != nil {
		return 599 // default
	}
	return n
}

func TestOpenAPINamesWhatItHasAndHasWhatItNames(t *testing.T) {
	t.Parallel()
	doc := readOpenAPI(t)
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`"\$ref": "#/components/([a-z]+/[^"]+)"`).FindAllSubmatch(schemas.OpenAPI(), -1) {
		named[string(m[1])] = true
	}
	if all := bytes.Count(schemas.OpenAPI(), []byte(`"$ref"`)); all == 0 || bytes.Count(schemas.OpenAPI(), []byte(`"$ref": "#/components/`)) != all {
		t.Errorf("of %d references not all are to components", all)
	}
	for kind, names := range map[string][]string{
		"parameters": slices.Collect(maps.Keys(doc.Components.Parameters)), "headers": slices.Collect(maps.Keys(doc.Components.Headers)),
		"responses": slices.Collect(maps.Keys(doc.Components.Responses)), "schemas": slices.Collect(maps.Keys(doc.Components.Schemas)),
	} {
		for _, name := range names {
			if !named[kind+"/"+name] {
				t.Errorf("nothing refers to components/%s/%s", kind, name)
			}
			delete(named, kind+"/"+name)
		}
	}
	for name := range named {
		t.Errorf("components/%s is not there", name)
	}
}

func TestOpenAPIHasTheWordsOfTheCode(t *testing.T) {
	t.Parallel()
	doc := readOpenAPI(t)
	servers, images := []string{string(schemas.StatusDeleted)}, []string{}
	for _, row := range schemas.ServerTable() {
		if row.To != schemas.StatusFormer {
			servers = append(servers, string(row.To))
		}
	}
	for _, row := range schemas.ImageTable() {
		if row.To != schemas.ImageDeleted { // such a one is not shown
			images = append(images, string(row.To))
		}
	}
	var actions []string
	submissions, _ := v10.New().(edge.Submissions)
	for action := range submissions.Submissions() {
		actions = append(actions, string(action))
	}
	for name, want := range map[string][]string{"ServerStatus": servers, "ImageStatus": images, "Action": actions} {
		var schema struct{ Enum []string }
		if err := json.Unmarshal(doc.Components.Schemas[name], &schema); err != nil {
			t.Fatal(err)
		}
		for _, word := range want {
			if !slices.Contains(schema.Enum, word) {
				t.Errorf("components/schemas/%s in schemas/openapi.json lacks %s", name, word)
			}
		}
	}
	for name, valid := range map[string]func(string) bool{
		"BackupDay":    func(s string) bool { return schemas.BackupDay(s).Valid() },
		"BackupWindow": func(s string) bool { return schemas.BackupWindow(s).Valid() },
	} {
		var schema struct{ Enum []string }
		if err := json.Unmarshal(doc.Components.Schemas[name], &schema); err != nil {
			t.Fatal(err)
		}
		for _, word := range schema.Enum {
			if !valid(word) {
				t.Errorf("components/schemas/%s in schemas/openapi.json has %s, which nobody knows", name, word)
			}
		}
	}
}

// TestOpenAPIShowsWhatGoesOverTheWire looks for each example of the document among the golden exchanges, by its name.
func TestOpenAPIShowsWhatGoesOverTheWire(t *testing.T) {
	t.Parallel()
	doc := readOpenAPI(t)
	golden := map[string]goldenExchange{}
	for _, x := range goldenExchanges(t, "exchanges.txt") {
		golden[x.what+x.format] = x
	}
	check := func(what, format string, value any, body func(goldenExchange) string) {
		x, ok := golden[what+format]
		if !ok {
			t.Errorf("schemas/openapi.json has an example %q, which no exchange of edge/exchanges_test.go is named", what)
			return
		}
		text := body(x)
		var want any = text
		if format == "application/json" {
			_ = json.Unmarshal([]byte(text), &want)
		}
		if !reflect.DeepEqual(value, want) {
			t.Errorf("schemas/openapi.json: the %s example %q is not what goes over the wire. Make it\n%s", format, what, text)
		}
	}
	doc.each(func(_, _ string, _ apiPath, o *apiOperation) {
		if o.RequestBody != nil {
			for format, media := range o.RequestBody.Content {
				for what, example := range media.Examples {
					check(what, format, example.Value, func(x goldenExchange) string { return x.request })
				}
			}
		}
		for _, r := range o.Responses {
			for format, media := range r.Content {
				for what, example := range media.Examples {
					check(what, format, example.Value, func(x goldenExchange) string { return x.answer })
				}
			}
		}
	})
}

func TestOpenAPIIsServed(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, path := range []string{"/openapi", "/openapi.json", "/openapi.xml"} {
		if res := r.as("", "GET", path, ""); res.status != 200 || res.body != string(schemas.OpenAPI()) || res.header.Get("Content-Type") != "application/json; charset=UTF-8" {
			t.Errorf("GET %s = %d %s", path, res.status, res.header.Get("Content-Type"))
		}
	}
}
