package core

import (
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// lose makes a host silent until the cloud has noticed.
func (w *cloud) lose(id schemas.HostID) {
	w.silence(id)
	w.pass(w.rules.LostAfter + time.Second)
	w.settle()
}

func TestLostHostMakesItsServersUnknownUntilItReturns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		first schemas.Action // "" leaves it ACTIVE
		want  schemas.Status
	}{
		{"", schemas.StatusActive},
		{schemas.ServerSuspend, schemas.StatusSuspended},
		{schemas.ServerRescue, schemas.StatusRescue},
	}
	for _, c := range tests {
		t.Run(string(c.want), func(t *testing.T) {
			t.Parallel()
			w := newCloud(t, 1)
			s := w.create(2)
			if c.first != "" {
				w.do(c.first, int64(s), schemas.Params{})
			}
			w.lose(1)
			w.wantStatus(s, schemas.StatusUnknown)
			w.laws()
			w.comeBack(1)
			w.settle()
			w.wantStatus(s, c.want)
			w.laws()
			w.deleteAll()
		})
	}
}

func TestFencedHostEndsItsServersInErrorAndTheyCanBeDeleted(t *testing.T) {
	t.Parallel()
	for _, first := range []schemas.Action{"", schemas.ServerSuspend, schemas.ServerRescue} {
		for _, lost := range []bool{false, true} {
			w := newCloud(t, 2)
			s := w.create(2)
			if first != "" {
				w.do(first, int64(s), schemas.Params{})
			}
			if lost {
				w.lose(w.server(s).Home.Host)
			}
			w.fence(w.server(s).Home.Host)
			w.settle()
			w.wantStatus(s, schemas.StatusError)
			w.laws()
			for _, p := range []struct {
				action schemas.Action
				params schemas.Params
			}{{schemas.ServerRebuild, schemas.Params{}}, {schemas.ServerReboot, schemas.Params{Hard: true}}} {
				op := w.do(p.action, int64(s), p.params)
				w.wantFault(op, schemas.KindConflict, schemas.FaultCloudServers)
			}
			w.deleteAll()
		}
	}
}

// Each step of each operation meets a host that falls silent before it does the step; the host returns or is fenced.
func TestSilentHostInEachStep(t *testing.T) {
	t.Parallel()
	for _, o := range operations() {
		for _, step := range o.steps {
			for _, end := range []string{"returns at once", "returns late", "is fenced at once", "is fenced late"} {
				t.Run(o.name+" "+step+" "+end, func(t *testing.T) {
					t.Parallel()
					w := newCloud(t, 3)
					target := o.setup(w)
					silent := schemas.HostID(0)
					w.fault = o.faults(func(p point) action {
						if p == (point{aStep, step}) && silent == 0 {
							silent = -1 // the next step's host, see below
						}
						return pass
					})
					w.onStep = func(s *schemas.Step) {
						if silent == -1 {
							silent = s.Host
							w.silence(s.Host)
						}
					}
					w.begin(&o, target)
					switch end {
					case "returns late", "is fenced late":
						w.settle()
						w.laws()
					default:
						w.pass(time.Second)
					}
					if silent <= 0 {
						t.Fatalf("step %s never came; %s", step, w.trace())
					}
					if end == "returns at once" || end == "returns late" {
						w.comeBack(silent)
					} else {
						w.fence(silent)
					}
					w.settle()
					w.laws()
					w.deleteAll()
				})
			}
		}
	}
}

func TestErrorThatWaitsForItsHostRefusesUntilTheHostReturns(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	w.silence(1)
	w.do(schemas.ServerReboot, int64(s), schemas.Params{Hard: true})
	w.wantStatus(s, schemas.StatusError)
	op := w.do(schemas.ServerRebuild, int64(s), schemas.Params{})
	w.wantFault(op, schemas.KindConflict, schemas.FaultCloudServers)
	w.comeBack(1) // the step has expired: nobody will ever answer it
	w.settle()
	op = w.do(schemas.ServerRebuild, int64(s), schemas.Params{})
	w.wantState(op, schemas.OperationSucceeded)
	w.wantStatus(s, schemas.StatusActive)
	w.deleteAll()
}

func TestErrorAfterAResizeEndsItsWaitWithTheTeardownOfTheCopy(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	w.at(aStep, "resize/start", drop)
	w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
	w.wantStatus(s, schemas.StatusError)
	w.wantRuns(s, 0)
	w.fault = nil
	op := w.do(schemas.ServerReboot, int64(s), schemas.Params{Hard: true})
	w.wantState(op, schemas.OperationSucceeded)
	w.wantRuns(s, w.server(s).Home.Host)
	w.deleteAll()
}

func TestNewsOfAHostInTheWrongOrderIsIgnored(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	w.at(aLetter, "hostnotice", late) // "lost" arrives long after "back"
	w.silence(1)
	w.pass(w.rules.LostAfter + time.Second)
	w.fault = nil
	w.dropOutbox() // and the second try of it too
	w.comeBack(1)
	w.settle()
	w.wantStatus(s, schemas.StatusActive)
	w.deleteAll()
}

