package core

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

func TestCreateEndsActive(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	w.wantStatus(s, schemas.StatusActive)
	w.wantRuns(s, w.server(s).Home.Host)
	if a := w.account(); a.UsedRAMMiB != 512 || a.Servers != 1 {
		t.Errorf("account holds %d MB and %d servers, want 512 and 1", a.UsedRAMMiB, a.Servers)
	}
	w.deleteAll()
}

func TestCreateIsSeenOnlyWhenItHasAPlace(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	w.at(aLetter, "allocated", holdBack)
	id := w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: 2, Image: 1})
	s := w.server(1000)
	if v := ServerView(&s, &w.rules); v != nil {
		t.Errorf("view before admission = %+v, want none", v)
	}
	w.wantState(id, schemas.OperationAdmitting)
	w.release()
	w.settle()
	w.wantState(id, schemas.OperationSucceeded)
	w.deleteAll()
}

func TestOperationsPassTheirStatuses(t *testing.T) {
	t.Parallel()
	const (
		active = schemas.StatusActive
		verify = schemas.StatusVerifyResize
	)
	tests := []struct {
		sentence string
		first    func(w *cloud) schemas.ServerID
		action   schemas.Action
		params   schemas.Params
		want     []schemas.Status
	}{
		{"rename", atRest, schemas.ServerUpdate, schemas.Params{Name: new("b")}, []schemas.Status{active}},
		{"password", atRest, schemas.ServerUpdate, schemas.Params{Password: true}, []schemas.Status{active, schemas.StatusPassword, active}},
		{"soft reboot", atRest, schemas.ServerReboot, schemas.Params{}, []schemas.Status{active, schemas.StatusReboot, active}},
		{"hard reboot", atRest, schemas.ServerReboot, schemas.Params{Hard: true}, []schemas.Status{active, schemas.StatusHardReboot, active}},
		{"rebuild", atRest, schemas.ServerRebuild, schemas.Params{Image: 2}, []schemas.Status{active, schemas.StatusRebuild, active}},
		{"rebuild of the same image", atRest, schemas.ServerRebuild, schemas.Params{}, []schemas.Status{active, schemas.StatusRebuild, active}},
		{
			"resize", atRest, schemas.ServerResize,
			schemas.Params{Flavor: 3},
			[]schemas.Status{active, schemas.StatusQueueResize, schemas.StatusPrepResize, schemas.StatusResize, verify},
		},
		{"confirm", (*cloud).resized, schemas.ServerResizeConfirm, schemas.Params{}, []schemas.Status{verify, active}},
		{"revert", (*cloud).resized, schemas.ServerResizeRevert, schemas.Params{}, []schemas.Status{verify, schemas.StatusResize, active}},
		{"suspend", atRest, schemas.ServerSuspend, schemas.Params{}, []schemas.Status{active, schemas.StatusSuspended}},
		{"rescue", atRest, schemas.ServerRescue, schemas.Params{}, []schemas.Status{active, schemas.StatusRescue}},
		{"delete", atRest, schemas.ServerDelete, schemas.Params{}, []schemas.Status{active, schemas.StatusDeleted}},
		{"delete in VERIFY_RESIZE", (*cloud).resized, schemas.ServerDelete, schemas.Params{}, []schemas.Status{verify, schemas.StatusDeleted}},
	}
	for _, c := range tests {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			w := newCloud(t, 2)
			s := c.first(w)
			var op schemas.OperationID
			got := w.history(s, func() { op = w.do(c.action, int64(s), c.params) })
			if !slices.Equal(got, c.want) {
				t.Errorf("statuses %v, want %v", got, c.want)
			}
			w.wantState(op, schemas.OperationSucceeded)
			w.deleteAll()
		})
	}
}

func atRest(w *cloud) schemas.ServerID { return w.create(2) }

func TestRenameChangesTheNameOnly(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(1)
	before := w.server(s)
	w.do(schemas.ServerUpdate, int64(s), schemas.Params{Name: new("web")})
	after := w.server(s)
	if after.Name != "web" {
		t.Errorf("name = %q, want web", after.Name)
	}
	after.Name, after.Sequence, after.Updated = before.Name, before.Sequence, before.Updated
	if got, want := string(toJSON(t, after)), string(toJSON(t, before)); got != want {
		t.Errorf("state = %s, want %s", got, want)
	}
}

