package edge

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/edge/xmlform"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// This file is the only place that knows HTTP statuses of errors.

// statusOf is the HTTP status of a kind of error. Source: API guide v1.0, "Faults".
var statusOf = map[schemas.Kind]int{
	schemas.KindInvalid:        fasthttp.StatusBadRequest,
	schemas.KindUnauthorized:   fasthttp.StatusUnauthorized,
	schemas.KindForbidden:      fasthttp.StatusForbidden,
	schemas.KindNotFound:       fasthttp.StatusNotFound,
	schemas.KindMethod:         fasthttp.StatusMethodNotAllowed,
	schemas.KindMedia:          fasthttp.StatusUnsupportedMediaType,
	schemas.KindConflict:       fasthttp.StatusConflict,
	schemas.KindLimit:          fasthttp.StatusRequestEntityTooLarge,
	schemas.KindCapacity:       fasthttp.StatusServiceUnavailable,
	schemas.KindUnavailable:    fasthttp.StatusServiceUnavailable,
	schemas.KindNotImplemented: fasthttp.StatusNotImplemented,
	schemas.KindInternal:       fasthttp.StatusInternalServerError,
}

// StatusGone is the answer to who asks for events that are not kept any more. It has more to say than a fault.
const StatusGone = fasthttp.StatusGone

// How long a 503 that says nothing else asks to wait. A full cloud takes longer to change than a busy one.
const (
	retryUnavailable = 2 * time.Second
	retryCapacity    = 30 * time.Second
)

// whereToLook is for who cannot be told what became of a command.
const whereToLook = "Whether the request was accepted will be in its operation, which a header of this answer names."

// Errors that are the same wherever they occur: nobody can tell one cause from another.
var (
	errNotFound = &schemas.Error{Kind: schemas.KindNotFound, Fault: schemas.FaultItemNotFound, Message: "Not Found"}
	// The words "Please renew" make old clients log in again.
	errToken    = &schemas.Error{Kind: schemas.KindUnauthorized, Fault: schemas.FaultUnauthorized, Message: "Invalid authentication token. Please renew."}
	errLogin    = &schemas.Error{Kind: schemas.KindUnauthorized, Fault: schemas.FaultUnauthorized, Message: "Invalid user name or API key."}
	errInternal = &schemas.Error{Kind: schemas.KindInternal, Fault: schemas.FaultCloudServers, Message: "The service has met an internal error."}
	errTooLarge = &schemas.Error{Kind: schemas.KindLimit, Fault: schemas.FaultOverLimit, Message: "The request body is too large."}
	errBusy     = &schemas.Error{Kind: schemas.KindUnavailable, Fault: schemas.FaultServiceUnavailable, Message: "The service is not available for now. Please try again."}
	// errAway and errUnknown are for when the database is away: nothing can be read, not even what became of a command.
	errAway    = &schemas.Error{Kind: schemas.KindUnavailable, Fault: schemas.FaultServiceUnavailable, Message: "The service cannot reach its database for now. Please try again."}
	errUnknown = errAway.Because(whereToLook)
	// errUnconfirmed is for when nobody says in time whether a command is with the bus, or decided.
	errUnconfirmed = errBusy.Because(whereToLook)
)

// fault is an error as it goes on the wire.
type fault struct {
	status int
	name   schemas.Fault
	err    *schemas.Error
}

// faultOf finds what to answer for any error. Only a *schemas.Error is shown; known tells whether err was one or stands for one.
func faultOf(err error) (f fault, known bool) {
	e, ok := errors.AsType[*schemas.Error](err)
	switch {
	case ok && e.Kind != schemas.KindInternal:
		known = true
	case errors.Is(err, storage.ErrNotFound):
		e, known = errNotFound, true
	case errors.Is(err, storage.ErrAway):
		e, known = errAway, true
	case errors.Is(err, storage.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e, known = errBusy, true
	default:
		e = errInternal
	}
	status, ok := statusOf[e.Kind]
	if !ok {
		return fault{fasthttp.StatusInternalServerError, schemas.FaultCloudServers, errInternal}, false
	}
	return fault{status, e.Fault, e}, known
}

// framingFault is what to answer when a request could not even be read.
func framingFault(err error) fault {
	var small *fasthttp.ErrSmallBuffer
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.As(err, &small):
		return plainFault(fasthttp.StatusRequestHeaderFieldsTooLarge, schemas.FaultCloudServers, "The request header is too large.")
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return fault{fasthttp.StatusRequestEntityTooLarge, schemas.FaultOverLimit, errTooLarge}
	case isNet && timeout.Timeout():
		return plainFault(fasthttp.StatusRequestTimeout, schemas.FaultCloudServers, "The request took too long to arrive.")
	default:
		return plainFault(fasthttp.StatusBadRequest, schemas.FaultBadRequest, "The request is not valid HTTP.")
	}
}

func plainFault(status int, name schemas.Fault, message string) fault {
	return fault{status, name, &schemas.Error{Fault: name, Message: message}}
}

// faultBody is a fault inside its envelope.
type faultBody struct {
	Code       int    `json:"code"`
	Message    string `json:"message"`
	Details    string `json:"details,omitempty"`
	RetryAfter string `json:"retryAfter,omitempty"`
}

// write sends the fault, with the headers that say when to try again.
func (f fault) write(res *fasthttp.Response, as format, now time.Time) {
	body := faultBody{Code: f.status, Message: f.err.Message, Details: f.err.Details}
	wait := f.wait()
	if wait > 0 {
		seconds := strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)
		res.Header.Set(fasthttp.HeaderRetryAfter, seconds)
		if f.name == schemas.FaultOverLimit {
			res.Header.Set("Reply-After", seconds) // the guide's prose has this name, its clients read either
			body.RetryAfter = now.Add(wait).UTC().Format(time.RFC3339)
		}
	}
	res.SetStatusCode(f.status)
	doc, err := appendBody(nil, f.document(body), as)
	if err != nil { // strings and a number: it cannot happen
		as, doc = formatJSON, []byte(`{"cloudServersFault":{"code":500,"message":"Internal error"}}`)
	}
	res.Header.SetContentType(as.contentType())
	res.SetBody(doc)
}

// document is the fault's body under its name. All names look the same.
func (f fault) document(body faultBody) Body {
	return Document{map[schemas.Fault]faultBody{f.name: body}, &xmlform.Form{
		Namespace: NamespaceV10,
		Elements:  map[string]xmlform.Element{string(f.name): {Children: []string{"message", "details"}}},
	}}
}

func (f fault) wait() time.Duration {
	switch {
	case f.err.RetryAfter > 0:
		return f.err.RetryAfter
	case f.status != fasthttp.StatusServiceUnavailable:
		return 0
	case f.name == schemas.FaultCapacity:
		return retryCapacity
	default:
		return retryUnavailable
	}
}
