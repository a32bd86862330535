// Package hosttest says what every driver of a host must hold.
//
// Each case gets hosts of its own. Every call is made twice with the same step id, for that is what
// agents do after a crash, and the second one must change nothing.
package hosttest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/schemas"
)

// Traits says which powers a driver has; the cases of the others are skipped.
type Traits struct {
	Reboot   bool
	Password bool
	Images   bool // Snapshotter, Saver, Remover
	Resize   bool // Snapshotter, Copier
	Share    bool // Sharer
	Probe    bool // Prober: a server that was just started takes connections to port 22
}

// Place names a copy of a server on a host.
type Place struct {
	Host   schemas.HostID
	Server schemas.ServerID
	Copy   int
}

// File is a file on a server's disk, as root of the server sees it.
type File struct {
	Path     string
	Contents string // the bytes, or anything that is equal when they are
	Mode     string // "0440"
	Owner    string // "root:root"
}

// Harness is two hosts of one cluster, both empty, and a way to look into their servers.
type Harness struct {
	// Drivers of both hosts, and which they are.
	Drivers map[schemas.HostID]hosts.Driver
	First   schemas.HostID
	Second  schemas.HostID

	Image   schemas.ImageID // is there, with a file at Replaced
	NoImage schemas.ImageID // is not there, and free to be made
	// Small fits twice on each host, Large at most once and not beside Small; TooLarge never.
	Small, Large, TooLarge schemas.Flavor
	// Replaced is the path of a file in Image.
	Replaced string

	// Content is equal for disks with equal content; of stopped servers only. "" when there is no such disk.
	Content func(t *testing.T, p Place) string
	// Files lists the files of interest on the disk of a stopped server.
	Files func(t *testing.T, p Place) []File
	// ContentsOf is how Files would show these contents.
	ContentsOf func(b []byte) string
	// Write makes the guest of a running server write something new to its disk.
	Write func(t *testing.T, p Place)
	// Reopen ends both drivers and gives new ones for the same hosts.
	Reopen func(t *testing.T) map[schemas.HostID]hosts.Driver
}

// Run runs the suite; each case calls open for hosts of its own.
func Run(t *testing.T, traits Traits, open func(t *testing.T) Harness) {
	t.Helper()
	cases := []struct {
		name string
		able bool
		test func(*world)
	}{
		{"CreateStartStopWipe", true, createStartStopWipe},
		{"UnknownCopies", true, unknownCopies},
		{"UnknownImage", true, unknownImage},
		{"Capacity", true, capacity},
		{"Rebuild", true, rebuild},
		{"Personality", true, personality},
		{"Reopen", true, reopen},
		{"Cancelled", true, cancelled},
		{"Reboot", traits.Reboot, reboot},
		{"Password", traits.Password, password},
		{"SnapshotAndSave", traits.Images, snapshotAndSave},
		{"SaveWithoutSnapshot", traits.Images, saveWithoutSnapshot},
		{"Copy", traits.Resize, copyWithDelta},
		{"CopyWithoutRoom", traits.Resize, copyWithoutRoom},
		{"Share", traits.Share, share},
		{"Probe", traits.Probe, probe},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if !c.able {
				t.Skip("the driver has no such power")
			}
			c.test(&world{T: t, Harness: open(t)})
		})
	}
}

// world is a harness in a test.
type world struct {
	*testing.T
	Harness
	steps int
}

// home is the usual place.
func (w *world) home(server schemas.ServerID) Place { return Place{w.First, server, 1} }

// step is a step of an operation for a place.
func (w *world) step(op string, name schemas.StepName, p Place) schemas.Step {
	w.steps++
	return schemas.Step{
		V: schemas.MessageV, Operation: schemas.OperationID(op), Name: name, Attempt: 1, Host: p.Host,
		Actor: p.Server.Ref(), Account: 1001, Epoch: 1, Version: int64(w.steps), Timeout: time.Minute,
		Params: schemas.StepParams{Server: p.Server, Copy: p.Copy, Image: w.Image, Flavor: &w.Small},
	}
}

// do makes the call of s twice and returns the first error; the second must end in the same way and change nothing.
func (w *world) do(s schemas.Step, payload schemas.Payload) error {
	w.Helper()
	first := w.call(w.Context(), s, payload)
	before := w.picture()
	second := w.call(w.Context(), s, payload)
	if reason(first) != reason(second) {
		w.Errorf("%s: first %v, the same step again %v", s.Name, first, second)
	}
	if after := w.picture(); !reflect.DeepEqual(before, after) {
		w.Errorf("%s: the same step again changed %v to %v", s.Name, before, after)
	}
	return first
}

