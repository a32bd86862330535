package core

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// hermit is one server that nobody else knows, with its account, its images and a host that does each step at once or fails.
// It runs the decisions alone, so that years pass in milliseconds.
type hermit struct {
	t         testing.TB
	dice      *rand.Rand
	now       time.Time
	newest    time.Time // that the clock has ever shown
	account   schemas.Account
	server    schemas.Server
	images    map[schemas.ImageID]*schemas.Image
	work      []Told
	rules     *Rules
	counter   int
	fates     map[slotKey]slotFate
	history   []heldSchedule
	decisions int
}

// heldSchedule is a schedule and since when it is the server's.
type heldSchedule struct {
	since    time.Time
	schedule schemas.BackupSchedule
}

func newHermit(tb testing.TB, rules *Rules, id schemas.ServerID) *hermit {
	tb.Helper()
	h := &hermit{
		t: tb, dice: rand.New(rand.NewPCG(uint64(id), 2)), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), rules: rules,
		account: schemas.Account{V: 1, ID: 1}, images: map[schemas.ImageID]*schemas.Image{}, fates: map[slotKey]slotFate{},
	}
	h.server = serverIn(schemas.StatusActive)
	h.server.ID, h.server.Group, h.server.Shared = id, 0, nil
	return h
}

// run lets the time until end pass, with everything that can happen on the way.
func (h *hermit) run(end time.Time) {
	for {
		ref, at := h.next()
		if life := h.now.Add(time.Duration(h.dice.IntN(96)) * time.Hour); life.Before(at) || at.IsZero() {
			ref, at = schemas.Ref{}, life
		}
		if at.After(end) {
			break
		}
		if at.After(h.now) {
			h.now = at
		}
		if ref.IsZero() {
			h.happen()
		} else {
			h.tell(ref, Wake{})
		}
		if h.now.After(h.newest) {
			h.newest = h.now
		}
	}
	h.now = later(later(h.now, h.newest), end) // an absence may have been longer
	for ref, at := h.next(); due(at, h.now); ref, at = h.next() {
		h.tell(ref, Wake{})
	}
}

// next is whose timer is due next.
func (h *hermit) next() (ref schemas.Ref, at time.Time) {
	if at = ServerWakeAt(&h.server); !at.IsZero() {
		ref = h.server.ID.Ref()
	}
	for id, i := range h.images {
		if t := ImageWakeAt(i); !t.IsZero() && (at.IsZero() || t.Before(at)) {
			ref, at = id.Ref(), t
		}
	}
	return ref, at
}

// happen is what a life brings beside timers.
func (h *hermit) happen() {
	switch n := h.dice.IntN(10); {
	case n == 0: // nobody is there for a while, now and then for months
		h.now = h.now.Add(time.Duration(h.dice.IntN(h.dice.IntN(60*24)+1)) * time.Hour)
	case n == 1:
		h.now = h.now.Add(-time.Duration(h.dice.IntN(72)) * time.Hour)
	case n == 2:
		h.order(schemas.ServerSuspend, schemas.Params{})
	case n <= 4:
		h.order(schemas.ServerResume, schemas.Params{})
	case n == 5 && !h.now.Before(h.newest): // else nobody could say what is expected
		s := anySchedule(h.dice)
		if h.order(schemas.BackupSet, schemas.Params{Backups: s}) {
			h.history = append(h.history, heldSchedule{h.now, *s})
		}
	}
}

// order sends a command and tells whether it was accepted.
func (h *hermit) order(a schemas.Action, p schemas.Params) bool {
	c := &schemas.Command{V: 1, ID: h.newID(), Action: a, Account: 1, Target: int64(h.server.ID), Params: p, Created: h.now}
	return h.tell(c.To(), &Admit{Command: c})
}

func (h *hermit) newID() schemas.OperationID {
	h.counter++
	return schemas.OperationID(fmt.Sprint(h.counter))
}

// tell decides a message and all that follows; false: something was refused.
func (h *hermit) tell(to schemas.Ref, m any) bool {
	ok := true
	for h.work = append(h.work, Told{to, m}); len(h.work) > 0; {
		told := h.work[0]
		h.work = h.work[1:]
		h.decisions++
		e := h.decide(told)
		for _, a := range e.Answers {
			ok = ok && a.Answer.Fault == nil
		}
		for _, ev := range e.Events {
			h.note(told.To, ev)
		}
		h.work = append(h.work, e.Tell...)
		for i := range e.Steps {
			h.work = append(h.work, Told{e.Steps[i].Actor, h.do(&e.Steps[i])})
		}
	}
	return ok
}

func (h *hermit) decide(told Told) (e Effects) {
	in := Input{Now: h.now, Rules: h.rules}
	if MayOpen(told.Message) {
		in.NewOperation = h.newID()
	}
	if a, ok := told.Message.(*Admit); ok && a.NewImage == 0 {
		h.counter++
		a.NewImage = schemas.ImageID(h.counter)
	}
	var err error
	switch told.To.Kind {
	case schemas.ActorAccount:
		h.account, e, err = DecideAccount(h.account, told.Message, in)
	case schemas.ActorServer:
		h.server, e, err = DecideServer(h.server, told.Message, in)
	default:
		e, err = h.decideImage(schemas.ImageID(told.To.ID), told.Message, in)
	}
	if err != nil {
		h.t.Fatalf("server %d: %s told %T: %v", h.server.ID, told.To, told.Message, err)
	}
	return e
}

