package core

import (
	"slices"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// under begins an operation whose steps take a second each, and lets n of them be done.
func (w *cloud) under(n int, action schemas.Action, target int64, p schemas.Params) schemas.OperationID {
	w.slow = func() time.Duration { return time.Second }
	op := w.order(action, target, p)
	for range n {
		w.pass(time.Second)
	}
	return op
}

// cancel cancels an operation and lets everything end.
func (w *cloud) cancelled(op schemas.OperationID) schemas.OperationID {
	w.t.Helper()
	return w.do(schemas.OperationCancel, 0, schemas.Params{Operation: op})
}

func TestACancelledCreateLeavesNothing(t *testing.T) {
	t.Parallel()
	for steps := range 3 {
		w := newCloud(t, 2)
		op := w.under(steps, schemas.ServerCreate, 0, schemas.Params{Flavor: 2, Image: 1})
		w.wantStatus(1000, schemas.StatusBuild)
		cancel := w.cancelled(op)
		w.wantState(op, schemas.OperationCancelled)
		w.wantState(cancel, schemas.OperationSucceeded)
		w.wantStatus(1000, schemas.StatusDeleted)
		w.nothingLeft()
	}
}

func TestACancelledResizeGoesBackToAnUntouchedServer(t *testing.T) {
	t.Parallel()
	for _, steps := range []int{0, 1} {
		w := newCloud(t, 2)
		s := w.create(2)
		before := w.server(s)
		op := w.under(steps, schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
		w.wantStatus(s, schemas.StatusPrepResize)
		var got []schemas.Status
		cancel := w.order(schemas.OperationCancel, 0, schemas.Params{Operation: op})
		got = append(got, w.server(s).Status)
		if other := w.server(s).Cleanups; len(other) != 1 || w.rows.reservations[keyOf(s, 2)].Released {
			t.Errorf("teardowns %+v: the copy's room is held until its host has confirmed", other)
		}
		w.wantState(cancel, schemas.OperationRunning)
		w.settle()
		w.laws()
		if !slices.Equal(got, []schemas.Status{schemas.StatusActive}) {
			t.Errorf("after the cancel the server is %v, want ACTIVE at once", got)
		}
		w.wantState(op, schemas.OperationCancelled)
		w.wantState(cancel, schemas.OperationSucceeded)
		if after := w.server(s); after.Flavor != 2 || after.Home != before.Home || w.account().UsedRAMMiB != 512 {
			t.Errorf("server %+v, account %d MB; want as before and 512", after, w.account().UsedRAMMiB)
		}
		w.wantRuns(s, before.Home.Host)
		again := w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
		w.wantState(again, schemas.OperationSucceeded)
		w.deleteAll()
	}
}

func TestAResizeIsCancelledBeforeItsClusterHasAnswered(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	w.at(aLetter, "allocated", holdBack)
	op := w.order(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
	cancel := w.order(schemas.OperationCancel, 0, schemas.Params{Operation: op})
	w.wantStatus(s, schemas.StatusActive)
	w.wantState(op, schemas.OperationRejected)
	w.wantState(cancel, schemas.OperationSucceeded)
	w.wantFault(op, schemas.KindConflict, schemas.FaultCloudServers)
	w.release() // the place that it got comes too late
	w.settle()
	w.laws()
	w.deleteAll()
}

func TestACancelledImageIsFailedWithoutFiles(t *testing.T) {
	t.Parallel()
	for steps := range 2 {
		w := newCloud(t, 1)
		s := w.create(2)
		op := w.under(steps, schemas.ServerImage, 0, schemas.Params{Server: s})
		cancel := w.cancelled(op)
		image := schemas.ImageID(w.rows.ops[op].op.Target.ID)
		w.wantImage(image, schemas.ImageFailed)
		w.wantState(op, schemas.OperationCancelled)
		w.wantState(cancel, schemas.OperationSucceeded)
		if w.rows.ops[cancel].op.Target != image.Ref() || len(w.files) > 0 {
			t.Errorf("the cancel's target is %v, files are left: %v", w.rows.ops[cancel].op.Target, w.files)
		}
		w.wantState(w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3}), schemas.OperationSucceeded)
		w.wantState(w.do(schemas.ImageDelete, int64(image), schemas.Params{}), schemas.OperationSucceeded)
		w.deleteAll()
	}
}

func TestACancelledBackupIsAMissedOne(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	w.do(schemas.BackupSet, int64(s), schemas.Params{Backups: &schemas.BackupSchedule{Enabled: true, Weekly: "DISABLED", Daily: "H_0400_0600"}})
	w.slow = func() time.Duration { return time.Minute }
	for w.server(s).Imaging == nil {
		w.pass(time.Minute)
	}
	op := w.server(s).Imaging.Operation
	cancel := w.cancelled(op)
	w.wantState(op, schemas.OperationCancelled)
	w.wantState(cancel, schemas.OperationSucceeded)
	missed := slices.ContainsFunc(w.rows.events[s.Ref()], func(e Event) bool { return e.Name == "server.backup.missed" })
	if !missed || len(w.files) > 0 {
		t.Errorf("missed: %v, files: %v; want a missed backup without files", missed, w.files)
	}
	w.deleteAll()
}

// What cannot be taken back says why, and nothing of it changes.
func TestWhatCannotBeCancelledSaysWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first  func(w *cloud) schemas.ServerID
		action schemas.Action
		params schemas.Params
		steps  int
		why    string
	}{
		"soft reboot":    {atRest, schemas.ServerReboot, schemas.Params{}, 0, tooLate[planRebootSoft]},
		"hard reboot":    {atRest, schemas.ServerReboot, schemas.Params{Hard: true}, 0, tooLate[planRebootHard]},
		"rebuild":        {atRest, schemas.ServerRebuild, schemas.Params{}, 0, tooLate[planRebuild]},
		"password":       {atRest, schemas.ServerUpdate, schemas.Params{Password: true}, 0, tooLate[planPassword]},
		"resize, late":   {atRest, schemas.ServerResize, schemas.Params{Flavor: 3}, 2, tooLate[planResize]},
		"revert":         {(*cloud).resized, schemas.ServerResizeRevert, schemas.Params{}, 0, tooLate[planRevert]},
		"delete":         {atRest, schemas.ServerDelete, schemas.Params{}, 0, ""},
		"confirm":        {(*cloud).resized, schemas.ServerResizeConfirm, schemas.Params{}, 0, ""},
		"rename, ended":  {atRest, schemas.ServerUpdate, schemas.Params{Name: new("b")}, 0, notUnderWay().Details},
		"resize, ended":  {atRest, schemas.ServerResize, schemas.Params{Flavor: 3}, 9, notUnderWay().Details},
		"create refused": {atRest, schemas.ServerCreate, schemas.Params{Flavor: 77, Image: 1}, 0, notUnderWay().Details},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newCloud(t, 2)
			s := c.first(w)
			op := w.under(c.steps, c.action, int64(s), c.params)
			was := w.rows.ops[op].op.State
			cancel := w.order(schemas.OperationCancel, 0, schemas.Params{Operation: op})
			w.wantFault(cancel, schemas.KindConflict, schemas.FaultCloudServers)
			w.wantState(op, was)
			if got := w.rows.ops[cancel].answers[0].Fault.Details; got != c.why {
				t.Errorf("details %q, want %q", got, c.why)
			}
			w.settle()
			w.laws()
			w.deleteAll()
		})
	}
}

