// Package document is what request bodies say, whatever format they are in.
package document

import (
	"iter"
	"strconv"
)

// Kind is the type of a Value.
type Kind int

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Object
	Array
)

// Value is a part of a document. Numbers keep their text. XML knows no types: what is no element there is a String.
type Value struct {
	Kind    Kind
	text    string // of a String, of a Number, "true" or "false" of a Bool
	members []member
	items   []Value
}

type member struct {
	name  string
	value Value
}

// NewText is a String.
func NewText(s string) Value { return Value{Kind: String, text: s} }

// NewNumber is a Number that is written so.
func NewNumber(text string) Value { return Value{Kind: Number, text: text} }

// NewBool is a Bool.
func NewBool(b bool) Value { return Value{Kind: Bool, text: strconv.FormatBool(b)} }

// Put gives an object one more member; false: it has one of that name, and keeps it.
func (v *Value) Put(name string, inner Value) bool {
	if _, there := v.Member(name); there {
		return false
	}
	v.members = append(v.members, member{name, inner})
	return true
}

// Append gives an array one more item.
func (v *Value) Append(item Value) { v.items = append(v.items, item) }

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

// Scalar is how a value that has no parts is written; ok is false for objects, arrays and null.
func (v Value) Scalar() (s string, ok bool) {
	return v.text, v.Kind == Bool || v.Kind == Number || v.Kind == String
}

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
