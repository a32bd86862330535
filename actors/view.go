package actors

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// renderJSON is v as JSON, nil for a nil view.
func renderJSON(v any) ([]byte, error) {
	if isNil(v) {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("render state: %w", err)
	}
	return b, nil
}

// isNil tells whether a view is none: a nil pointer in it has a type.
func isNil(view any) bool {
	if view == nil {
		return true
	}
	v := reflect.ValueOf(view)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// changed is what of an old view is not so in the new one, both pointers to the same struct: a JSON object of the old values, null
// for what was left out. It is nil when nothing is. Of what is shown no more all has changed, of what was not shown nothing.
func changed(old, now any) (json.RawMessage, error) {
	switch {
	case isNil(old):
		return nil, nil
	case isNil(now):
		return renderJSON(old)
	}
	was, is := reflect.ValueOf(old).Elem(), reflect.ValueOf(now).Elem()
	fields := map[string]any{}
	for i := range was.NumField() {
		a, b := was.Field(i), is.Field(i)
		if reflect.DeepEqual(a.Interface(), b.Interface()) {
			continue
		}
		name, options, _ := strings.Cut(was.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = a.Interface()
		if options == "omitempty" && a.IsZero() {
			fields[name] = nil
		}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return renderJSON(fields)
}
