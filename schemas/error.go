package schemas

import (
	"fmt"
	"strings"
	"time"
)

// Kind says who can act on an error. Only the edge turns it into an HTTP status.
type Kind string

// The kinds of errors.
const (
	KindInvalid        Kind = "invalid"         // the author of the request: malformed or against a rule
	KindUnauthorized   Kind = "unauthorized"    // the token: missing, expired, of somebody else
	KindForbidden      Kind = "forbidden"       // the rules: this may not be done to this object
	KindNotFound       Kind = "not_found"       // no such object for this account
	KindMethod         Kind = "method"          // the path exists, the verb does not
	KindMedia          Kind = "media"           // the body is in a format nobody reads
	KindConflict       Kind = "conflict"        // the object's state: try when it has changed
	KindLimit          Kind = "limit"           // the account's limits
	KindCapacity       Kind = "capacity"        // the cloud's room
	KindUnavailable    Kind = "unavailable"     // Ozone itself, for now: try again
	KindNotImplemented Kind = "not_implemented" // a known request that nobody serves
	KindInternal       Kind = "internal"        // a defect: logged, its text never shown
)

// Fault is the name that the v1.0 contract gives an error on the wire.
type Fault string

// The faults of the v1.0 contract. Source: API guide v1.0, "Faults".
const (
	FaultCloudServers       Fault = "cloudServersFault"
	FaultServiceUnavailable Fault = "serviceUnavailable"
	FaultUnauthorized       Fault = "unauthorized"
	FaultBadRequest         Fault = "badRequest"
	FaultOverLimit          Fault = "overLimit"
	FaultBadMediaType       Fault = "badMediaType"
	FaultBadMethod          Fault = "badMethod"
	FaultItemNotFound       Fault = "itemNotFound"
	FaultBuildInProgress    Fault = "buildInProgress"
	FaultCapacity           Fault = "serverCapacityUnavailable"
	FaultBackupOrResize     Fault = "backupOrResizeInProgress"
	FaultResizeNotAllowed   Fault = "resizeNotAllowed"
	FaultNotImplemented     Fault = "notImplemented"
)

// Error is the one error type that crosses a package border on purpose.
// Message and Details are fit for the tenant: no host names, no numbers of other tenants.
type Error struct {
	Kind       Kind          `json:"kind"`
	Fault      Fault         `json:"fault"`
	Message    string        `json:"message"`
	Details    string        `json:"details,omitempty"`
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"` // zero: do not say
}

// Error is the message, with the details behind it.
func (e *Error) Error() string {
	if e.Details == "" {
		return e.Message
	}
	return strings.TrimSuffix(e.Message, ".") + ": " + e.Details
}

// Errorf makes an error of kind k with the fault that the contract has for it.
func Errorf(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Fault: faultOf[k], Message: fmt.Sprintf(format, args...)}
}

// Named is e under another fault name of the contract.
func (e *Error) Named(f Fault) *Error {
	c := *e
	c.Fault = f
	return &c
}

// Because is e with details.
func (e *Error) Because(format string, args ...any) *Error {
	c := *e
	c.Details = fmt.Sprintf(format, args...)
	return &c
}

// After is e with the advice to try again after d.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// ErrKeyUsed refuses a command whose idempotency key stands for another one.
var ErrKeyUsed = Errorf(KindInvalid, "idempotency key was used for another command")

// faultOf is the usual fault of a kind.
var faultOf = map[Kind]Fault{
	KindInvalid:        FaultBadRequest,
	KindUnauthorized:   FaultUnauthorized,
	KindForbidden:      FaultResizeNotAllowed,
	KindNotFound:       FaultItemNotFound,
	KindMethod:         FaultBadMethod,
	KindMedia:          FaultBadMediaType,
	KindConflict:       FaultCloudServers,
	KindLimit:          FaultOverLimit,
	KindCapacity:       FaultCapacity,
	KindUnavailable:    FaultServiceUnavailable,
	KindNotImplemented: FaultNotImplemented,
	KindInternal:       FaultCloudServers,
}
