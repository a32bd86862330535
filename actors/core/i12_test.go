package core

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

// strike is one thing that may happen at a point, several times at points of the same name.
type strike struct {
	name   string
	action action
	times  int
}

// strikes are all that may happen, by the kind of point.
var strikes = map[pointKind][]strike{
	aTurn: {{"crash before commit", crashBefore, 1}, {"crash after commit", crashAfter, 1}, {"crash again and again", crashBefore, 3}},
	aStep: {
		{"error at attempt 1", fail, 1},
		{"error at attempts 1, 2", fail, 2},
		{"error at all attempts", fail, 12},
		{"error for good", failHard, 1},
		{"step repeated", twice, 1},
		{"outcome repeated", outcomeTwice, 1},
		{"outcome left to the next step's", outcomeLeft, 1},
		{"time-out", drop, 1},
		{"time-outs", drop, 3},
		{"outcome after time-out", outcomeLate, 1},
		{"step after time-out", late, 1},
		{"silent host returns", silentBack, 1},
		{"silent host is fenced", silentFenced, 1},
	},
	aLetter: {{"lost", drop, 1}, {"lost for long", drop, 10}, {"repeated", twice, 1}, {"late", late, 1}},
}

// cell is one strike at one point name; several points of a run may have it.
type strikeCell struct {
	kind  pointKind
	point string
	what  string
}

// Every step of every operation, every request and every turn meets everything that may happen to it, at every place
// where it occurs: each run ends at rest with all laws intact, and afterwards everything can be deleted.
func TestEveryStepSurvivesEverything(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	cells, runs := map[strikeCell]int{}, 0
	t.Cleanup(func() { // when all operations are through
		missing := 0
		for _, want := range wantedCells() {
			if cells[want] == 0 {
				missing++
				t.Errorf("%s %q was never struck by %q", want.kind, want.point, want.what)
			}
		}
		t.Logf("I12: %d runs, %d cells (step, request or turn x what happens to it), %d of them wanted by the tables, %d untested",
			runs, len(cells), len(wantedCells()), missing)
	})
	for _, o := range operations() {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			did := strikeEverywhere(t, &o)
			mu.Lock()
			defer mu.Unlock()
			for _, c := range did {
				cells[c]++
				runs++
			}
		})
	}
}

// strikeEverywhere runs an operation once without and once with every strike at every point.
func strikeEverywhere(t *testing.T, o *operation) []strikeCell {
	t.Helper()
	base := newCloud(t, 3)
	base.name = o.name
	target := o.setup(base)
	start := len(base.points)
	base.fault = o.faults(nil)
	base.begin(o, target)
	base.settle()
	base.laws()
	points := slices.Clone(base.points[start:])
	base.deleteAll()
	var did []strikeCell
	for i, p := range points {
		for _, s := range strikes[p.kind] {
			strikeOnce(t, o, start+i, p, s)
			did = append(did, strikeCell{p.kind, p.name, s.name})
			if t.Failed() {
				return did // the first failure says it; the rest would repeat it
			}
		}
	}
	return did
}

// strikeOnce runs an operation with one strike that begins at the point with the index.
func strikeOnce(t *testing.T, o *operation, index int, p point, s strike) {
	t.Helper()
	w := newCloud(t, 3)
	w.name = fmt.Sprintf("%s, %s %q at %d: %s", o.name, p.kind, p.name, index, s.name)
	target := o.setup(w)
	left := s.times
	w.fault = o.faults(func(q point) action {
		at := len(w.points) - 1
		if at < index || q != p || left == 0 {
			return pass
		}
		left--
		return s.action
	})
	w.through(o, target)
	if left == s.times {
		t.Errorf("%s: did not strike; %s", w.name, w.trace())
	}
}

// through runs an operation to its rest, with the laws checked there, ends the silence of hosts, and deletes everything.
func (w *cloud) through(o *operation, target int64) {
	w.t.Helper()
	w.begin(o, target)
	w.settle()
	w.laws()
	for len(w.silent) > 0 {
		end := w.silent[0]
		w.silent = w.silent[1:]
		end()
		w.settle()
		w.laws()
	}
	w.deleteAll()
}

