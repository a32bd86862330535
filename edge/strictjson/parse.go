// Package strictjson reads request bodies so that every reader of the same bytes sees the same document.
//
// The standard decoder takes the last of two equal keys, folds the case of keys, repairs broken text
// silently: two programs can disagree on what such a body says. Here each of these is an error.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// The bounds of a document. Source: the deepest body of the v1.0 contract has 5 levels, the longest about 60 tokens.
const (
	MaxDepth  = 32
	MaxTokens = 1024
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

// Value is a part of a document. Numbers keep their text.
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

// The reasons for refusing a document; their texts are fit for its author.
var (
	errSyntax    = errors.New("the body is not one JSON document")
	errUTF8      = errors.New("the body is not valid UTF-8")
	errSurrogate = errors.New("the body has an escaped surrogate without its other half")
	errNUL       = errors.New("the body has a NUL character")
	errDepth     = errors.New("the body is nested too deeply")
	errTokens    = errors.New("the body has too many parts")
	errDuplicate = errors.New("the body has a member twice")
)

// Parse reads the one document in data: valid UTF-8 without a byte order mark, NUL or lone surrogates,
// no member twice, at most MaxDepth deep and MaxTokens long.
func Parse(data []byte) (Value, error) {
	switch {
	case !utf8.Valid(data):
		return Value{}, errUTF8
	case !json.Valid(data): // the token reader below is more lenient, for example at the end
		return Value{}, errSyntax
	case loneSurrogate(data):
		return Value{}, errSurrogate
	}
	p := parser{dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	return p.value(1)
}

type parser struct {
	dec    *json.Decoder
	tokens int
}

func (p *parser) next() (json.Token, error) {
	if p.tokens++; p.tokens > MaxTokens {
		return nil, errTokens
	}
	t, err := p.dec.Token()
	if err != nil {
		return nil, errSyntax
	}
	return t, nil
}

func (p *parser) value(depth int) (Value, error) {
	t, err := p.next()
	if err != nil {
		return Value{}, err
	}
	switch t := t.(type) {
	case json.Delim:
		if depth > MaxDepth {
			return Value{}, errDepth
		}
		if t == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case string:
		return Value{Kind: String, text: t}, clean(t)
	case json.Number:
		return Value{Kind: Number, text: t.String()}, nil
	case bool:
		return boolean(t), nil
	default:
		return Value{}, nil
	}
}

func (p *parser) object(depth int) (Value, error) {
	v := Value{Kind: Object}
	for p.dec.More() {
		t, err := p.next()
		if err != nil {
			return Value{}, err
		}
		name, _ := t.(string)
		if err := clean(name); err != nil {
			return Value{}, err
		}
		if _, there := v.Member(name); there {
			return Value{}, errDuplicate
		}
		inner, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.members = append(v.members, member{name, inner})
	}
	_, err := p.next()
	return v, err
}

func (p *parser) array(depth int) (Value, error) {
	v := Value{Kind: Array}
	for p.dec.More() {
		inner, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.items = append(v.items, inner)
	}
	_, err := p.next()
	return v, err
}

func boolean(b bool) Value {
	if b {
		return Value{Kind: Bool, text: "true"}
	}
	return Value{Kind: Bool, text: "false"}
}

func clean(s string) error {
	if strings.ContainsRune(s, 0) {
		return errNUL
	}
	return nil
}

// loneSurrogate finds \uD800-\uDFFF that are not a pair in valid JSON; the decoder would replace them silently.
func loneSurrogate(data []byte) bool {
	for i := 0; i < len(data); {
		at := bytes.IndexByte(data[i:], '\\')
		if at < 0 {
			return false
		}
		i += at
		if data[i+1] != 'u' {
			i += 2
			continue
		}
		switch {
		case !isSurrogate(data[i:]):
			i += 6
		case !isHigh(data[i:]) || !isLow(data[i+6:]):
			return true
		default:
			i += 12
		}
	}
	return false
}

// isSurrogate, isHigh and isLow look at an escape \uXXXX at the start of b.
func isSurrogate(b []byte) bool { return isEscape(b) && b[2]|0x20 == 'd' && b[3] >= '8' }
func isHigh(b []byte) bool      { return isSurrogate(b) && (b[3] <= '9' || b[3]|0x20 <= 'b') }
func isLow(b []byte) bool       { return isSurrogate(b) && b[3]|0x20 >= 'c' }
func isEscape(b []byte) bool    { return len(b) >= 6 && b[0] == '\\' && b[1] == 'u' }
