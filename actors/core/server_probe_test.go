package core

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// tryOut begins a resize that a probe of port 22 decides; of p only the times are wanted.
func (w *cloud) tryOut(s schemas.ServerID, p schemas.Probe) schemas.OperationID {
	w.t.Helper()
	p.Type, p.Port = schemas.ProbeTCP, 22
	return w.order(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3, Probe: &p})
}

// probed tries a server out and lets everything end that follows.
func (w *cloud) probed(s schemas.ServerID, p schemas.Probe) {
	w.t.Helper()
	resize := w.tryOut(s, p)
	w.settle()
	w.laws()
	w.wantState(resize, schemas.OperationSucceeded)
}

// wantDecided wants one operation that nobody asked for: what was decided, and why.
func (w *cloud) wantDecided(action schemas.Action, reason string) schemas.Operation {
	w.t.Helper()
	own := w.byItself()
	if len(own) != 1 || own[0].Action != action || own[0].Reason != reason {
		w.t.Fatalf("operations %+v, want one %s because %s", own, action, reason)
	}
	return own[0]
}

// byItself are the operations that nobody asked for.
func (w *cloud) byItself() (own []schemas.Operation) {
	for _, id := range w.rows.order {
		if strings.HasPrefix(string(id), "auto") {
			own = append(own, w.rows.ops[id].op)
		}
	}
	return own
}

// looks counts the probes that are sent.
func (w *cloud) looks() *[]time.Time {
	list := new([]time.Time)
	w.onStep = func(s *schemas.Step) {
		if s.Name == schemas.StepProbe {
			*list = append(*list, w.now)
		}
	}
	return list
}

func TestAProbeThatHoldsConfirmsTheResize(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	looks, began := w.looks(), w.now
	w.probed(s, schemas.Probe{After: 10 * time.Second, For: 12 * time.Second})
	w.wantStatus(s, schemas.StatusActive)
	confirm := w.wantDecided(schemas.ServerResizeConfirm, "the probe tcp:22 held for 12s")
	if confirm.State != schemas.OperationSucceeded || confirm.Target != s.Ref() {
		t.Errorf("operation %+v, want it succeeded, of server %d", confirm, s)
	}
	var after []time.Duration
	for _, at := range *looks {
		after = append(after, at.Sub(began))
	}
	if want := []time.Duration{10 * time.Second, 15 * time.Second, 20 * time.Second, 22 * time.Second}; !slices.Equal(after, want) {
		t.Errorf("probes after %v, want %v", after, want)
	}
	if v := w.server(s); v.Flavor != 3 || v.Other != nil || v.Probe != nil || w.account().UsedRAMMiB != 1024 {
		t.Errorf("server %+v, account %d MB", v, w.account().UsedRAMMiB)
	}
	w.deleteAll()
}

func TestOneHealthyLookIsEnoughWhenNoTimeIsAsked(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	looks := w.looks()
	w.probed(s, schemas.Probe{})
	w.wantStatus(s, schemas.StatusActive)
	if v := w.server(s); len(*looks) != 1 || v.Flavor != 3 {
		t.Errorf("%d probes, flavor %d; want 1 and 3", len(*looks), v.Flavor)
	}
	w.deleteAll()
}

func TestAProbeThatDoesNotHoldRevertsTheResizeAndSaysWhy(t *testing.T) {
	t.Parallel()
	const tcp = "the probe tcp:22 did not hold: "
	for _, c := range []struct {
		what    string
		faults  func(w *cloud)
		reason  string
		looks   int
		settled bool // the server is well again afterwards
	}{
		{"at the first look", func(w *cloud) { w.sick = func(int) string { return "connection refused" } }, tcp + "connection refused", 1, true},
		{"later", func(w *cloud) {
			w.sick = func(n int) string { return map[bool]string{true: "connection\n\x00refused"}[n == 3] }
		}, tcp + "connection  refused", 3, true},
		{"the host cannot", func(w *cloud) { w.at(aStep, "probe/probe", fail) }, tcp + "its host could not probe it (host_fault)", 3, true},
		{"the driver cannot", func(w *cloud) { w.at(aStep, "probe/probe", failHard) }, tcp + "its host could not probe it (no_space)", 1, true},
		{"nobody answers", func(w *cloud) { w.at(aStep, "probe/probe", drop) }, tcp + "the host did not answer in time", 1, true},
		{"the host is silent", func(w *cloud) { w.at(aStep, "probe/probe", silentBack) }, tcp + "the host did not answer in time", 1, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			w := newCloud(t, 2)
			s := w.create(2)
			home := w.server(s).Home
			c.faults(w)
			looks := w.looks()
			w.probed(s, schemas.Probe{For: time.Minute})
			revert := w.wantDecided(schemas.ServerResizeRevert, c.reason)
			if len(*looks) != c.looks {
				t.Errorf("%d probes, want %d", len(*looks), c.looks)
			}
			if c.settled {
				w.wantState(revert.ID, schemas.OperationSucceeded)
				w.wantStatus(s, schemas.StatusActive)
				w.wantRuns(s, home.Host)
			} else {
				w.wantStatus(s, schemas.StatusError) // until its host speaks
				w.comeBack(w.server(s).Cleanups[0].Place.Host)
				w.settle()
				w.laws()
				w.wantRuns(s, 0)
			}
			if v := w.server(s); v.Home.Copy != home.Copy || v.Flavor != 2 || v.Probe != nil || w.account().UsedRAMMiB != 512 {
				t.Errorf("flavor %d at %+v, account %d MB; want 2 at %+v and 512", v.Flavor, v.Home, w.account().UsedRAMMiB, home)
			}
			w.deleteAll()
		})
	}
}

