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

// TestNoAnswerPassesThatOpenAPIDoesNotHave has answers to one path, good ones and such as a mistake in the code would make.
func TestNoAnswerPassesThatOpenAPIDoesNotHave(t *testing.T) {
	t.Parallel()
	const one = `{"queue":"events.a.b","user":"a","name":"b","types":[],"server":null,"created":"2026-01-02T03:04:05Z"}`
	for _, c := range []struct {
		verb   string
		status int
		body   string
		passes bool
	}{
		{"POST", 201, `{"subscription":` + one + `}`, true},
		{"POST", 201, `{"subscription":` + strings.Replace(one, "{", `{"more":1,`, 1) + `}`, false},
		{"POST", 201, `{"subscription":` + strings.Replace(one, "null", `"7"`, 1) + `}`, false},
		{"POST", 201, `{"subscription":` + strings.Replace(one, "2026-01-02T", "2026-01-02 ", 1) + `}`, false},
		{"POST", 200, `{"subscription":` + one + `}`, false},
		{"POST", 404, `{"itemNotFound":{"code":404,"message":"m"}}`, true},
		{"POST", 500, `{"cloudServersFault":{"code":500,"message":"m"}}`, true},
		{"POST", 409, one, false},
		{"PUT", 200, one, false},
		{"GET", 200, ``, false},
	} {
		if err := wire.Answer(c.verb, "/ozone/v1/{account}/subscriptions", c.status, []byte(c.body)); (err == nil) != c.passes {
			t.Errorf("%s = %d %s: %v, want that it passes: %v", c.verb, c.status, c.body, err, c.passes)
		}
	}
	const queue = "/ozone/v1/{account}/subscriptions/{queue}"
	if err := wire.Answer("DELETE", queue, 204, nil); err != nil {
		t.Error(err)
	}
	if wire.Answer("DELETE", queue, 204, []byte(one)) == nil {
		t.Error("a body passes where there is none")
	}
}
