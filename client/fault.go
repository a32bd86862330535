package client

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Error is an answer other than 2xx, or the lack of one: then it is unavailable and its Fault has no name.
type Error schemas.Error

// Error is the message, with the details behind it.
func (e *Error) Error() string { return (*schemas.Error)(e).Error() }

// kinds says who can act on a fault. Source: docs/api.md, "Faults".
var kinds = map[schemas.Fault]schemas.Kind{
	schemas.FaultBadRequest:         schemas.KindInvalid,
	schemas.FaultUnauthorized:       schemas.KindUnauthorized,
	schemas.FaultResizeNotAllowed:   schemas.KindForbidden,
	schemas.FaultItemNotFound:       schemas.KindNotFound,
	schemas.FaultBadMethod:          schemas.KindMethod,
	schemas.FaultBadMediaType:       schemas.KindMedia,
	schemas.FaultBuildInProgress:    schemas.KindConflict,
	schemas.FaultBackupOrResize:     schemas.KindConflict,
	schemas.FaultOverLimit:          schemas.KindLimit,
	schemas.FaultCapacity:           schemas.KindCapacity,
	schemas.FaultServiceUnavailable: schemas.KindUnavailable,
	schemas.FaultNotImplemented:     schemas.KindNotImplemented,
}

// kindsOfStatus are those of faults whose name says too little, and of answers that are no faults: a proxy's.
var kindsOfStatus = map[int]schemas.Kind{
	http.StatusBadRequest:         schemas.KindInvalid,
	http.StatusUnauthorized:       schemas.KindUnauthorized,
	http.StatusNotFound:           schemas.KindNotFound,
	http.StatusGone:               schemas.KindNotFound, // a cursor of events that are not kept any more
	http.StatusConflict:           schemas.KindConflict,
	http.StatusRequestTimeout:     schemas.KindUnavailable,
	http.StatusBadGateway:         schemas.KindUnavailable,
	http.StatusServiceUnavailable: schemas.KindUnavailable,
	http.StatusGatewayTimeout:     schemas.KindUnavailable,
}

// faultIn is the fault in an answer.
func faultIn(status int, header http.Header, body []byte) *Error {
	e := &Error{
		Kind: schemas.KindInternal, Fault: schemas.FaultCloudServers,
		Message: "The answer is " + strconv.Itoa(status) + " " + http.StatusText(status) + ".",
	}
	var doc map[schemas.Fault]struct{ Message, Details string }
	if json.Unmarshal(body, &doc) == nil && len(doc) == 1 {
		for name, f := range doc {
			e.Fault, e.Message, e.Details = name, f.Message, f.Details
		}
	}
	if kind, ok := kinds[e.Fault]; ok {
		e.Kind = kind
	} else if kind, ok := kindsOfStatus[status]; ok {
		e.Kind = kind
	}
	if seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 31); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// noAnswer is what to say of a request that got none. When its caller has given up, that is the reason.
func (c *Client) noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the URL, which is said
	}
	why := err.Error()
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		why = "none in " + answerWithin.String()
	}
	return &Error{Kind: schemas.KindUnavailable, Message: "No answer from " + c.config.URL, Details: why}
}

// kindOf is the kind of a fault; "" when err is none.
func kindOf(err error) schemas.Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}