func TestResizeUpHoldsTheDifferenceAtOnceAndRevertGivesItBack(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	home := w.server(s).Home
	w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
	if v := w.server(s); v.Flavor != 3 || w.account().UsedRAMMiB != 1024 {
		t.Errorf("flavor %d, account %d MB; want 3 and 1024", v.Flavor, w.account().UsedRAMMiB)
	}
	w.do(schemas.ServerResizeRevert, int64(s), schemas.Params{})
	if v := w.server(s); v.Flavor != 2 || v.Home != home || w.account().UsedRAMMiB != 512 {
		t.Errorf("flavor %d at %+v, account %d MB; want 2 at %+v and 512", v.Flavor, v.Home, w.account().UsedRAMMiB, home)
	}
	w.wantRuns(s, home.Host)
	w.deleteAll()
}

func TestResizeDownGivesTheDifferenceBackAtConfirm(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(3)
	w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 1})
	if got := w.account().UsedRAMMiB; got != 1024 {
		t.Errorf("account holds %d MB in VERIFY_RESIZE, want 1024", got)
	}
	w.do(schemas.ServerResizeConfirm, int64(s), schemas.Params{})
	if got := w.account().UsedRAMMiB; got != 256 {
		t.Errorf("account holds %d MB after the confirm, want 256", got)
	}
	w.deleteAll()
}

func TestResizeConfirmsItselfAfterADay(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.resized()
	w.pass(24*time.Hour - time.Second)
	w.wantStatus(s, schemas.StatusVerifyResize)
	w.pass(time.Second)
	w.wantStatus(s, schemas.StatusActive)
	w.settle()
	w.laws()
	last := w.rows.order[len(w.rows.order)-1]
	w.wantState(last, schemas.OperationSucceeded)
	if got := w.rows.ops[last].op.Action; got != schemas.ServerResizeConfirm {
		t.Errorf("the last operation is %s, want resize_confirm", got)
	}
	w.deleteAll()
}

func TestResizeToTheSameFlavorIsRefused(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	op := w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 2})
	w.wantFault(op, schemas.KindForbidden, schemas.FaultResizeNotAllowed)
}

func TestHardRebootTakesThePlaceOfASoftOne(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	w.at(aStep, "reboot_soft/restart_soft", holdBack)
	soft := w.order(schemas.ServerReboot, int64(s), schemas.Params{})
	hard := w.order(schemas.ServerReboot, int64(s), schemas.Params{Hard: true})
	w.release()
	w.settle()
	w.laws()
	w.wantState(soft, schemas.OperationCancelled)
	w.wantState(hard, schemas.OperationSucceeded)
	w.wantStatus(s, schemas.StatusActive)
	w.deleteAll()
}

func TestSoftRebootThatFailsBecomesAHardOne(t *testing.T) {
	t.Parallel()
	for _, a := range []action{fail, failHard, drop} {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			w := newCloud(t, 1)
			s := w.create(2)
			w.at(aStep, "reboot_soft/restart_soft", a)
			op := w.do(schemas.ServerReboot, int64(s), schemas.Params{})
			w.wantState(op, schemas.OperationSucceeded)
			w.wantStatus(s, schemas.StatusActive)
			w.deleteAll()
		})
	}
}

func TestRescuedServerReturnsToRescueAfterAReboot(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	w.do(schemas.ServerRescue, int64(s), schemas.Params{})
	w.do(schemas.ServerReboot, int64(s), schemas.Params{})
	w.wantStatus(s, schemas.StatusRescue)
	w.do(schemas.ServerUnrescue, int64(s), schemas.Params{})
	w.wantStatus(s, schemas.StatusActive)
	w.deleteAll()
}