// The trouble of a host is not the server's: it counts in a row only.
func TestAHostThatHasTroubleNowAndThenEndsNoProbe(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	n := 0
	w.fault = func(p point) action {
		if p != (point{aStep, "probe/probe"}) {
			return pass
		}
		if n++; n%3 != 0 {
			return fail
		}
		return pass
	}
	w.probed(s, schemas.Probe{For: 12 * time.Second})
	w.wantDecided(schemas.ServerResizeConfirm, "the probe tcp:22 held for 12s")
	if n != 12 {
		t.Errorf("%d probes, want 12", n)
	}
	w.deleteAll()
}

func TestWhatEndsTheResizeEndsTheProbe(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"before the first", "under way", "between two"} {
		for _, c := range []struct {
			action schemas.Action
			params schemas.Params
			want   schemas.Status
		}{
			{schemas.ServerResizeConfirm, schemas.Params{}, schemas.StatusActive},
			{schemas.ServerResizeRevert, schemas.Params{}, schemas.StatusActive},
			{schemas.ServerDelete, schemas.Params{}, schemas.StatusDeleted},
			{schemas.ServerDelete, schemas.Params{Force: true}, schemas.StatusDeleted},
		} {
			t.Run(at+" "+string(c.action), func(t *testing.T) {
				t.Parallel()
				w := newCloud(t, 2)
				s := w.create(2)
				w.sick = func(int) string { return "connection refused" }
				if at == "between two" {
					w.sick = func(n int) string { return map[bool]string{true: "connection refused"}[n > 1] }
				}
				w.at(aStep, "probe/probe", map[bool]action{true: holdBack}[at == "under way"])
				w.tryOut(s, schemas.Probe{After: time.Minute, For: time.Hour})
				if at != "before the first" {
					w.pass(time.Minute)
				}
				w.wantStatus(s, schemas.StatusVerifyResize)
				w.wantState(w.order(c.action, int64(s), c.params), schemas.OperationSucceeded)
				w.release()
				w.settle()
				w.laws()
				w.wantStatus(s, c.want)
				if own := w.byItself(); len(own) > 0 {
					t.Errorf("operations %+v, want none that nobody asked for", own)
				}
				w.deleteAll()
			})
		}
	}
}

// While a probe decides, the time does not: a server that was never seen healthy is not confirmed.
func TestTheTimeConfirmsNothingThatIsProbed(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	w.rules.ConfirmAfter = time.Second
	s := w.create(2)
	w.tryOut(s, schemas.Probe{After: time.Minute, For: time.Minute})
	w.pass(30 * time.Second)
	w.wantStatus(s, schemas.StatusVerifyResize)
	w.settle()
	w.wantStatus(s, schemas.StatusActive)
	w.wantDecided(schemas.ServerResizeConfirm, "the probe tcp:22 held for 1m0s")
	w.deleteAll()
}

func TestTheAnswerToAnEarlierProbeSaysNothing(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	looks := 0
	w.fault = func(p point) action {
		if p != (point{aStep, "probe/probe"}) {
			return pass
		}
		if looks++; looks == 1 {
			return pass
		}
		return holdBack
	}
	op := w.tryOut(s, schemas.Probe{For: time.Second})
	w.pass(0)
	w.pass(time.Second) // the second one is under way
	for _, failure := range []*schemas.StepFailure{nil, {Reason: schemas.FailureUnhealthy}} {
		home := w.server(s).Home
		w.send(envelope{to: s.Ref(), durable: true, message: &schemas.Outcome{
			V: 1, Operation: op, Name: schemas.StepProbe, Attempt: 1, Host: home.Host, Copy: home.Copy, Actor: s.Ref(), Account: 1, Failure: failure,
		}})
		w.drain()
		w.wantStatus(s, schemas.StatusVerifyResize)
	}
	w.release()
	w.settle()
	w.laws()
	w.wantStatus(s, schemas.StatusActive)
	if v := w.server(s); v.Flavor != 3 || looks != 2 {
		t.Errorf("flavor %d after %d probes, want 3 after 2", v.Flavor, looks)
	}
	w.deleteAll()
}

// With the source gone there is nothing to go back to: the tenant is told, and decides.
func TestAProbeCannotGoBackToASourceThatIsGone(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	w.sick = func(int) string { return "connection refused" }
	w.tryOut(s, schemas.Probe{After: time.Minute})
	w.fence(w.server(s).Other.Host)
	w.settle()
	w.laws()
	w.wantStatus(s, schemas.StatusVerifyResize)
	if revert := w.wantDecided(schemas.ServerResizeRevert, "the probe tcp:22 did not hold: connection refused"); revert.State != schemas.OperationFailed || revert.Error == nil {
		t.Errorf("operation %+v, want it failed", revert)
	}
	w.pass(24 * time.Hour)
	w.wantStatus(s, schemas.StatusActive)
	w.settle()
	w.deleteAll()
}

func TestADefectEndsAProbeInARevert(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(2)
	w.tryOut(s, schemas.Probe{After: time.Minute})
	w.send(envelope{to: s.Ref(), message: Poison{Reason: "a defect"}})
	w.settle()
	w.laws()
	w.wantStatus(s, schemas.StatusActive)
	if v := w.server(s); v.Flavor != 2 {
		t.Errorf("flavor %d, want 2", v.Flavor)
	}
	w.deleteAll()
}
