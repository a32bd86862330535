package core

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// theMatrix is the admission matrix of the contract, copied by hand from it and from nothing else.
// b is 409 buildInProgress, r 409 backupOrResizeInProgress, R 403 resizeNotAllowed, c 409 cloudServersFault.
// imaging is ACTIVE while an image of it is made; waiting is ERROR while a silent host may still run it.
var theMatrix = []struct {
	state string
	cells [16]string // rename, password, delete, reboot SOFT, reboot HARD, rebuild, resize, confirm, revert, image, share, share and set up, unshare, set backups, forced delete, cancel
}{
	{"ACTIVE", [16]string{"ok", "ok", "ok", "ok", "ok", "ok", "ok", "R", "R", "ok", "ok", "ok", "ok", "ok", "ok", "c"}},
	{"BUILD", [16]string{"b", "b", "b", "b", "b", "b", "b", "R", "R", "b", "b", "b", "b", "b", "ok", "ok"}},
	{"REBUILD", [16]string{"b", "b", "b", "b", "b", "b", "b", "R", "R", "b", "b", "b", "b", "b", "ok", "c"}},
	{"QUEUE_RESIZE", [16]string{"r", "r", "r", "r", "r", "r", "R", "R", "R", "r", "r", "r", "r", "r", "ok", "ok"}},
	{"PREP_RESIZE", [16]string{"r", "r", "r", "r", "r", "r", "R", "R", "R", "r", "r", "r", "r", "r", "ok", "ok"}},
	{"RESIZE", [16]string{"r", "r", "r", "r", "r", "r", "R", "R", "R", "r", "r", "r", "r", "r", "ok", "c"}},
	{"VERIFY_RESIZE", [16]string{"ok", "r", "ok", "r", "r", "r", "R", "ok", "ok", "r", "r", "r", "r", "r", "ok", "c"}},
	{"REBOOT", [16]string{"ok", "c", "ok", "c", "ok", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"HARD_REBOOT", [16]string{"ok", "c", "ok", "c", "c", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"PASSWORD", [16]string{"ok", "c", "ok", "c", "c", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"SHARE_IP", [16]string{"ok", "c", "ok", "c", "c", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"SHARE_IP_NO_CONFIG", [16]string{"ok", "c", "ok", "c", "c", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"DELETE_IP", [16]string{"ok", "c", "ok", "c", "c", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"SUSPENDED", [16]string{"ok", "c", "ok", "c", "c", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"RESCUE", [16]string{"ok", "c", "ok", "ok", "ok", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"ERROR", [16]string{"ok", "c", "ok", "c", "ok", "ok", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"UNKNOWN", [16]string{"ok", "c", "ok", "c", "c", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
	{"imaging", [16]string{"ok", "ok", "ok", "ok", "ok", "r", "r", "R", "R", "r", "ok", "ok", "ok", "ok", "ok", "c"}},
	{"waiting", [16]string{"ok", "c", "ok", "c", "c", "c", "c", "R", "R", "c", "c", "c", "c", "ok", "ok", "c"}},
}

func TestAdmissionIsTheContracts(t *testing.T) {
	t.Parallel()
	cells := 0
	for _, row := range theMatrix {
		for i, want := range row.cells {
			cells++
			s := serverIn(schemas.Status(row.state))
			switch row.state {
			case "imaging":
				s = serverIn(schemas.StatusActive)
				s.Imaging = &schemas.Imaging{Image: 5000, Operation: "image"}
			case "waiting":
				s = serverIn(schemas.StatusError)
				s.Unsettled = &schemas.Waiting{Operation: "before", Step: schemas.StepStart, Attempt: 1, Host: 1, Copy: 1}
			}
			_, e := admitted(t, s, tenants[i])
			if got := letterOf(&e); got != want {
				t.Errorf("%s, %s: %s, want %s", row.state, tenants[i], got, want)
			}
		}
	}
	t.Logf("%d cells of the contract's matrix", cells)
}

// letterOf is the contract's letter for what an admission answered.
func letterOf(e *Effects) string {
	i := slices.IndexFunc(e.Answers, func(d Decision) bool { return d.Answer.Operation == "op" })
	if i < 0 {
		return "ok" // it went on to the cluster, or to an image
	}
	f := e.Answers[i].Answer.Fault
	if f == nil {
		return "ok"
	}
	letters := map[string]string{
		"conflict buildInProgress": "b", "conflict backupOrResizeInProgress": "r", "forbidden resizeNotAllowed": "R", "conflict cloudServersFault": "c",
	}
	got := fmt.Sprintf("%s %s", f.Kind, f.Fault)
	if l, ok := letters[got]; ok {
		return l
	}
	return got
}

// serverIn is a server in a status, with what a server in that status has.
func serverIn(status schemas.Status) schemas.Server {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := schemas.Server{
		Group: 300, Shared: []string{"198.18.1.2"}, V: 1, ID: 1000, Account: 1, Name: "a", Image: 1, Flavor: 2, Status: status, Copies: 1, QuotaRAMMiB: 512, Created: now, Updated: now,
		Home:   schemas.Placement{Cluster: 1, Host: 1, Copy: 1, Flavor: 2},
		Public: []string{"198.18.1.1"}, Private: []string{"10.1.0.1"},
	}
	work := map[schemas.Status]string{
		schemas.StatusBuild: planCreate, schemas.StatusRebuild: planRebuild, schemas.StatusPrepResize: planResize, schemas.StatusResize: planResize,
		schemas.StatusShareIP: planShareSetUp, schemas.StatusShareIPNoConfig: planShare, schemas.StatusDeleteIP: planUnshare,
		schemas.StatusPassword: planPassword, schemas.StatusReboot: planRebootSoft, schemas.StatusHardReboot: planRebootHard, schemas.StatusQueueResize: planResize,
	}
	if plan := work[status]; plan != "" {
		s.Cursor = &schemas.Cursor{Operation: "before", Plan: plan, Step: planOf(plan)[0].Step, Attempt: 1, Deadline: now.Add(time.Minute)}
	}
	switch status {
	case schemas.StatusPrepResize, schemas.StatusResize, schemas.StatusVerifyResize:
		s.Copies, s.Other = 2, &schemas.Placement{Cluster: 1, Host: 2, Copy: 2, Flavor: 3}
	case schemas.StatusQueueResize:
		s.Copies, s.Cursor.Action, s.Cursor.Step, s.Cursor.Flavor, s.Cursor.Cluster = 2, schemas.ServerResize, "", 3, 1
	case schemas.StatusUnknown:
		s.Former = schemas.StatusActive
	default:
	}
	return s
}

// admitted is what a server decides about a tenant's or operator's trigger, everything else being in order.
func admitted(t *testing.T, s schemas.Server, on schemas.Trigger) (schemas.Server, Effects) {
	t.Helper()
	w := newCloud(t, 0)
	c := &schemas.Command{V: 1, ID: "op", Account: 1, Target: int64(s.ID), Created: w.now, Expires: w.now.Add(time.Minute)}
	switch on {
	case schemas.OnRename:
		c.Action, c.Params.Name = schemas.ServerUpdate, new("b")
	case schemas.OnPassword:
		c.Action, c.Params.Password = schemas.ServerUpdate, true
	case schemas.OnRebootSoft, schemas.OnRebootHard:
		c.Action, c.Params.Hard = schemas.ServerReboot, on == schemas.OnRebootHard
	case schemas.OnShare, schemas.OnShareSetUp:
		c.Action = schemas.ServerShareIP
	case schemas.OnDelete, schemas.OnForce:
		c.Action, c.Params.Force = schemas.ServerDelete, on == schemas.OnForce
	default:
		for a, trigger := range actionTriggers {
			if trigger == on {
				c.Action = a
			}
		}
	}
	c.Params.Flavor, c.Params.Group, c.Params.Address = 3, 300, "198.18.1.2"
	c.Params.Configure, c.Params.Operation = on == schemas.OnShareSetUp, "before"
	a := &Admit{Command: c, NewServer: 2000, NewImage: 5001, Imaged: true, Granted: true, Joins: true, Subject: s.ID.Ref()}
	next, e, err := DecideServer(s, a, Input{Now: w.now, Rules: &w.rules})
	if err != nil {
		t.Fatalf("%s in %s: %v", on, s.Status, err)
	}
	return next, e
}
