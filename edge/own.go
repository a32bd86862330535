package edge

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/edge/xmlform"
	"github.com/ozonecloud/ozone/schemas"
)

// mountOwn mounts what belongs to no module: what is mounted, and what an operator's probes ask. None needs a token.
func (s *Server) mountOwn() error {
	own := []Route{
		{Verb: "GET", Path: "/extensions", Handle: s.extensions},
		{Verb: "GET", Path: "/schemas/{name}", Handle: schema},
		{Verb: "GET", Path: "/schemas/{name}/{type}/{version}", Handle: schema},
		{Verb: "GET", Path: "/openapi", Handle: s.openAPI},
		{Verb: "GET", Path: wadlPath, Handle: s.wadl},
		{Verb: "GET", Path: "/healthz", Handle: s.healthz},
		{Verb: "GET", Path: "/readyz", Handle: s.readyz},
	}
	if s.config.Metrics != nil {
		own = append(own, Route{Verb: "GET", Path: "/metrics", Handle: s.metrics})
	}
	for _, route := range own {
		if err := s.router.mount(route); err != nil {
			return err
		}
	}
	return nil
}

// ozoneForm is the XML form of what belongs to Ozone and not to the reference.
var ozoneForm = &xmlform.Form{Namespace: NamespaceOzone, Elements: map[string]xmlform.Element{
	"extensions": {Item: "extension"},
	"extension":  {Children: []string{"routes"}},
	"routes":     {Item: "route"},
	"operations": {Item: "operation"},
	"operation":  {Children: []string{"target", "error"}},
	"dry_run":    {Children: []string{"target", "quota"}},
}}

type extension struct {
	ID     string   `json:"id"`
	Routes []string `json:"routes"`
}

// extensions lists the modules with their routes.
func (s *Server) extensions(context.Context, *Request) (Response, error) {
	list := make([]extension, 0, len(s.config.Modules))
	for _, m := range s.config.Modules {
		list = append(list, extension{ID: m.ID(), Routes: s.router.of(m.ID())})
	}
	return Response{Body: Document{map[string][]extension{"extensions": list}, ozoneForm}}, nil
}

// schema answers with a document that describes messages: /schemas/asyncapi.json, and what events name as their dataschema.
func schema(_ context.Context, r *Request) (Response, error) {
	name := path.Join(r.Param("name"), r.Param("type"), r.Param("version")) + ".json"
	body, err := schemas.Files.ReadFile(name)
	if err != nil {
		return Response{}, errNotFound
	}
	return Response{Body: JSON(body)}.with("Cache-Control", "public, max-age=3600"), nil
}

// openAPI is also at /openapi.json, as every path is.
func (s *Server) openAPI(context.Context, *Request) (Response, error) {
	return Response{Body: JSON(schemas.OpenAPI())}, nil
}

func (s *Server) healthz(context.Context, *Request) (Response, error) {
	return Response{Body: Text("ok\n")}, nil
}

func (s *Server) readyz(context.Context, *Request) (Response, error) {
	if err := s.config.Ready(); err != nil {
		return Response{Status: fasthttp.StatusServiceUnavailable, Body: Text(fmt.Sprintf("not ready: %v\n", err))}, nil
	}
	return Response{Body: Text("ready\n")}, nil
}

func (s *Server) metrics(context.Context, *Request) (Response, error) {
	var b bytes.Buffer
	if err := s.config.Metrics(&b); err != nil {
		return Response{}, schemas.Errorf(schemas.KindInternal, "metrics: %v", err)
	}
	return Response{Body: Text(b.String())}, nil
}

// of lists the routes of a module as "VERB path".
func (r *Router) of(module string) []string {
	var list []string
	for _, route := range r.routes {
		if route.module == module {
			list = append(list, route.Verb+" "+route.Path)
		}
	}
	return slices.Clip(list)
}