// decideImage forgets an image once nothing is left of it.
func (h *hermit) decideImage(id schemas.ImageID, m any, in Input) (Effects, error) {
	var before schemas.Image
	if i := h.images[id]; i != nil {
		before = *i
	}
	after, e, err := DecideImage(before, m, in)
	h.images[id] = &after
	if after.Status == schemas.ImageDeleted && after.Cursor == nil {
		delete(h.images, id)
	}
	return e, err
}

// do is the host, whose steps fail now and then; a removal only the first time.
func (h *hermit) do(s *schemas.Step) *schemas.Outcome {
	o := &schemas.Outcome{
		V: 1, Operation: s.Operation, Name: s.Name, Attempt: s.Attempt, Host: s.Host, Copy: s.Params.Copy, Actor: s.Actor, Account: 1,
	}
	if h.dice.IntN(20) == 0 && (s.Name != schemas.StepRemove || s.Attempt == 1) {
		o.Failure = &schemas.StepFailure{Reason: schemas.FailureNoSpace}
	}
	return o
}

// note keeps what an event says of a slot.
func (h *hermit) note(ref schemas.Ref, ev Event) {
	if ev.Backup == nil {
		return
	}
	key := slotKey{h.server.ID, ev.Backup.Kind, ev.Backup.Start.Unix()}
	f := h.fates[key]
	switch {
	case ref.Kind == schemas.ActorServer && ev.Name == "server.backup.missed":
		f.missed++
	case ref.Kind == schemas.ActorImage && ev.Phase == PhaseEnd:
		f.made++
	}
	h.fates[key] = f
}

// expected is every slot by the schedules that were held, found hour by hour: a slot is the schedule's that was held when it began.
func (h *hermit) expected(end time.Time) map[slotKey]bool {
	slots := map[slotKey]bool{}
	for i, held := range h.history {
		until := end
		if i+1 < len(h.history) {
			until = h.history[i+1].since
		}
		window, weekday := string(held.schedule.Daily), string(held.schedule.Weekly)
		if window == "DISABLED" {
			window = "H_0200_0400"
		}
		begins, err := strconv.Atoi(window[2:4])
		if err != nil {
			h.t.Fatal(err)
		}
		for hour := held.since.Truncate(time.Hour).Add(time.Hour); held.schedule.Enabled && !hour.After(until); hour = hour.Add(time.Hour) {
			switch {
			case hour.Hour() != begins:
				continue
			case strings.EqualFold(hour.Weekday().String(), weekday):
				slots[slotKey{h.server.ID, schemas.BackupWeekly, hour.Unix()}] = true
			}
			if held.schedule.Daily != "DISABLED" {
				slots[slotKey{h.server.ID, schemas.BackupDaily, hour.Unix()}] = true
			}
		}
	}
	return slots
}

// judge compares the fates of the slots with what is expected, and returns how many were made and missed.
func (h *hermit) judge(end time.Time) (made, missed int) {
	want := h.expected(end)
	for key := range want {
		f := h.fates[key]
		made, missed = made+f.made, missed+f.missed
		if open := key.start > end.Add(-schemas.BackupLength).Unix(); f.made+f.missed != 1 && (!open || f.made+f.missed != 0) {
			h.t.Errorf("%s slot of server %d at %s has %d backups and %d missed records", key.kind, key.server, time.Unix(key.start, 0).UTC(), f.made, f.missed)
		}
	}
	for key := range h.fates {
		if !want[key] {
			h.t.Errorf("%s slot of server %d at %s is none of its schedules", key.kind, key.server, time.Unix(key.start, 0).UTC())
		}
	}
	for id, i := range h.images {
		if half := h.server.Backups.Halves[i.Slot.Kind]; i.Status != schemas.ImageDeleted && half.Good != id {
			h.t.Errorf("image %d of server %d is left %s, the last good one is %d", id, h.server.ID, i.Status, half.Good)
		}
	}
	return made, missed
}

// A thousand servers live for 400 days, with absences of the node for up to two months, clocks set back, servers suspended,
// hosts that fail and tenants who change their schedules: every slot has exactly one backup or one missed record.
func TestEverySlotHasOneFateInAThousandLives(t *testing.T) {
	t.Parallel()
	const batches = 10 // so that all cores have some
	servers := 1000
	if testing.Short() {
		servers = 100
	}
	rules := newCloud(t, 0).rules
	var made, missed, decisions atomic.Int64
	t.Cleanup(func() { // when all have lived
		t.Logf("%d servers, 400 days, %d decisions: %d backups, %d missed", servers, decisions.Load(), made.Load(), missed.Load())
		if int(made.Load()) < servers*50 || int(missed.Load()) < servers*20 {
			t.Error("that is too little of one of them to prove anything")
		}
	})
	for batch := range batches {
		t.Run(strconv.Itoa(batch), func(t *testing.T) {
			t.Parallel()
			for id := batch; id < servers && !t.Failed(); id += batches {
				h := newHermit(t, &rules, schemas.ServerID(id+1))
				m, n := h.live(400 * day)
				made.Add(int64(m))
				missed.Add(int64(n))
				decisions.Add(int64(h.decisions))
			}
		})
	}
}

// live is a life with a schedule from its first day on; it returns how many backups were made and missed.
func (h *hermit) live(long time.Duration) (made, missed int) {
	end := h.now.Add(long)
	s := *anySchedule(h.dice)
	s.Enabled = true
	h.order(schemas.BackupSet, schemas.Params{Backups: &s})
	h.history = append(h.history, heldSchedule{h.now, s})
	h.run(end)
	return h.judge(h.now)
}
