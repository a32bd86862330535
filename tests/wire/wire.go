// Package wire holds every message that a test sees to its published schema.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/schemas/catalogue"
)

// compiled are the schemas by types of messages, as they are published but for one thing: no object has members that its
// schema does not name. Others must allow for them, since members may be added; a test must not.
var compiled = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	all := map[string]*jsonschema.Schema{}
	for _, m := range catalogue.All() {
		body, err := schemas.Files.ReadFile(strings.TrimPrefix(m.Path(), "/schemas/"))
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path(), err)
		}
		narrow(doc)
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource("ozone:"+m.Path(), doc); err != nil {
			return nil, err
		}
		if all[m.Type()], err = c.Compile("ozone:" + m.Path()); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path(), err)
		}
	}
	return all, nil
})

// narrow lets no object of a schema have members that the schema does not name.
func narrow(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, open := s["additionalProperties"]; s["properties"] != nil && !open {
			s["additionalProperties"] = false
		}
		for name, inner := range s {
			if name != "examples" {
				narrow(inner)
			}
		}
	case []any:
		for _, inner := range s {
			narrow(inner)
		}
	}
}

// Validate tells what is wrong with the body of a message of a type: that of a command, of an answer, of an event.
func Validate(kind string, body []byte) error {
	all, err := compiled()
	if err != nil {
		return err
	}
	schema, known := all[kind]
	if !known {
		return fmt.Errorf("no message is of the type %q: schemas/catalogue lacks it", kind)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(doc)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", kind, err, body)
	}
	return nil
}

// Check fails the test when a message is not as its schema says.
func Check(tb testing.TB, kind string, body []byte) {
	tb.Helper()
	if err := Validate(kind, body); err != nil {
		tb.Error(err)
	}
}

// Event is Validate for an event, which names its type itself, and its schema.
func Event(body []byte) error {
	var e struct {
		Type       string
		DataSchema string
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("%w\n%s", err, body)
	}
	return Validate(e.Type, body)
}

// CheckEvent is Check for an event.
func CheckEvent(tb testing.TB, body []byte) {
	tb.Helper()
	if err := Event(body); err != nil {
		tb.Error(err)
	}
}