// Two strikes at any two places: too many for every day. OZONE_DEEP=1 runs them.
func TestEveryPairOfStrikesIsSurvived(t *testing.T) {
	t.Parallel()
	if os.Getenv("OZONE_DEEP") == "" {
		t.Skip("OZONE_DEEP=1 runs it; some minutes")
	}
	for _, o := range operations() {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			for i := 0; strikePairs(t, &o, i, &runs) && !t.Failed(); i++ {
			}
			t.Logf("%d runs", runs)
		})
	}
}

// strikePairs strikes at the i-th point of an operation and at each later one; false: there is no i-th point.
func strikePairs(t *testing.T, o *operation, i int, runs *int) bool {
	t.Helper()
	for a := 0; ; a++ { // each strike at the first point
		for j := i + 1; ; j++ { // with each at the second
			more := false
			for b := 0; ; b++ {
				first, second, last := strikePair(t, o, [2]int{i, j}, [2]int{a, b})
				*runs++
				switch {
				case t.Failed():
					return false
				case !first:
					return a > 0
				}
				more = more || second
				if !second || last {
					break
				}
			}
			if !more {
				break
			}
		}
	}
}

// strikePair tells whether there were such points and strikes, and whether b was the last one for its point.
func strikePair(t *testing.T, o *operation, at, which [2]int) (first, second, last bool) {
	t.Helper()
	w := newCloud(t, 3)
	w.name = fmt.Sprintf("%s at %v with %v", o.name, at, which)
	target := o.setup(w)
	start := len(w.points)
	w.fault = o.faults(func(q point) action {
		list := strikes[q.kind]
		switch index := len(w.points) - 1 - start; {
		case index == at[0] && which[0] < len(list):
			first = true
			w.name += fmt.Sprintf(" [%s %q: %s]", q.kind, q.name, list[which[0]].name)
			return list[which[0]].action
		case index == at[1] && which[1] < len(list):
			second, last = true, which[1] == len(list)-1
			w.name += fmt.Sprintf(" [%s %q: %s]", q.kind, q.name, list[which[1]].name)
			return list[which[1]].action
		}
		return pass
	})
	w.through(o, target)
	return first, second, last
}

// wantedCells are the cells that the tables ask for: each row of each plan, each teardown, each request and its
// answer, each with everything that may happen to it.
func wantedCells() []strikeCell {
	var list []strikeCell
	add := func(kind pointKind, name string) {
		for _, s := range strikes[kind] {
			list = append(list, strikeCell{kind, name, s.name})
		}
	}
	steps := []string{"cleanup/stop", "cleanup/wipe", "remove/remove"}
	for _, row := range plans {
		steps = append(steps, row.Plan+"/"+string(row.Step))
	}
	for _, name := range steps {
		add(aStep, name)
		add(aTurn, "outcome "+name)
	}
	for _, name := range []string{"allocate", "allocated", "release", "released", "hostnotice", "hostnoted"} {
		add(aLetter, name)
		add(aTurn, name)
	}
	for _, a := range []schemas.Action{
		schemas.ServerCreate, schemas.ServerUpdate, schemas.ServerDelete, schemas.ServerReboot, schemas.ServerRebuild, schemas.ServerResize,
		schemas.ServerResizeConfirm, schemas.ServerResizeRevert, schemas.ServerImage, schemas.ImageDelete,
		schemas.ServerShareIP, schemas.ServerUnshareIP, schemas.SharedIPGroupCreate, schemas.SharedIPGroupDelete,
		schemas.BackupSet, schemas.BackupDisable, schemas.OperationCancel,
	} {
		add(aTurn, "command "+string(a))
	}
	for _, kind := range []schemas.ActorKind{schemas.ActorServer, schemas.ActorImage, schemas.ActorHost} {
		add(aTurn, "wake "+string(kind))
	}
	add(aTurn, "fence")
	return list
}
