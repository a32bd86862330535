package core

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

// golden compares with a file in testdata; OZONE_GOLDEN=update rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("OZONE_GOLDEN") == "update" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; OZONE_GOLDEN=update makes it", err)
	}
	if got != string(want) {
		t.Errorf("%s: %s\nOZONE_GOLDEN=update rewrites it", path, firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d is\n  %s\nwant\n  %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

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
	golden(t, "server_table.golden", b.String())
}

func TestImageTableIsFrozen(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, in := range []schemas.ImageStatus{
		"", schemas.ImageQueued, schemas.ImagePreparing, schemas.ImageSaving, schemas.ImageActive, schemas.ImageFailed, schemas.ImageDeleted,
	} {
		for _, on := range []schemas.Trigger{
			schemas.OnCreate, schemas.OnDelete, schemas.OnPrepared, schemas.OnDone, schemas.OnFailed, schemas.OnSilent, schemas.OnServerGone,
		} {
			to, ok := imageEdges[in][on]
			if !ok {
				to = "nothing"
			}
			fmt.Fprintf(&b, "%-9s  %-11s  -> %s\n", in, on, to)
		}
	}
	golden(t, "image_table.golden", b.String())
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
	golden(t, "plans.golden", b.String())
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