func TestEveryPlanThatIsNotTakenBackSaysWhy(t *testing.T) {
	t.Parallel()
	for _, row := range plans {
		if row.Plan != planCreate && row.Plan != planImage && row.Plan != planProbe && tooLate[row.Plan] == "" {
			t.Errorf("plan %s says nothing", row.Plan)
		}
	}
}

func TestACreateWithoutAPlaceIsNotCancelled(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	w.at(aLetter, "allocated", holdBack)
	op := w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: 2, Image: 1})
	cancel := w.order(schemas.OperationCancel, 0, schemas.Params{Operation: op})
	w.wantFault(cancel, schemas.KindConflict, schemas.FaultCloudServers)
	w.release()
	w.settle()
	w.wantState(op, schemas.OperationSucceeded)
	w.deleteAll()
}

func TestACancelIsDoneOnce(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	op := w.under(0, schemas.ServerCreate, 0, schemas.Params{Flavor: 2, Image: 1})
	key, digest := []byte("key"), []byte("digest")
	first := w.orderAs(&schemas.Command{Action: schemas.OperationCancel, Params: schemas.Params{Operation: op}, Key: key, Digest: digest})
	second := w.orderAs(&schemas.Command{Action: schemas.OperationCancel, Params: schemas.Params{Operation: op}, Key: key, Digest: digest})
	third := w.order(schemas.OperationCancel, 0, schemas.Params{Operation: op})
	w.settle()
	w.laws()
	w.wantState(first, schemas.OperationSucceeded)
	if w.rows.ops[second] != nil {
		t.Error("the repetition is an operation of its own")
	}
	w.wantFault(third, schemas.KindConflict, schemas.FaultCloudServers)
	w.nothingLeft()
}
