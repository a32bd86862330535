package wire

import (
	"bytes"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ozonecloud/ozone/schemas"
)

// document is schemas/openapi.json, narrowed as the schemas of messages are.
type document struct {
	whole map[string]any

	mu      sync.Mutex
	schemas *jsonschema.Compiler // guarded by mu
}

var openAPI = sync.OnceValues(func() (*document, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.OpenAPI()))
	if err != nil {
		return nil, err
	}
	narrow(doc)
	whole, _ := doc.(map[string]any)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return &document{whole: whole, schemas: c}, c.AddResource("openapi.json", doc)
})

// find is the object at a place; nil: there is none.
func (d *document) find(at ...string) map[string]any {
	here := d.whole
	for _, name := range at {
		here, _ = here[name].(map[string]any)
	}
	return here
}

// OpenAPI tells what is wrong with a body by the schema at a place of schemas/openapi.json, such as "components", "schemas", "Server".
func OpenAPI(body []byte, at ...string) error {
	doc, err := openAPI()
	if err != nil {
		return err
	}
	var pointer strings.Builder
	for _, name := range at {
		pointer.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	doc.mu.Lock()
	schema, err := doc.schemas.Compile((&url.URL{Path: "openapi.json", Fragment: pointer.String()}).String())
	doc.mu.Unlock()
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		return fmt.Errorf("not as schemas/openapi.json says: %w\n%s", err, body)
	}
	return nil
}

// Answer tells what is wrong with the answer to a request, by the path's form in schemas/openapi.json.
func Answer(verb, path string, status int, body []byte) error {
	doc, err := openAPI()
	if err != nil {
		return err
	}
	at := []string{"paths", path, strings.ToLower(verb), "responses", strconv.Itoa(status)}
	if doc.find(at...) == nil && status >= 400 {
		at[len(at)-1] = "default"
	}
	response := doc.find(at...)
	if response == nil {
		return fmt.Errorf("%s %s: schemas/openapi.json has no answer %d", verb, path, status)
	}
	if component, ok := response["$ref"].(string); ok {
		at = strings.Split(strings.TrimPrefix(component, "#/"), "/")
		response = doc.find(at...)
	}
	if response["content"] == nil && len(body) == 0 {
		return nil
	}
	if err := OpenAPI(body, append(at, "content", "application/json", "schema")...); err != nil {
		return fmt.Errorf("%s %s = %d: %w", verb, path, status, err)
	}
	return nil
}

// CheckAnswer fails the test when an answer is not as schemas/openapi.json says.
func CheckAnswer(tb testing.TB, verb, path string, status int, body []byte) {
	tb.Helper()
	if err := Answer(verb, path, status, body); err != nil {
		tb.Error(err)
	}
}
