package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/golden"
)

// matrixCell is one cell of the admission matrix: what a trigger does in a status, after news of the host or beside
// another condition.
type matrixCell struct {
	beside string
	in     schemas.Status
	on     schemas.Trigger
}

// news are what a server may hear of its host, in order.
var news = map[string][]schemas.Trigger{
	"":                             nil,
	"its host lost":                {schemas.OnHostLost},
	"its host back":                {schemas.OnHostLost, schemas.OnHostBack},
	"its host fenced":              {schemas.OnHostFenced},
	"its host lost, fenced":        {schemas.OnHostLost, schemas.OnHostFenced},
	string(schemas.OverlayImaging): nil,
	string(schemas.OverlayWaiting): nil,
}

// matrix is the whole admission matrix by these tables.
func matrix(t *tables) map[matrixCell]string {
	m := map[matrixCell]string{{"", "", schemas.OnCreate}: cellOf(t, "", schemas.OnCreate, nil)}
	for beside, heard := range news {
		for _, in := range emitted {
			status, overlays := hear(t, in, heard), []schemas.Overlay(nil)
			switch {
			case strings.HasSuffix(beside, "fenced"):
				overlays = []schemas.Overlay{schemas.OverlayWaiting}
			case heard == nil && beside != "":
				overlays = []schemas.Overlay{schemas.Overlay(beside)}
			}
			for _, on := range slices.Concat(tenants, operators) {
				m[matrixCell{beside, in, on}] = cellOf(t, status, on, overlays)
			}
		}
	}
	return m
}

// hear is the status after news of the host.
func hear(t *tables, s schemas.Status, heard []schemas.Trigger) schemas.Status {
	edges, former := indexTable(t.server), s
	for _, on := range heard {
		to, ok := edges[edgeKey{s, on}]
		switch {
		case !ok:
		case to == schemas.StatusFormer:
			s = former
		default:
			s = to
		}
	}
	return s
}

// cellOf is what a trigger does in a status: "ok -> STATUS", the fault, or that the tables say nothing or too much.
func cellOf(t *tables, in schemas.Status, on schemas.Trigger, overlays []schemas.Overlay) string {
	var said []string
	for _, r := range t.server {
		if r.From == in && r.On == on {
			said = append(said, "ok -> "+string(r.To))
		}
	}
	for _, o := range t.overlays {
		if slices.Contains(overlays, o.overlay) && (o.in == "" || o.in == in) && o.on == on && len(said) > 0 {
			return string(o.fault)
		}
	}
	for _, r := range t.refusals {
		if r.in == in && r.on == on {
			said = append(said, string(r.fault))
		}
	}
	if len(said) == 0 {
		return "nothing"
	}
	return strings.Join(said, " and ")
}

// changed names the cells in which two matrices differ.
func changed(a, b map[matrixCell]string) []string {
	var list []string
	for c, was := range a {
		if b[c] != was {
			list = append(list, fmt.Sprintf("cell (%s, %s) %s: %s instead of %s", c.in, c.on, c.beside, b[c], was))
		}
	}
	slices.Sort(list)
	return list
}

func TestNothingIsEverStuck(t *testing.T) {
	t.Parallel()
	ours := realTables()
	for _, s := range prove(&ours) {
		t.Error(s)
	}
}

func TestEachCellOfTheMatrixIsSaidOnce(t *testing.T) {
	t.Parallel()
	ours := realTables()
	for _, in := range emitted {
		for _, on := range tenants {
			if said := cellOf(&ours, in, on, nil); said == "nothing" || strings.Contains(said, " and ") {
				t.Errorf("cell (%s, %s): the tables say %s, want one thing", in, on, said)
			}
		}
	}
}

// leftOut is one row or deadline that is missing.
type leftOut struct {
	what string
	from tables
}