func TestFenceBeforeTheServerKnowsItsPlaceIsNotLost(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	w.at(aLetter, "allocated", holdBack)
	op := w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: 2, Image: 1})
	w.fence(1)
	w.release()
	w.settle()
	w.laws()
	w.wantState(op, schemas.OperationFailed)
	w.wantStatus(1000, schemas.StatusError)
	w.deleteAll()
}

func TestResizeWhoseSourceIsGoneCannotBeReverted(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.resized()
	w.fence(w.server(s).Other.Host)
	w.settle()
	op := w.do(schemas.ServerResizeRevert, int64(s), schemas.Params{})
	w.wantFault(op, schemas.KindForbidden, schemas.FaultResizeNotAllowed)
	w.wantRuns(s, w.server(s).Home.Host)
	w.do(schemas.ServerResizeConfirm, int64(s), schemas.Params{})
	w.wantStatus(s, schemas.StatusActive)
	w.deleteAll()
}

func TestAddressesStayHeldWhileACopyMayAnswerOnThem(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.resized()
	w.fence(w.server(s).Other.Host)
	w.settle()
	w.at(aStep, "cleanup/stop", holdBack)
	w.order(schemas.ServerDelete, int64(s), schemas.Params{})
	v := w.server(s)
	if a := w.rows.addresses[v.Public[0]]; a.Server != s {
		t.Errorf("address while the server still runs: %+v, want it held by %d", a, s)
	}
	w.release()
	w.deleteAll()
}

func TestImageOfAFencedHostCanBeDeleted(t *testing.T) {
	t.Parallel()
	for _, moved := range []bool{false, true} {
		w := newCloud(t, 2)
		s := w.create(2)
		i := w.makeImage(s)
		host := w.image(i).Host
		if moved {
			w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
			w.do(schemas.ServerResizeConfirm, int64(s), schemas.Params{})
		}
		w.fence(host)
		w.settle()
		op := w.do(schemas.ImageDelete, int64(i), schemas.Params{})
		w.wantState(op, schemas.OperationSucceeded)
		w.wantImage(i, schemas.ImageDeleted)
	}
}

func TestImageInTheMakingFailsWhenItsHostIsFenced(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"image/snapshot", "image/save"} {
		w := newCloud(t, 2)
		s := w.create(2)
		w.at(aStep, step, holdBack)
		op := w.order(schemas.ServerImage, 0, schemas.Params{Server: s})
		w.pass(time.Second)
		w.held = nil
		w.fence(w.server(s).Home.Host)
		w.settle()
		w.wantState(op, schemas.OperationFailed)
		w.deleteAll()
	}
}

func TestClaimGivesStepsTheirWholeTime(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	w.at(aStep, "password/set_password", holdBack)
	op := w.order(schemas.ServerUpdate, int64(s), schemas.Params{Password: true})
	w.held = nil
	w.now = w.now.Add(time.Hour) // nobody owned the shard
	w.crash()
	w.drain()
	w.pass(30 * time.Second)
	w.release()
	w.settle()
	w.wantState(op, schemas.OperationSucceeded)
	w.deleteAll()
}

func TestOldNewsOfTheDestinationIsIgnoredAfterAResize(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	w.at(aStep, "resize/copy", holdBack)
	w.order(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
	other := w.server(s).Other.Host
	w.fault = func(p point) action {
		if p == (point{aLetter, "hostnotice"}) {
			return late // "lost" arrives long after "back"
		}
		return pass
	}
	w.silence(other)
	w.pass(w.rules.LostAfter + time.Second)
	w.fault = nil
	w.dropOutbox()
	w.comeBack(other)
	w.release()
	w.pass(0)
	w.wantStatus(s, schemas.StatusVerifyResize)
	w.order(schemas.ServerResizeConfirm, int64(s), schemas.Params{})
	w.settle()
	w.wantStatus(s, schemas.StatusActive)
	w.laws()
	w.deleteAll()
}

// The source of a resize is the last copy of a server whose new half is gone: the cloud goes back to it by itself.
func TestFencedHostOfAResizedServerBringsTheSourceBack(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.resized()
	source := w.server(s).Other.Host
	w.fence(w.server(s).Home.Host)
	w.settle()
	w.wantStatus(s, schemas.StatusActive)
	w.wantRuns(s, source)
	w.laws()
	w.deleteAll()
}

func TestHostLostDuringAnOperationShowsWhenTheServerRests(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	w.silence(1)
	w.order(schemas.ServerUpdate, int64(s), schemas.Params{Password: true})
	w.pass(w.rules.LostAfter + time.Second)
	w.pass(2 * time.Minute) // the step's deadline is one
	w.settle()
	w.wantStatus(s, schemas.StatusUnknown)
	w.comeBack(1)
	w.settle()
	w.wantStatus(s, schemas.StatusActive)
	w.laws()
}
