package core

import (
	"reflect"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// machine is one host with what its shell does: keep the state.
type machine struct {
	t     *testing.T
	state schemas.Host
	now   time.Time
	rules Rules
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	return &machine{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), rules: Rules{LostAfter: 20 * time.Second}}
}

func (h *machine) tell(m any) Effects {
	h.t.Helper()
	next, e, err := DecideHost(h.state, m, Input{Now: h.now, Rules: &h.rules})
	if err != nil {
		h.t.Fatalf("DecideHost(%+v): %v", m, err)
	}
	h.state = next
	return e
}

// quiet fails unless the decision is nothing to commit.
func (h *machine) quiet(e Effects) {
	h.t.Helper()
	if !reflect.DeepEqual(e, Effects{}) {
		h.t.Errorf("effects %+v, want none", e)
	}
}

// changed fails unless the host went to a state, once saved, told and, with a name, as event number n.
func (h *machine) changed(e Effects, to schemas.HostState, event string, n int64) {
	h.t.Helper()
	if h.state.State != to || !e.Save || h.state.Sequence != n || !h.state.Updated.Equal(h.now) {
		h.t.Errorf("host %+v (save %v), want it %s at event %d", h.state, e.Save, to, n)
	}
	if event != "" && (len(e.Events) != 1 || !reflect.DeepEqual(e.Events[0], Event{Sequence: n, Name: event})) {
		h.t.Errorf("events %+v, want %s number %d", e.Events, event, n)
	}
	if event == "" && len(e.Events) != 0 {
		h.t.Errorf("events %+v, want none", e.Events)
	}
	want := []Told{{To: schemas.ClusterID(3).Ref(), Message: HostChanged{Host: h.state, Change: n}}}
	if !reflect.DeepEqual(e.Tell, want) {
		h.t.Errorf("told %+v, want %+v", e.Tell, want)
	}
}

func beat() *schemas.Heartbeat {
	return &schemas.Heartbeat{V: 1, Host: 7, Cluster: 3, Name: "rack1-7", RAMMiB: 65536, DiskGB: 2000}
}

func TestFirstHeartbeatAddsTheHost(t *testing.T) {
	t.Parallel()
	h := newMachine(t)
	h.changed(h.tell(beat()), schemas.HostUp, "host.add", 1)
	want := schemas.Host{
		V: schemas.StateV, ID: 7, Cluster: 3, Name: "rack1-7", State: schemas.HostUp, RAMMiB: 65536, DiskGB: 2000, Sequence: 1,
		Updated: h.now, LastSeen: h.now,
	}
	if h.state != want {
		t.Errorf("host %+v, want %+v", h.state, want)
	}
}

func TestLaterHeartbeatIsKeptInMemoryOnly(t *testing.T) {
	t.Parallel()
	h := newMachine(t)
	h.tell(beat())
	h.now = h.now.Add(5 * time.Second)
	h.quiet(h.tell(beat()))
	if !h.state.LastSeen.Equal(h.now) {
		t.Errorf("last seen %v, want %v", h.state.LastSeen, h.now)
	}
	if got, want := HostWakeAt(h.state, &h.rules), h.now.Add(20*time.Second); !got.Equal(want) {
		t.Errorf("wakes at %v, want %v", got, want)
	}
}

func TestNewCapacityIsSavedAndTold(t *testing.T) {
	t.Parallel()
	h := newMachine(t)
	h.tell(beat())
	m := beat()
	m.RAMMiB = 131072
	h.changed(h.tell(m), schemas.HostUp, "", 1)
	if h.state.RAMMiB != 131072 {
		t.Errorf("RAM %d, want 131072", h.state.RAMMiB)
	}
}

func TestSilentHostIsLostAndComesBack(t *testing.T) {
	t.Parallel()
	h := newMachine(t)
	h.tell(beat())
	h.now = h.now.Add(20*time.Second - 1)
	h.quiet(h.tell(Wake{}))
	h.now = h.now.Add(1)
	h.changed(h.tell(Wake{}), schemas.HostLost, "host.lost", 2)
	if !HostWakeAt(h.state, &h.rules).IsZero() {
		t.Error("a lost host has a timer, want none")
	}
	h.now = h.now.Add(time.Hour)
	h.quiet(h.tell(Wake{}))
	h.changed(h.tell(beat()), schemas.HostUp, "host.back", 3)
	h.quiet(h.tell(beat()))
}

