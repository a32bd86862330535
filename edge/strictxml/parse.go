// Package strictxml reads request bodies so that every reader of the same bytes sees the same document.
//
// The standard decoder accepts document types, two roots, text around them, an attribute twice and elements
// nested without end. Here each of these is an error, as is everything that a document can ask its reader to do.
package strictxml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The bounds of a document. Source: the deepest body of the v1.0 contract has 4 levels, the widest element 5
// attributes, the longest body about 100 tokens.
const (
	MaxDepth      = 16
	MaxTokens     = 4096 // starts and ends of elements, attributes, pieces of text, comments
	MaxAttributes = 64   // of one element
)

// Element is an element of a document, with its names as the namespaces say.
type Element struct {
	Space, Name string
	// Attributes are those without a prefix: one with a prefix belongs to another namespace than its element.
	Attributes []Attribute
	Children   []*Element
	Text       string // all of it that is between the children, in order
}

// Attribute is an attribute of an element.
type Attribute struct{ Name, Value string }

// The reasons for refusing a document; their texts are fit for its author.
var (
	errUTF8       = errors.New("the body is not valid UTF-8")
	errCharacter  = errors.New("the body has a control character")
	errSurrogate  = errors.New("the body has a surrogate by its number")
	errSyntax     = errors.New("the body is not one XML document")
	errEncoding   = errors.New("the body has an XML declaration that says another version than 1.0, or another encoding than UTF-8")
	errInstructs  = errors.New("the body has a document type or a processing instruction")
	errText       = errors.New("the body has text outside its root element")
	errDepth      = errors.New("the body is nested too deeply")
	errTokens     = errors.New("the body has too many parts")
	errAttributes = errors.New("the body has an element with too many attributes")
	errDuplicate  = errors.New("the body has an attribute twice")
)

// ByteOrderMark may stand before XML in UTF-8; some clients cannot leave it out.
var ByteOrderMark = []byte("\xef\xbb\xbf")

// IsUTF8 tells whether what is in the encoding of that name may be read as UTF-8: it is that, or its part ASCII.
func IsUTF8(encoding string) bool {
	switch strings.ToLower(encoding) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return true
	default:
		return false
	}
}

// Parse reads the one document in data: well-formed XML 1.0 in UTF-8 without document type and processing
// instructions, at most MaxDepth deep and MaxTokens long. It gives the root element.
func Parse(data []byte) (*Element, error) {
	if !utf8.Valid(data) {
		return nil, errUTF8
	}
	if bytes.ContainsFunc(data, isControl) {
		return nil, errCharacter
	}
	if surrogate.Match(data) {
		return nil, errSurrogate
	}
	if isCrowded(data) {
		return nil, errAttributes
	}
	p := parser{dec: xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, ByteOrderMark)))}
	p.dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // the declaration is judged below
	for {
		t, err := p.dec.Token()
		if errors.Is(err, io.EOF) && p.root != nil {
			return p.root, nil
		}
		if err != nil {
			return nil, errSyntax
		}
		if err := p.take(t); err != nil {
			return nil, err
		}
	}
}

// isControl finds the characters that XML 1.0 has no form for.
func isControl(c rune) bool {
	return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF
}

// surrogate finds numbers from U+D800 to U+DFFF; the decoder would replace them silently.
var surrogate = regexp.MustCompile(`&#(?:x0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*(?:5529[6-9]|55[3-9][0-9]{2}|56[0-9]{3}|57[0-2][0-9]{2}|573[0-3][0-9]|5734[0-3]));`)

// manySigns is more equals signs than there are from the start of one element to that of the next in a body that keeps
// the contract's bounds: a few texts of 255 bytes.
const manySigns = 2048

// isCrowded finds elements with thousands of attributes. The decoder would collect them all before anybody can count them:
// 55 MB for a body of 1 MiB.
func isCrowded(data []byte) bool {
	for part := range bytes.SplitSeq(data, []byte("<")) {
		if bytes.Count(part, []byte("=")) > manySigns {
			return true
		}
	}
	return false
}

type parser struct {
	dec    *xml.Decoder
	tokens int
	root   *Element
	open   []*opened // from the root to the element that is being read
}

type opened struct {
	element *Element
	text    strings.Builder // becomes the element's: pieces are many when a comment stands between them
}

func (p *parser) take(t xml.Token) error {
	if p.tokens++; p.tokens > MaxTokens {
		return errTokens
	}
	switch t := t.(type) {
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		last := p.open[len(p.open)-1]
		last.element.Text = last.text.String()
		p.open = p.open[:len(p.open)-1]
	case xml.CharData:
		return p.text(string(t))
	case xml.ProcInst:
		return p.declaration(t)
	case xml.Directive:
		return errInstructs
	}
	return nil
}

func (p *parser) start(t xml.StartElement) error {
	switch {
	case len(p.open) == 0 && p.root != nil:
		return errSyntax
	case len(p.open) == MaxDepth:
		return errDepth
	case len(t.Attr) > MaxAttributes:
		return errAttributes
	}
	p.tokens += len(t.Attr)
	e := &Element{Space: t.Name.Space, Name: t.Name.Local}
	for i, a := range t.Attr {
		for _, before := range t.Attr[:i] {
			if before.Name == a.Name {
				return errDuplicate
			}
		}
		if a.Name.Space == "" && a.Name.Local != "xmlns" {
			e.Attributes = append(e.Attributes, Attribute{a.Name.Local, a.Value})
		}
	}
	if p.root == nil {
		p.root = e
	} else {
		parent := p.open[len(p.open)-1].element
		parent.Children = append(parent.Children, e)
	}
	p.open = append(p.open, &opened{element: e})
	return nil
}

func (p *parser) text(s string) error {
	if len(p.open) > 0 {
		p.open[len(p.open)-1].text.WriteString(s)
		return nil
	}
	if strings.TrimSpace(s) != "" {
		return errText
	}
	return nil
}

// declared are the XML declarations that all readers understand in the same way.
var declared = regexp.MustCompile(`^version\s*=\s*(?:"1\.0"|'1\.0')` +
	`(?:\s+encoding\s*=\s*(?:"([\w-]+)"|'([\w-]+)'))?(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*$`)

// declaration takes the XML declaration at the very beginning; any other processing instruction is refused.
func (p *parser) declaration(t xml.ProcInst) error {
	if t.Target != "xml" || p.tokens > 1 {
		return errInstructs
	}
	said := declared.FindSubmatch(t.Inst)
	if said == nil {
		return errEncoding
	}
	if encoding := string(said[1]) + string(said[2]); encoding != "" && !IsUTF8(encoding) {
		return errEncoding
	}
	return nil
}
