package edge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ozonecloud/ozone/edge/xmlform"
	"github.com/ozonecloud/ozone/schemas"
)

// Handler answers one request. An error becomes a fault; the headers of the Response go out with it.
type Handler func(ctx context.Context, r *Request) (Response, error)

// Route is one verb on one path.
type Route struct {
	Verb string // upper case; GET serves HEAD too
	// Path is a pattern such as /v1.0/{account}/servers/{id}: {account} must be the token's, {id} is
	// the number of an object, any other name in braces is a text.
	Path string
	// MaxBody is how long a request body may be, in bytes. Zero: the route takes none, what comes is thrown away.
	MaxBody int
	// XML is how such a body looks in XML; nil: it is taken in JSON alone.
	XML *xmlform.Form
	// Members are those that such a body may have; nil: what is not known is ignored.
	Members Members
	// Direct: what it changes is not ordered by a command. So it cannot be tried dry.
	Direct bool
	// Rate is a rule that counts the route's requests beside the one of its verb; "": none.
	Rate   schemas.RateRule
	Handle Handler

	module string // that mounted it; "": the edge itself
}

// The names that patterns use.
const (
	paramAccount = "account"
	paramID      = "id"
)

// Router collects the routes of modules. Each module may mount below its own namespace only.
type Router struct {
	root       *node
	namespaces [][]string // first segments: /v1.0, /<namespace>/v1
	routes     []Route
	module     string // that mounts now
	namespace  string // its namespace
}

type node struct {
	literal map[string]*node
	param   *node
	name    string // of the param
	verbs   map[string]*Route
}

// coreNamespace is the one whose paths have no namespace in them: /v1.0/<account>/... as the reference demands.
const coreNamespace = "core"

func newRouter() *Router { return &Router{root: &node{}} }

// Handle mounts a route. A route that is there already, or outside the module's namespace, is an error.
func (r *Router) Handle(route Route) error {
	if !r.mayMount(route.Path) {
		return fmt.Errorf("route %s %s: outside the namespace %s", route.Verb, route.Path, r.namespace)
	}
	route.module = r.module
	return r.mount(route)
}

// HandleAll mounts routes until one fails.
func (r *Router) HandleAll(routes []Route) error {
	for _, route := range routes {
		if err := r.Handle(route); err != nil {
			return err
		}
	}
	return nil
}

// Routes lists what is mounted, in the order of mounting.
func (r *Router) Routes() []Route { return slices.Clone(r.routes) }

func (r *Router) mayMount(path string) bool {
	if r.namespace == coreNamespace {
		return path == "/" || path == "/v1.0" || strings.HasPrefix(path, "/v1.0/{account}/")
	}
	return strings.HasPrefix(path, "/"+r.namespace+"/v1/{account}/")
}

// enter makes module the one that mounts from now on.
func (r *Router) enter(module, namespace string) {
	r.module, r.namespace = module, namespace
	prefix := []string{namespace, "v1"}
	if namespace == coreNamespace {
		prefix = []string{"v1.0"}
	}
	r.namespaces = append(r.namespaces, prefix)
}

func (r *Router) mount(route Route) error {
	n := r.root
	for segment := range strings.SplitSeq(strings.Trim(route.Path, "/"), "/") {
		if segment == "" {
			continue
		}
		var err error
		if n, err = n.child(segment); err != nil {
			return fmt.Errorf("route %s %s: %w", route.Verb, route.Path, err)
		}
	}
	if n.verbs == nil {
		n.verbs = map[string]*Route{}
	}
	if _, taken := n.verbs[route.Verb]; taken {
		return fmt.Errorf("route %s %s: mounted twice", route.Verb, route.Path)
	}
	n.verbs[route.Verb] = &route
	r.routes = append(r.routes, route)
	return nil
}

func (n *node) child(segment string) (*node, error) {
	if name, ok := strings.CutPrefix(segment, "{"); ok {
		name = strings.TrimSuffix(name, "}")
		if n.param == nil {
			n.param, n.name = &node{}, name
		}
		if n.name != name {
			return nil, fmt.Errorf("{%s} stands where another route has {%s}", name, n.name)
		}
		return n.param, nil
	}
	if n.literal == nil {
		n.literal = map[string]*node{}
	}
	if n.literal[segment] == nil {
		n.literal[segment] = &node{}
	}
	return n.literal[segment], nil
}

// find walks the segments and keeps what the parameters stand for; nil: no such path.
func (r *Router) find(segments [][]byte, p *params) *node {
	n := r.root
	for _, s := range segments {
		next := n.literal[string(s)]
		if next == nil && n.param != nil {
			next = n.param
			p.add(n.name, s)
		}
		if next == nil {
			return nil
		}
		n = next
	}
	if n.verbs == nil {
		return nil
	}
	return n
}

// account is the segment that names the account in a path of some namespace; private tells whether the path is in one.
func (r *Router) account(segments [][]byte) (account []byte, private bool) {
	for _, prefix := range r.namespaces {
		if !hasPrefix(segments, prefix) {
			continue
		}
		if len(segments) > len(prefix) {
			account = segments[len(prefix)]
		}
		return account, true
	}
	return nil, false
}

func hasPrefix(segments [][]byte, prefix []string) bool {
	if len(segments) < len(prefix) {
		return false
	}
	for i, want := range prefix {
		if string(segments[i]) != want {
			return false
		}
	}
	return true
}

// route is the node's route for a verb, or the error that names the verbs it has.
func (n *node) route(verb string) (*Route, error) {
	if verb == "HEAD" {
		verb = "GET"
	}
	if route := n.verbs[verb]; route != nil {
		return route, nil
	}
	return nil, schemas.Errorf(schemas.KindMethod, "This path does not take that method.")
}

// allow lists the verbs of a node for the Allow header.
func (n *node) allow() string {
	verbs := make([]string, 0, len(n.verbs)+1)
	for v := range n.verbs {
		verbs = append(verbs, v)
	}
	if n.verbs["GET"] != nil {
		verbs = append(verbs, "HEAD")
	}
	slices.Sort(verbs)
	return strings.Join(verbs, ", ")
}
