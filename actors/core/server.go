package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// retryAfter is the advice given with a refusal that passes by itself.
const retryAfter = time.Second

// server is a decision about a server in the making: a copy of its state and the effects so far.
// Slices and pointers inside the state are replaced, never changed in place: the old state stays whole.
type server struct {
	schemas.Server
	e  Effects
	in Input
}

// ServerView is the server as its tenant sees it, nil when it is shown nowhere.
func ServerView(s *schemas.Server, r *Rules) *schemas.ServerView {
	if !isShown(s) {
		return nil
	}
	return &schemas.ServerView{
		ID: s.ID, Name: s.Name, ImageID: s.Image, FlavorID: s.Flavor, HostID: hostHash(r.HostKey, s.Account, s.Home.Host),
		Status: s.Status, Progress: s.Progress, SharedIPGroup: s.Group, Metadata: notNil(s.Metadata),
		Addresses: schemas.AddressesView{Public: list(slices.Concat(s.Public, s.Shared)), Private: list(s.Private)},
	}
}

func isShown(s *schemas.Server) bool {
	return s.ID != 0 && !s.Hidden && s.Status != schemas.StatusDeleted
}

// hostHash names a host for one account only: the first half of an HMAC, as 32 hex digits.
func hostHash(key []byte, account schemas.AccountID, host schemas.HostID) string {
	if host == 0 {
		return ""
	}
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte("host/" + strconv.FormatInt(int64(account), 10) + "/" + strconv.FormatInt(int64(host), 10)))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func notNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// ServerWakeAt is the earliest timer of a server, zero when it waits for nothing.
func ServerWakeAt(s *schemas.Server) time.Time {
	var at time.Time
	if c := s.Cursor; c != nil {
		at = earliest(earliest(at, c.Deadline), c.Expires)
	}
	for _, c := range s.Cleanups {
		at = earliest(at, c.RetryAt)
	}
	if s.Probe != nil {
		at = earliest(at, probeWakeAt(s.Probe))
	} else {
		at = earliest(at, s.ConfirmAt)
	}
	return earliest(at, backupWakeAt(s))
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// set moves the server to a status and shows its progress.
func (d *server) set(to schemas.Status, percent int) {
	d.Status, d.Progress = to, percent
	d.touch()
}

// touch marks the state as changed.
func (d *server) touch() {
	d.Updated = d.in.Now
	d.e.Save = true
}

// fire follows one row of the state table; a row that is not there is a defect of the tables.
func (d *server) fire(on schemas.Trigger, percent int) {
	to, err := next(&d.Server, on)
	if err != nil {
		panic("state table: no row for " + string(d.Status) + " on " + string(on))
	}
	d.set(to, percent)
}

// event tells the world; its name is the operation's action, that of a cancel says whose.
func (d *server) event(a schemas.Action, p Phase, op schemas.OperationID, err *schemas.OperationError) {
	name := string(a)
	if a == schemas.OperationCancel {
		name = "server.cancel"
	}
	d.e.event(&d.Sequence, name, p, op, err)
}

// end closes an operation: its record, its terminal event.
func (d *server) end(a schemas.Action, op schemas.OperationID, err *schemas.OperationError) {
	state, phase := schemas.OperationSucceeded, PhaseEnd
	if err != nil {
		state, phase = schemas.OperationFailed, PhaseError
	}
	d.e.Progress = append(d.e.Progress, Progress{Operation: op, State: state, Percent: 100, Error: err})
	d.event(a, phase, op, err)
}

// cancel closes the operation under way because another one took its place.
func (d *server) cancel(why string) {
	c := d.Cursor
	if c == nil {
		return
	}
	err := &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: why}
	d.e.Progress = append(d.e.Progress, Progress{Operation: c.Operation, State: schemas.OperationCancelled, Error: err})
	d.event(c.Action, PhaseCancelled, c.Operation, err)
	d.Cursor = nil
}

// settle tells the account what becomes of what it holds for the operation.
func (d *server) settle(op schemas.OperationID, keep bool, free schemas.Quota) {
	d.e.tell(d.Account.Ref(), Settle{Operation: op, Keep: keep, Free: free})
}

func allocateID(op schemas.OperationID, cluster schemas.ClusterID, copies int) string {
	return "allocate/" + string(op) + "/" + strconv.FormatInt(int64(cluster), 10) + "/" + strconv.Itoa(copies)
}

func releaseID(s schemas.ServerID, cluster schemas.ClusterID, copies int) string {
	return "release/" + strconv.FormatInt(int64(s), 10) + "/" + strconv.FormatInt(int64(cluster), 10) + "/" + strconv.Itoa(copies)
}

// allocate asks the cluster in the cursor for a place for copy Copies.
func (d *server) allocate(addresses bool, avoid schemas.HostID) {
	c := d.Cursor
	d.e.Ask = append(d.e.Ask, Request{
		ID: allocateID(c.Operation, c.Cluster, d.Copies), To: schemas.ShardOfCluster(c.Cluster), Type: schemas.TypeAllocate, Message: &schemas.Allocate{
			V: schemas.MessageV, Operation: c.Operation, Cluster: c.Cluster, Account: d.Account, Server: d.ID, Copy: d.Copies,
			Flavor: d.in.Rules.Flavors[c.Flavor], Addresses: addresses, Avoid: avoid,
		},
	})
}

// release gives back what a copy holds, or may hold, in a cluster.
func (d *server) release(op schemas.OperationID, cluster schemas.ClusterID, copies int, addresses bool) {
	d.e.release(&schemas.Release{
		V: schemas.MessageV, Operation: op, Cluster: cluster, Account: d.Account, Server: d.ID, Copy: copies, Addresses: addresses,
		KeepPublic: addresses && d.Group != 0 && len(d.Public) > 0,
	})
}

// edit is a copy of the cursor to be changed; it is the state's from now on.
func (d *server) edit() *schemas.Cursor {
	c := *d.Cursor
	d.Cursor = &c
	return &c
}

// editCleanup is a copy of cleanup i to be changed; it is the state's from now on.
func (d *server) editCleanup(i int) *schemas.Cleanup {
	d.Cleanups = slices.Clone(d.Cleanups)
	d.e.Save = true
	return &d.Cleanups[i]
}

// place is the copy that a step works on.
func (d *server) place(at place) schemas.Placement {
	if at == atOther {
		if d.Other == nil {
			return schemas.Placement{}
		}
		return *d.Other
	}
	return d.Home
}

// params is what a step is told about the server.
func (d *server) params(p schemas.Placement) schemas.StepParams {
	flavor := d.in.Rules.Flavors[p.Flavor]
	return schemas.StepParams{
		Server: d.ID, Copy: p.Copy, Image: d.Image, Flavor: &flavor, Public: d.public(), Private: d.Private, Name: d.Name,
	}
}

// newServer is the server that an admitted create begins with.
func newServer(a *Admit, now time.Time) schemas.Server {
	p := a.Command.Params
	s := schemas.Server{
		V: schemas.StateV, ID: a.NewServer, Account: a.Command.Account, Metadata: maps.Clone(p.Metadata), Image: p.Image,
		Flavor: p.Flavor, Group: p.Group, Hidden: true, Created: now, Updated: now,
	}
	if p.Address != "" {
		s.Shared = []string{p.Address}
	}
	if p.Name != nil {
		s.Name = *p.Name
	} else {
		s.Name = "slice" + strconv.FormatInt(int64(a.NewServer), 10) // as the reference service named them
	}
	return s
}
