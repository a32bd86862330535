// Package strictjson reads request bodies so that every reader of the same bytes sees the same document.
//
// The standard decoder takes the last of two equal keys, folds the case of keys, repairs broken text
// silently: two programs can disagree on what such a body says. Here each of these is an error.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/ozonecloud/ozone/edge/document"
)

// The bounds of a document. Source: the deepest body of the v1.0 contract has 5 levels, the longest about 60 tokens.
const (
	MaxDepth  = 32
	MaxTokens = 1024
)

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
func Parse(data []byte) (document.Value, error) {
	switch {
	case !utf8.Valid(data):
		return document.Value{}, errUTF8
	case !json.Valid(data): // the token reader below is more lenient, for example at the end
		return document.Value{}, errSyntax
	case loneSurrogate(data):
		return document.Value{}, errSurrogate
	}
	return parse(data, MaxTokens)
}

// ParseOwn reads a document that this program wrote, which may be of any length.
func ParseOwn(data []byte) (document.Value, error) { return parse(data, math.MaxInt) }

func parse(data []byte, most int) (document.Value, error) {
	p := parser{dec: json.NewDecoder(bytes.NewReader(data)), left: most}
	p.dec.UseNumber()
	return p.value(1)
}

type parser struct {
	dec  *json.Decoder
	left int // tokens that may still come
}

func (p *parser) next() (json.Token, error) {
	if p.left--; p.left < 0 {
		return nil, errTokens
	}
	t, err := p.dec.Token()
	if err != nil {
		return nil, errSyntax
	}
	return t, nil
}

func (p *parser) value(depth int) (document.Value, error) {
	t, err := p.next()
	if err != nil {
		return document.Value{}, err
	}
	switch t := t.(type) {
	case json.Delim:
		if depth > MaxDepth {
			return document.Value{}, errDepth
		}
		if t == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case string:
		return document.NewText(t), clean(t)
	case json.Number:
		return document.NewNumber(t.String()), nil
	case bool:
		return document.NewBool(t), nil
	default:
		return document.Value{}, nil
	}
}

func (p *parser) object(depth int) (document.Value, error) {
	v := document.Value{Kind: document.Object}
	for p.dec.More() {
		t, err := p.next()
		if err != nil {
			return document.Value{}, err
		}
		name, _ := t.(string)
		if err := clean(name); err != nil {
			return document.Value{}, err
		}
		inner, err := p.value(depth + 1)
		if err != nil {
			return document.Value{}, err
		}
		if !v.Put(name, inner) {
			return document.Value{}, errDuplicate
		}
	}
	_, err := p.next()
	return v, err
}

func (p *parser) array(depth int) (document.Value, error) {
	v := document.Value{Kind: document.Array}
	for p.dec.More() {
		inner, err := p.value(depth + 1)
		if err != nil {
			return document.Value{}, err
		}
		v.Append(inner)
	}
	_, err := p.next()
	return v, err
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
