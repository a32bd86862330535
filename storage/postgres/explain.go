package postgres

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/ozonecloud/ozone/storage"
)

// explain marks an error that says that the server is away, and adds what its operator can do about it.
func explain(err error) error {
	if err != nil && isAway(err) {
		return fmt.Errorf("%w: %w", storage.ErrAway, advise(err))
	}
	return advise(err)
}

// isAway tells whether nobody answers, or a server that can do nothing for now. A deadline of the caller's own is neither.
func isAway(err error) bool {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return awayCodes[e.Code] || e.Code.Class() == pqerror.ClassConnectionException || e.Code.Class() == pqerror.ClassInsufficientResources
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	for _, lost := range []error{driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// awayCodes are of a server that stops, was killed or starts, beside the classes for lost connections and missing resources.
var awayCodes = map[pqerror.Code]bool{
	pqerror.AdminShutdown:    true,
	pqerror.CrashShutdown:    true,
	pqerror.CannotConnectNow: true,
}

// advice is what an operator can do about an error of the server.
var advice = map[pqerror.Code]string{
	pqerror.InvalidPassword:                   "check the user and the password in the URL",
	pqerror.InvalidAuthorizationSpecification: "check the user in the URL, and that pg_hba.conf lets it in from here",
	pqerror.InvalidCatalogName:                "make the database first: CREATE DATABASE ... OWNER ...",
	pqerror.InsufficientPrivilege:             "make the user of the URL the owner of the database",
	pqerror.TooManyConnections:                "raise max_connections, or start fewer processes",
	pqerror.DiskFull:                          "the server's disk is full: make room, nothing that was accepted is lost",
	pqerror.CannotConnectNow:                  "the server is starting or stopping: wait until it is up",
	pqerror.ReadOnlySQLTransaction:            "the server or the user may only read: name the primary and a user that may write",
}

// advise adds to an error of the server what its operator can do about it.
func advise(err error) error {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		if text := advice[e.Code]; text != "" {
			return fmt.Errorf("%w; %s", err, text)
		}
		return err
	}
	if errors.Is(err, pq.ErrSSLNotSupported) {
		return fmt.Errorf("%w; turn ssl on for the server, or add sslmode=disable to the URL where nobody can listen", err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("%w; start PostgreSQL there, or correct the URL", err)
	}
	return err
}