// must is do without an error.
func (w *world) must(s schemas.Step) {
	w.Helper()
	if err := w.do(s, schemas.Payload{}); err != nil {
		w.Fatalf("%s: %v", s.Name, err)
	}
}

// refused is do with the host's own word for why not.
func (w *world) refused(s schemas.Step, want schemas.FailureReason) {
	w.Helper()
	if got := reason(w.do(s, schemas.Payload{PasswordHash: "$5$x"})); got != string(want) {
		w.Errorf("%s: %q, want %q", s.Name, got, want)
	}
}

// boot creates and starts a server.
func (w *world) boot(op string, p Place) {
	w.Helper()
	w.create(op, p, schemas.Payload{})
	w.must(w.step(op, schemas.StepStart, p))
}

func (w *world) create(op string, p Place, payload schemas.Payload) {
	w.Helper()
	w.must(w.step(op, schemas.StepFetchImage, p))
	if err := w.do(w.step(op, schemas.StepCreateDisk, p), payload); err != nil {
		w.Fatalf("create_disk: %v", err)
	}
}

func (w *world) call(ctx context.Context, s schemas.Step, payload schemas.Payload) error {
	w.Helper()
	d := w.Drivers[s.Host]
	switch s.Name {
	case schemas.StepFetchImage:
		return d.FetchImage(ctx, s)
	case schemas.StepCreateDisk:
		return d.CreateDisk(ctx, s, payload)
	case schemas.StepStart:
		return d.Start(ctx, s)
	case schemas.StepStop:
		return d.Stop(ctx, s)
	case schemas.StepWipe:
		return d.Wipe(ctx, s)
	case schemas.StepRestartSoft, schemas.StepRestartHard:
		return as[hosts.Rebooter](w, d).Restart(ctx, s, s.Name == schemas.StepRestartHard)
	case schemas.StepSetPassword:
		return as[hosts.PasswordSetter](w, d).SetPassword(ctx, s, payload)
	case schemas.StepSnapshot:
		return as[hosts.Snapshotter](w, d).Snapshot(ctx, s)
	case schemas.StepSave:
		return as[hosts.Saver](w, d).Save(ctx, s)
	case schemas.StepRemove:
		return as[hosts.Remover](w, d).Remove(ctx, s)
	case schemas.StepShareIP:
		return as[hosts.Sharer](w, d).Share(ctx, s)
	case schemas.StepUnshareIP:
		return as[hosts.Sharer](w, d).Unshare(ctx, s)
	case schemas.StepProbe:
		return as[hosts.Prober](w, d).Probe(ctx, s)
	case schemas.StepCopy, schemas.StepCopyDelta:
		return as[hosts.Copier](w, d).Copy(ctx, s, s.Name == schemas.StepCopyDelta)
	default:
		return fmt.Errorf("hosttest: no call for step %q", s.Name)
	}
}

// as is the driver's extra power.
func as[P any](w *world, d hosts.Driver) P {
	w.Helper()
	p, ok := d.(P)
	if !ok {
		w.Fatalf("%T lacks a power that its traits promise", d)
	}
	return p
}

// picture is what both hosts have, with the content of what is off.
func (w *world) picture() map[Place]any {
	w.Helper()
	out := map[Place]any{}
	for host, d := range w.Drivers {
		list, err := d.Inventory(w.Context())
		if err != nil {
			w.Fatalf("inventory of host %d: %v", host, err)
		}
		for _, m := range list {
			p := Place{host, m.Server, m.Copy}
			content := ""
			if !m.On {
				content = w.Content(w.T, p)
			}
			out[p] = [2]any{m, content}
		}
	}
	return out
}

// has checks the inventory of one host.
func (w *world) has(host schemas.HostID, want ...hosts.Machine) {
	w.Helper()
	got, err := w.Drivers[host].Inventory(w.Context())
	if err != nil {
		w.Fatalf("inventory of host %d: %v", host, err)
	}
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		w.Errorf("inventory of host %d = %+v, want %+v", host, got, want)
	}
}

func (w *world) machine(p Place, on bool) hosts.Machine {
	return hosts.Machine{Server: p.Server, Copy: p.Copy, On: on, RAMMiB: w.Small.RAMMiB, DiskGB: w.Small.DiskGB, Image: w.Image}
}

// reason is the class of an error: "", the host's reason, or "unknown".
func reason(err error) string {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*hosts.Failed](err); ok {
		return string(f.Failure.Reason)
	}
	return "unknown"
}
