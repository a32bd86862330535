package tenant

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ozonecloud/ozone/client"
	"github.com/ozonecloud/ozone/schemas"
)

// The exit codes. Source: docs/cli.md.
const (
	exitRefused  = 1
	exitUsage    = 2
	exitNotFound = 3
	exitAway     = 4
	exitLogin    = 5
)

// problem is an error with what to do about it.
type problem struct {
	error
	code   int
	advice string // a sentence; "": none
}

// Error is the error and the advice, as sentences.
func (p *problem) Error() string {
	text := strings.TrimRight(p.error.Error(), ".") + "."
	if p.advice != "" {
		text += " " + p.advice
	}
	return text
}

// Unwrap is the error without the advice.
func (p *problem) Unwrap() error { return p.error }

// ExitCode is the exit code for an error that was explained.
func ExitCode(err error) int {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.code
	}
	return exitRefused
}

// outcomes say what to do about an error by its kind, and with which code to exit.
var outcomes = map[schemas.Kind]problem{
	schemas.KindInvalid:      {code: exitRefused},
	schemas.KindUnauthorized: {code: exitLogin, advice: "Log in with ozone login."},
	schemas.KindForbidden:    {code: exitRefused, advice: "Look at the server's status with ozone server show."},
	schemas.KindNotFound:     {code: exitNotFound, advice: "The list command shows what there is."},
	schemas.KindConflict:     {code: exitRefused, advice: "ozone server show has its status, ozone operation list what it is doing."},
	schemas.KindLimit:        {code: exitRefused, advice: "ozone limits shows what the account may have. Delete something, or ask for less."},
	schemas.KindCapacity:     {code: exitRefused, advice: "Repeat the command later, or take a smaller flavor."},
	schemas.KindUnavailable:  {code: exitAway, advice: "Repeat the command later."},
}

// Explain is err with what to do about it, when it is one of the cloud's answers or the lack of one.
func Explain(err error) error {
	f, ok := errors.AsType[*client.Error](err)
	if !ok {
		return err
	}
	p, known := outcomes[f.Kind]
	if !known {
		p.code = exitRefused
	}
	if f.Kind == schemas.KindLimit && f.RetryAfter > 0 {
		p.code, p.advice = exitAway, fmt.Sprintf("Repeat the command in %v, or let it wait with --retry %[1]v.", f.RetryAfter)
	}
	if f.Kind == schemas.KindUnavailable && f.Fault == "" {
		p.advice = "Is the cloud up, and is that where it is? ozone login --url names another place."
	}
	if p.error = err; f.Fault != "" {
		p.error = fmt.Errorf("%s (%s)", strings.TrimRight(err.Error(), "."), f.Fault)
	}
	return &p
}

// usage is an error of who gave the command.
func usage(text, advice string) error {
	return &problem{error: errors.New(text), code: exitUsage, advice: advice}
}
