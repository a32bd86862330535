package edge

import (
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/edge/xmlform"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Request is what a handler gets. It is valid until the handler returns.
type Request struct {
	// Account is the tenant whose token the request has; 0 on routes without {account}.
	Account schemas.AccountID
	// RateLimits are the rates by which the account's requests are counted; those that do not count are left out.
	RateLimits schemas.RateLimits
	// Body is the request's document; Null on routes that take none.
	Body document.Value

	http   *fasthttp.RequestCtx
	target target
	format format // of the answer
	params params
	out    []byte // the response body is built here

	counted []storage.RateWindow // where the request is counted
	dry     bool                 // nothing is to be done
	core    bool                 // its route is v1.0's
}

// ID is what {id} of the path stands for. Whatever can be no object's number is not found.
func (r *Request) ID() (int64, error) {
	id, ok := parseID(r.params.get(paramID))
	if !ok {
		return 0, errNotFound
	}
	return id, nil
}

// Param is what the name in braces stands for in the path.
func (r *Request) Param(name string) string { return string(r.params.get(name)) }

// Header is a request header, the first one of that name.
func (r *Request) Header(name string) string { return string(r.http.Request.Header.Peek(name)) }

// Query is a query parameter, the first one of that name; ok is false when it is not there.
func (r *Request) Query(name string) (value string, ok bool) {
	args := r.http.QueryArgs()
	return string(args.Peek(name)), args.Has(name)
}

// Slash tells whether the path ended in a slash. It makes a difference on /v1.0 alone.
func (r *Request) Slash() bool { return r.target.slash }

func (r *Request) reset(ctx *fasthttp.RequestCtx) {
	*r = Request{http: ctx, out: r.out[:0]}
}

// params are the parameters of the path, as slices of it.
type params struct {
	names  [3]string
	values [3][]byte
	n      int
}

func (p *params) add(name string, value []byte) {
	if p.n < len(p.names) {
		p.names[p.n], p.values[p.n] = name, value
		p.n++
	}
}

func (p *params) get(name string) []byte {
	for i := range p.n {
		if p.names[i] == name {
			return p.values[i]
		}
	}
	return nil
}

// parseID reads a positive number of at most 31 bits without sign or leading zeros.
func parseID(b []byte) (id int64, ok bool) {
	if len(b) == 0 || len(b) > len("2147483647") || b[0] == '0' {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		id = id*10 + int64(c-'0')
	}
	return id, id <= schemas.MaxID
}

// Response is what a handler answers. It says nothing of the format on the wire: the encoder does.
type Response struct {
	Status int // 0: 200
	// Body is nil when there is none.
	Body Body
	// Modified is when what is shown changed last; zero: do not say.
	Modified time.Time
	Header   []Field
	// Stream writes an answer that goes on instead of Body, until it returns; nil: there is none. It outlives the request.
	Stream func(s *Stream)
}

// Field is a header line of a response. The name goes out in the letter case given.
type Field struct{ Name, Value string }

// Body is a representation that can be written in every format.
type Body interface {
	// AppendJSON appends the representation as JSON: an object with one member.
	AppendJSON(dst []byte) []byte
	// Form is how the same document looks in XML.
	Form() *xmlform.Form
}

// with is the response with one more header line.
func (r Response) with(name, value string) Response {
	r.Header = append(r.Header, Field{name, value})
	return r
}