// Each row and each deadline is left out in turn: the proof must name what would be stuck, or the matrix which cell
// would change. A row whose loss nobody notices says nothing, and is an error.
func TestLossOfEachRowIsNoticed(t *testing.T) {
	t.Parallel()
	ours := realTables()
	whole := matrix(&ours)
	counts := map[string]int{}
	var said strings.Builder
	for _, l := range everyLoss(&ours) {
		kind, _, _ := strings.Cut(l.what, " ")
		counts[kind]++
		lost := matrix(&l.from)
		found := append(prove(&l.from), changed(whole, lost)...)
		if len(found) == 0 {
			t.Errorf("without %s nothing changes", l.what)
			continue
		}
		fmt.Fprintf(&said, "without %s: %s\n", l.what, found[0])
	}
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		total += counts[kind]
		t.Logf("%3d %s left out in turn", counts[kind], kind)
	}
	t.Logf("%3d rows and deadlines left out in turn", total)
	golden.Compare(t, "losses.golden", said.String())
}

// everyLoss is the tables without each of their rows and deadlines.
func everyLoss(ours *tables) []leftOut {
	var list []leftOut
	lose := func(what string, change func(t *tables)) {
		l := leftOut{what, *ours}
		change(&l.from)
		list = append(list, l)
	}
	for i, r := range ours.server {
		lose(fmt.Sprintf("transition %v", r), func(t *tables) { t.server = without(t.server, i) })
	}
	for i, r := range ours.refusals {
		lose(fmt.Sprintf("refusal %v", r), func(t *tables) { t.refusals = without(t.refusals, i) })
	}
	for i, r := range ours.overlays {
		lose(fmt.Sprintf("overlay %v", r), func(t *tables) { t.overlays = without(t.overlays, i) })
	}
	for i, r := range ours.images {
		lose(fmt.Sprintf("image-transition %v", r), func(t *tables) { t.images = without(t.images, i) })
	}
	for i, r := range ours.groups {
		lose(fmt.Sprintf("group-transition %v", r), func(t *tables) { t.groups = without(t.groups, i) })
	}
	for i, r := range ours.members {
		lose(fmt.Sprintf("member-transition %v", r), func(t *tables) { t.members = without(t.members, i) })
	}
	for i, r := range ours.plans {
		lose(fmt.Sprintf("plan-step %s/%s", r.Plan, r.Step), func(t *tables) { t.plans = without(t.plans, i) })
		lose(fmt.Sprintf("plan-deadline %s/%s", r.Plan, r.Step), func(t *tables) {
			t.plans = slices.Clone(t.plans)
			t.plans[i].Timeout = 0
		})
	}
	for _, step := range sortedKeys(ours.teardown) {
		lose(fmt.Sprintf("teardown-deadline %s", step), func(t *tables) { t.teardown = lacking(t.teardown, step) })
	}
	for _, wait := range sortedKeys(ours.waits) {
		lose(fmt.Sprintf("wait %s", wait), func(t *tables) { t.waits = lacking(t.waits, wait) })
	}
	return list
}

func without[T any](list []T, i int) []T { return slices.Delete(slices.Clone(list), i, i+1) }

func lacking[K comparable](m map[K]time.Duration, k K) map[K]time.Duration {
	m = maps.Clone(m)
	delete(m, k)
	return m
}

// The proof walks the plans that the decisions really begin.
func TestProofKnowsWhatDecisionsBegin(t *testing.T) {
	t.Parallel()
	for _, r := range schemas.ServerTable() {
		want := begins[r.On]
		if r.On == schemas.OnResize {
			want = follows[r.To]
		}
		if want == "" {
			continue
		}
		s, e := admitted(t, serverIn(r.From), r.On)
		if len(e.Answers) == 1 && e.Answers[0].Answer.Fault != nil || s.Cursor == nil || s.Cursor.Plan != want {
			t.Errorf("%s on %s begins %+v (answers %+v), want plan %s", r.From, r.On, s.Cursor, e.Answers, want)
		}
	}
}
