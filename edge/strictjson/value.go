package strictjson

import (
	"iter"
	"strconv"
)

// Member is the member of an object by its exact name; ok is false when v is no object or has none such.
func (v Value) Member(name string) (inner Value, ok bool) {
	for i := range v.members {
		if v.members[i].name == name {
			return v.members[i].value, true
		}
	}
	return Value{}, false
}

// Given is Member, with null taken for absent.
func (v Value) Given(name string) (inner Value, ok bool) {
	inner, ok = v.Member(name)
	return inner, ok && inner.Kind != Null
}

// Members is every member of an object, in order.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for _, m := range v.members {
			if !yield(m.name, m.value) {
				return
			}
		}
	}
}

// Items is every item of an array, in order.
func (v Value) Items() []Value { return v.items }

// Len is the number of members of an object or of items of an array.
func (v Value) Len() int { return len(v.members) + len(v.items) }

// Text is the text of a string.
func (v Value) Text() (s string, ok bool) { return v.text, v.Kind == String }

// Int is a whole number, quoted or not: old clients quote them.
func (v Value) Int() (n int64, ok bool) {
	if v.Kind != Number && v.Kind != String {
		return 0, false
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	return n, err == nil && v.text[0] != '+'
}