func TestFailedResizeKeepsTheSource(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"snapshot", "copy", "stop", "copy_delta", "start"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newCloud(t, 2)
			s := w.create(2)
			home := w.server(s).Home
			w.at(aStep, "resize/"+step, fail)
			op := w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
			w.wantState(op, schemas.OperationFailed)
			w.wantStatus(s, schemas.StatusActive)
			w.wantRuns(s, home.Host)
			if v := w.server(s); v.Home != home || v.Flavor != 2 || w.account().UsedRAMMiB != 512 {
				t.Errorf("flavor %d at %+v, account %d MB; want 2 at %+v and 512", v.Flavor, v.Home, w.account().UsedRAMMiB, home)
			}
			w.deleteAll()
		})
	}
}

func TestFailedOperationsEndAsTheContractSays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		step   string
		action schemas.Action
		params schemas.Params
		want   schemas.Status
	}{
		{"password/set_password", schemas.ServerUpdate, schemas.Params{Password: true}, schemas.StatusActive},
		{"reboot_hard/restart_hard", schemas.ServerReboot, schemas.Params{Hard: true}, schemas.StatusError},
		{"rebuild/create_disk", schemas.ServerRebuild, schemas.Params{Image: 2}, schemas.StatusError},
	}
	for _, c := range tests {
		for _, a := range []action{fail, failHard, drop} {
			t.Run(c.step+" "+string(a), func(t *testing.T) {
				t.Parallel()
				w := newCloud(t, 1)
				s := w.create(2)
				w.at(aStep, c.step, a)
				op := w.do(c.action, int64(s), c.params)
				w.wantState(op, schemas.OperationFailed)
				w.wantStatus(s, c.want)
				if (w.server(s).Unsettled != nil) != (c.want == schemas.StatusError && a == drop) {
					t.Errorf("unsettled = %+v", w.server(s).Unsettled)
				}
				w.deleteAll()
			})
		}
	}
}

func TestFailedCreateEndsInErrorAndCanBeRebuilt(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	w.at(aStep, "create/start", fail)
	s := w.create(2)
	w.wantStatus(s, schemas.StatusError)
	w.fault = nil
	w.do(schemas.ServerRebuild, int64(s), schemas.Params{})
	w.wantStatus(s, schemas.StatusActive)
	w.deleteAll()
}

func TestDeleteCancelsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		step   string
		action schemas.Action
		params schemas.Params
	}{
		{"password/set_password", schemas.ServerUpdate, schemas.Params{Password: true}},
		{"reboot_soft/restart_soft", schemas.ServerReboot, schemas.Params{}},
		{"reboot_hard/restart_hard", schemas.ServerReboot, schemas.Params{Hard: true}},
	}
	for _, c := range tests {
		for _, a := range []action{holdBack, drop, late, outcomeLate} {
			t.Run(c.step+" "+string(a), func(t *testing.T) {
				t.Parallel()
				w := newCloud(t, 1)
				s := w.create(2)
				w.at(aStep, c.step, a)
				first := w.order(c.action, int64(s), c.params)
				gone := w.order(schemas.ServerDelete, int64(s), schemas.Params{})
				w.release()
				w.settle()
				w.laws()
				w.wantState(first, schemas.OperationCancelled)
				w.wantState(gone, schemas.OperationSucceeded)
				w.nothingLeft()
			})
		}
	}
}

func TestDeleteFromEachRestingStatus(t *testing.T) {
	t.Parallel()
	for _, first := range []schemas.Action{schemas.ServerSuspend, schemas.ServerRescue} {
		w := newCloud(t, 1)
		s := w.create(2)
		w.do(first, int64(s), schemas.Params{})
		op := w.do(schemas.ServerDelete, int64(s), schemas.Params{})
		w.wantState(op, schemas.OperationSucceeded)
		w.nothingLeft()
	}
	w := newCloud(t, 1)
	s := w.create(2)
	w.lose(1)
	w.wantStatus(s, schemas.StatusUnknown)
	op := w.do(schemas.ServerDelete, int64(s), schemas.Params{})
	w.wantState(op, schemas.OperationRunning) // until its host returns
	w.comeBack(1)
	w.settle()
	w.laws()
	w.wantState(op, schemas.OperationSucceeded)
	w.nothingLeft()
}

