// Package hosts is what Ozone asks of a physical machine.
//
// A driver does the work (hosts/sim, later hosts/qemu); the agent in hosts/agent stands between the
// bus and the driver and sees to it that each step is done once. The suite hosttest says what every driver must hold.
package hosts

import (
	"context"

	"github.com/ozonecloud/ozone/schemas"
)

// Driver runs the servers of one host. Every call gets the whole step and may come again with the
// same step id (Step.ID), after a crash in the middle too: it then finishes what is left and answers the same.
// A *schemas.StepFailure wrapped in a *Failed error is the host's own word that the step is not done;
// any other error means that nobody knows, and the step will come again.
type Driver interface {
	// FetchImage brings the image's files to the host.
	FetchImage(ctx context.Context, s schemas.Step) error
	// CreateDisk makes the disk of (server, copy) from the image, grown to the flavor's size, with payload's files
	// and password in it; a disk that is there is replaced.
	CreateDisk(ctx context.Context, s schemas.Step, payload schemas.Payload) error
	// Start powers (server, copy) on. Running already is success.
	Start(ctx context.Context, s schemas.Step) error
	// Stop powers (server, copy) off, politely first. Stopped already, or no such copy, is success.
	Stop(ctx context.Context, s schemas.Step) error
	// Wipe erases (server, copy) with its disk before anything may reuse it. No such copy is success.
	Wipe(ctx context.Context, s schemas.Step) error
	// Inventory lists every copy on the host.
	Inventory(ctx context.Context) ([]Machine, error)
}

// Extra powers of a driver. A step whose power the driver lacks fails with schemas.FailureUnknown.
type (
	// Rebooter restarts a running server; a stopped one is started.
	Rebooter interface {
		Restart(ctx context.Context, s schemas.Step, hard bool) error
	}
	// PasswordSetter changes the administrator's password inside a running server.
	PasswordSetter interface {
		SetPassword(ctx context.Context, s schemas.Step, payload schemas.Payload) error
	}
	// Snapshotter freezes the disk's present content under the operation's id.
	Snapshotter interface {
		Snapshot(ctx context.Context, s schemas.Step) error
	}
	// Saver makes image s.Params.Image from the operation's snapshot and drops the snapshot.
	Saver interface {
		Save(ctx context.Context, s schemas.Step) error
	}
	// Remover deletes the files of image s.Params.Image, half-made ones included. No such image is success.
	Remover interface {
		Remove(ctx context.Context, s schemas.Step) error
	}
	// Sharer adds s.Params.Address, an address of another server of the cluster, to (server, copy), so that it can float
	// between them: the network lets it through, and with Configure the guest knows it, after a restart of a running one.
	// Unshare takes it away from both. Had already, and not there any more, are success.
	Sharer interface {
		Share(ctx context.Context, s schemas.Step) error
		Unshare(ctx context.Context, s schemas.Step) error
	}
	// Prober looks once at a running (server, copy), as s.Params.Probe says, and changes nothing: tcp is healthy when a
	// connection to the port is accepted, http when a GET of the path is answered with a status from 200 to 399; redirects
	// are not followed. Anything else, no answer within half of s.Timeout too, fails with schemas.FailureUnhealthy, whose message
	// is for the tenant: it says what was met and names no host. The same step may find something else when it comes again.
	Prober interface {
		Probe(ctx context.Context, s schemas.Step) error
	}
	// Copier brings (server, SourceCopy) of SourceHost here as (server, Copy): all of the snapshot first,
	// then with delta what changed since. It runs on the destination.
	Copier interface {
		Copy(ctx context.Context, s schemas.Step, delta bool) error
	}
)

// Machine is one copy of a server as a host has it.
type Machine struct {
	Server schemas.ServerID `json:"server"`
	Copy   int              `json:"copy"`
	On     bool             `json:"on"`
	RAMMiB int64            `json:"ram"`
	DiskGB int64            `json:"disk"`
	Image  schemas.ImageID  `json:"image"`
}

// Failed is a driver's word that a step was tried and is not done.
type Failed struct{ Failure schemas.StepFailure } //nolint:errname // hosts.Failed says it

// Error is the failure's message.
func (f *Failed) Error() string { return string(f.Failure.Reason) + ": " + f.Failure.Message }
