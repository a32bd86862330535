package edge

import (
	"encoding/json"

	"github.com/valyala/fasthttp"
)

const contentJSON = "application/json; charset=UTF-8"

// Header values of every answer about an account's things.
var (
	headerVary    = []byte("Vary")
	varyValue     = []byte("Accept, Accept-Encoding, X-Auth-Token")
	headerCache   = []byte("Cache-Control")
	cacheNever    = []byte("no-cache")
	headerAllowed = "Allow"
)

// encode writes a handler's answer; it is the only writer of representations.
func encode(r *Request, res Response) {
	out := &r.http.Response
	if res.Status != 0 {
		out.SetStatusCode(res.Status)
	}
	setHeaders(&out.Header, res.Header)
	if !res.Modified.IsZero() {
		out.Header.SetLastModified(res.Modified)
	}
	if res.Body == nil {
		return
	}
	if t, ok := res.Body.(Text); ok {
		out.Header.SetContentType("text/plain; charset=UTF-8")
		out.SetBodyString(string(t))
		return
	}
	out.Header.SetContentType(contentJSON)
	r.out = res.Body.AppendJSON(r.out[:0])
	out.SetBody(r.out)
}

func setHeaders(h *fasthttp.ResponseHeader, fields []Field) {
	for _, f := range fields {
		h.SetCanonical([]byte(f.Name), []byte(f.Value)) // canonical: the name is sent as it is
	}
}

// Text is a body that is plain text in every format.
type Text string

// AppendJSON appends the text as it is.
func (t Text) AppendJSON(dst []byte) []byte { return append(dst, t...) }

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