func TestResumeGivesAHostTimeToSpeak(t *testing.T) {
	t.Parallel()
	h := newMachine(t)
	h.tell(beat())
	h.now = h.now.Add(time.Hour)
	h.quiet(h.tell(Resume{}))
	h.quiet(h.tell(Wake{}))
	if h.state.State != schemas.HostUp {
		t.Errorf("state %s after a claim, want up", h.state.State)
	}
}

func TestFenceIsForGood(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		h := newMachine(t)
		h.tell(beat())
		n := int64(2)
		if lost {
			h.now = h.now.Add(time.Minute)
			h.tell(Wake{})
			n = 3
		}
		fence := &schemas.Fence{V: 1, Host: 7, Cluster: 3}
		want := []Decision{{Answer: schemas.Answer{V: schemas.MessageV, Target: schemas.HostID(7).Ref()}}}
		e := h.tell(fence)
		h.changed(e, schemas.HostFenced, "host.fence", n)
		if !reflect.DeepEqual(e.Answers, want) {
			t.Errorf("answers %+v, want %+v", e.Answers, want)
		}
		again := h.tell(fence)
		if !reflect.DeepEqual(again, Effects{Answers: want}) {
			t.Errorf("second fence: effects %+v, want the answer alone", again)
		}
		h.now = h.now.Add(time.Minute)
		h.quiet(h.tell(beat()))
		h.quiet(h.tell(Wake{}))
		if h.state.State != schemas.HostFenced {
			t.Errorf("state %s after a heartbeat, want fenced", h.state.State)
		}
	}
}

func TestFenceOfAHostThatNeverWasIsRefused(t *testing.T) {
	t.Parallel()
	h := newMachine(t)
	e := h.tell(&schemas.Fence{V: 1, Host: 7, Cluster: 3})
	if len(e.Answers) != 1 || e.Answers[0].Answer.Fault == nil || e.Answers[0].Answer.Fault.Kind != schemas.KindNotFound || e.Save {
		t.Errorf("effects %+v, want: not found", e)
	}
	if h.state != (schemas.Host{}) {
		t.Errorf("host %+v, want none", h.state)
	}
}

func TestNotedEndsTheNotice(t *testing.T) {
	t.Parallel()
	h := newMachine(t)
	e := h.tell(&schemas.HostNoted{V: 1, Host: 7, Cluster: 3, Server: 12, Change: 4})
	if !reflect.DeepEqual(e, Effects{Answered: []string{"notice/7/4/12"}}) {
		t.Errorf("effects %+v, want notice/7/4/12 answered", e)
	}
}

func TestSenselessHeartbeatIsNotBelieved(t *testing.T) {
	t.Parallel()
	h := newMachine(t)
	none, negative, elsewhere := beat(), beat(), beat()
	none.Host, negative.RAMMiB, elsewhere.Cluster = 0, -1, 4
	h.quiet(h.tell(none))
	h.quiet(h.tell(negative))
	h.tell(beat())
	was := h.state
	h.now = h.now.Add(time.Second)
	h.quiet(h.tell(elsewhere))
	h.quiet(h.tell(negative))
	if h.state != was {
		t.Errorf("host %+v, want %+v", h.state, was)
	}
}

func TestMessageThatNoHostGetsIsAnError(t *testing.T) {
	t.Parallel()
	h := newMachine(t)
	for _, m := range []any{&schemas.Allocate{}, nil} {
		_, e, err := DecideHost(h.state, m, Input{Now: h.now, Rules: &h.rules})
		if err == nil || !reflect.DeepEqual(e, Effects{}) {
			t.Errorf("%T: error %v, effects %+v; want an error alone", m, err, e)
		}
	}
}