// A repeated answer to the first attempt is no answer to the second.
func TestAnswerToAnEarlierAttemptDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	tries := 0
	w.fault = func(p point) action {
		if p != (point{aStep, "password/set_password"}) {
			return pass
		}
		if tries++; tries == 1 {
			return fail
		}
		return holdBack
	}
	op := w.order(schemas.ServerUpdate, int64(s), schemas.Params{Password: true})
	for range 3 {
		o := &schemas.Outcome{
			V: 1, Operation: op, Name: schemas.StepSetPassword, Attempt: 1, Host: 1, Copy: 1, Actor: s.Ref(), Account: 1, Failure: failed(schemas.FailureFault),
		}
		w.send(envelope{to: s.Ref(), message: o, durable: true})
	}
	w.drain()
	w.release()
	w.settle()
	w.wantState(op, schemas.OperationSucceeded)
	w.deleteAll()
}

func TestClaimAsksForTeardownsAtOnce(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	w.at(aStep, "cleanup/stop", drop)
	op := w.order(schemas.ServerDelete, int64(s), schemas.Params{})
	w.fault = nil
	w.crash()
	w.drain()
	w.wantState(op, schemas.OperationSucceeded)
	w.nothingLeft()
}

// A host that goes on by itself may leave all but the last of its answers out.
func TestTheAnswerToALaterStepSaysThatTheEarlierOnesAreDone(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	w.fault = func(p point) action {
		if p.kind == aStep && p.name != "create/start" {
			return outcomeLeft
		}
		return pass
	}
	s := w.create(2)
	w.wantStatus(s, schemas.StatusActive)
	w.wantRuns(s, 1)
	w.laws()
	w.deleteAll()
}

func TestTheAnswerToALaterStepEndsTheWaitForAnEarlierOne(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	w.fault = func(p point) action {
		switch p {
		case point{aStep, "create/fetch_image"}:
			return outcomeLeft
		case point{aStep, "create/create_disk"}:
			return holdBack
		}
		return pass
	}
	s := w.create(2)
	w.wantStatus(s, schemas.StatusError)
	if u := w.server(s).Unsettled; u == nil || u.Step != schemas.StepFetchImage {
		t.Fatalf("unsettled = %+v, want fetch_image", u)
	}
	w.fault = nil
	w.release()
	w.settle()
	if u := w.server(s).Unsettled; u != nil {
		t.Errorf("unsettled = %+v after the host has answered create_disk", u)
	}
	w.do(schemas.ServerRebuild, int64(s), schemas.Params{})
	w.wantStatus(s, schemas.StatusActive)
	w.deleteAll()
}

func TestStepsOnOneHostAreGivenTogether(t *testing.T) {
	t.Parallel()
	for row, want := range map[string]int{
		"create/fetch_image": 2, "create/start": 0, "rebuild/stop": 3, "resize/snapshot": 0, "resize/copy": 0, "resize/stop": 0,
		"resize/copy_delta": 1, "restore/stop": 0, "image/snapshot": 0,
	} {
		plan, name, _ := strings.Cut(row, "/")
		step, _, ok := stepOf(plan, schemas.StepName(name))
		if got := len(follow(step)); !ok || got != want {
			t.Errorf("%d steps follow %s, want %d", got, row, want)
		}
	}
}

// A forced delete needs no resting status: what is under way ends, on hosts and at the cluster.
func TestAForcedDeleteEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"allocate", "allocated"} { // a resize that its cluster did not decide, then one that did and was not heard
		w := newCloud(t, 3)
		s := w.create(2)
		w.at(aLetter, letter, holdBack)
		resize := w.order(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
		w.wantStatus(s, schemas.StatusQueueResize)
		w.wantFault(w.order(schemas.ServerDelete, int64(s), schemas.Params{}), schemas.KindConflict, schemas.FaultBackupOrResize)
		w.fault = nil
		forced := w.order(schemas.ServerDelete, int64(s), schemas.Params{Force: true})
		w.wantStatus(s, schemas.StatusDeleted)
		w.release()
		w.settle()
		w.laws()
		w.wantFault(resize, schemas.KindConflict, schemas.FaultCloudServers)
		w.wantState(forced, schemas.OperationSucceeded)
		w.deleteAll()
	}
}
