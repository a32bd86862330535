package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas/catalogue"
	"github.com/ozonecloud/ozone/tests/wire"
)

// TestNothingPassesThatNoSchemaNames spoils each example of the table in the ways that a mistake in the code would.
func TestNothingPassesThatNoSchemaNames(t *testing.T) {
	t.Parallel()
	for _, m := range catalogue.All() {
		example, err := json.Marshal(m.Example)
		if err != nil {
			t.Fatal(err)
		}
		spoilt := map[string]string{
			"a member more":   strings.Replace(string(example), "{", `{"more":1,`, 1),
			"another type":    strings.Replace(strings.Replace(string(example), `"specversion":"1.0"`, `"specversion":1`, 1), `1234`, `"1234"`, 1),
			"a phase's words": strings.Replace(string(example), m.Path(), m.Path()+"x", 1),
		}
		for how, body := range spoilt {
			if body != string(example) && wire.Validate(m.Type(), []byte(body)) == nil {
				t.Errorf("%s passes with %s: %s", m.Type(), how, body)
			}
		}
		if m.Family == catalogue.Events {
			inner := strings.Replace(string(example), `"data":{`, `"data":{"more":1,`, 1)
			if wire.Event([]byte(inner)) == nil {
				t.Errorf("%s passes with more in its data", m.Type())
			}
		}
	}
	if wire.Validate("server.fly", []byte(`{}`)) == nil {
		t.Error("a type that nobody knows passes")
	}
}
