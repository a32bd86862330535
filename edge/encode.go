package edge

import (
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/edge/strictjson"
	"github.com/ozonecloud/ozone/edge/xmlform"
)

// The XML namespaces of answers: of v1.0 and every fault, and of what is Ozone's own.
const (
	NamespaceV10   = "http://docs.rackspacecloud.com/servers/api/v1.0"
	NamespaceOzone = "urn:ozone:v1"
)

// Header lines of answers: Vary of every one, Cache-Control of those about an account's things.
var (
	headerVary    = []byte("Vary")
	varyValue     = []byte("Accept, Accept-Encoding, X-Auth-Token")
	headerCache   = []byte("Cache-Control")
	cacheNever    = []byte("no-cache")
	headerAllowed = "Allow"
)

// encode writes a handler's answer in the format that is wanted; it is the only writer of representations.
func encode(r *Request, res Response) error {
	out := &r.http.Response
	t, isText := res.Body.(Text)
	switch res.Body.(type) {
	case JSON:
		r.format = formatJSON
	case XML:
		r.format = formatXML
	}
	if res.Body != nil && !isText {
		var err error
		if r.out, err = appendBody(r.out[:0], res.Body, r.format); err != nil {
			return err
		}
	}
	if res.Status != 0 {
		out.SetStatusCode(res.Status)
	}
	setHeaders(&out.Header, res.Header)
	if !res.Modified.IsZero() {
		out.Header.SetLastModified(res.Modified)
	}
	switch {
	case isText:
		out.Header.SetContentType("text/plain; charset=UTF-8")
		out.SetBodyString(string(t))
	case res.Body != nil:
		out.Header.SetContentType(r.format.contentType())
		out.SetBody(r.out)
	}
	return nil
}

// appendBody appends a representation. XML is made from the JSON: one cannot say what the other does not.
func appendBody(dst []byte, b Body, as format) ([]byte, error) {
	if _, ready := b.(XML); ready || as != formatXML {
		return b.AppendJSON(dst), nil
	}
	doc, err := strictjson.ParseOwn(b.AppendJSON(nil))
	if err != nil {
		return dst, fmt.Errorf("representation: %w", err)
	}
	return b.Form().Append(dst, doc), nil
}

// Document is a body made of an ordinary value.
type Document struct {
	Value any
	XML   *xmlform.Form
}

// AppendJSON appends the value's JSON.
func (d Document) AppendJSON(dst []byte) []byte {
	doc, err := json.Marshal(d.Value)
	if err != nil { // strings, numbers and lists of them: it cannot happen
		return append(dst, "{}"...)
	}
	return append(dst, doc...)
}

// Form is the value's form in XML.
func (d Document) Form() *xmlform.Form { return d.XML }

func setHeaders(h *fasthttp.ResponseHeader, fields []Field) {
	for _, f := range fields {
		h.SetCanonical([]byte(f.Name), []byte(f.Value)) // canonical: the name is sent as it is
	}
}

// JSON is a body that is JSON in every format, as it is stored.
type JSON []byte

// AppendJSON appends the document as it is.
func (j JSON) AppendJSON(dst []byte) []byte { return append(dst, j...) }

// Form is none: it is no XML.
func (j JSON) Form() *xmlform.Form { return nil }

// XML is a body that is XML in every format, as it is.
type XML string

// AppendJSON appends the document as it is.
func (x XML) AppendJSON(dst []byte) []byte { return append(dst, x...) }

// Form is none: it is not made of anything.
func (x XML) Form() *xmlform.Form { return nil }

// Text is a body that is plain text in every format.
type Text string

// AppendJSON appends the text as it is.
func (t Text) AppendJSON(dst []byte) []byte { return append(dst, t...) }

// Form is none: text is no XML.
func (t Text) Form() *xmlform.Form { return nil }

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil { // a string always has a form
				return append(dst, `""`...)
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
