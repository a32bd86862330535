package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/golden"
)

// triggers are all that may move a server.
var triggers = slices.Concat([]schemas.Trigger{schemas.OnCreate}, tenants, operators, []schemas.Trigger{
	schemas.OnAllocated, schemas.OnRefused, schemas.OnPrepared, schemas.OnDone, schemas.OnFailed, schemas.OnSilent, schemas.OnRestored,
	schemas.OnBroken, schemas.OnHostLost, schemas.OnHostBack, schemas.OnHostFenced,
})

func TestServerTableIsFrozen(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, in := range slices.Concat([]schemas.Status{""}, emitted, []schemas.Status{schemas.StatusDeleted}) {
		for _, on := range triggers {
			fmt.Fprintf(&b, "%-13s  %-12s  ", in, on)
			to, err := next(&schemas.Server{Status: in, Former: schemas.StatusRescue}, on)
			switch {
			case err == nil && serverEdges[edgeKey{in, on}] == schemas.StatusFormer:
				b.WriteString("-> the status before\n")
			case err == nil:
				fmt.Fprintf(&b, "-> %s\n", to)
			default:
				fmt.Fprintf(&b, "%s %s\n", err.Kind, err.Fault)
			}
		}
	}
	golden.Compare(t, "server_table.golden", b.String())
}

func TestImageTableIsFrozen(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, in := range []schemas.ImageStatus{
		"", schemas.ImageQueued, schemas.ImagePreparing, schemas.ImageSaving, schemas.ImageActive, schemas.ImageFailed, schemas.ImageDeleted,
	} {
		for _, on := range []schemas.Trigger{
			schemas.OnCreate, schemas.OnDelete, schemas.OnPrepared, schemas.OnDone, schemas.OnFailed, schemas.OnSilent, schemas.OnServerGone,
			schemas.OnCancel,
		} {
			to, ok := imageEdges[in][on]
			if !ok {
				to = "nothing"
			}
			fmt.Fprintf(&b, "%-9s  %-11s  -> %s\n", in, on, to)
		}
	}
	golden.Compare(t, "image_table.golden", b.String())
}

func TestPlansAreFrozen(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, r := range plans {
		at := "home"
		if r.At == atOther {
			at = "other"
		}
		fmt.Fprintf(&b, "%-11s  %-12s  %-5s  %-7s  %3d %%  done: %-9s  failed: %s\n", r.Plan, r.Step, at, r.Timeout, r.Percent, r.Done, r.Failed)
	}
	golden.Compare(t, "plans.golden", b.String())
}

// Steps are found by plan and name: a plan has each name once.
func TestStepsOfAPlanHaveDifferentNames(t *testing.T) {
	t.Parallel()
	for i, r := range plans {
		if row, index, ok := stepOf(r.Plan, r.Step); !ok || row != r || planOf(r.Plan)[index] != plans[i] {
			t.Errorf("stepOf(%s, %s) = %+v at %d, %v; want row %d", r.Plan, r.Step, row, index, ok, i)
		}
	}
}
