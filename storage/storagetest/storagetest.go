// Package storagetest is the suite that every storage.Store must pass.
package storagetest

import (
	"testing"

	"github.com/ozonecloud/ozone/storage"
)

// Traits says what of an implementation the suite can reach.
type Traits struct {
	// At opens the store that is kept at place, a directory that is empty the first time; it may be called again
	// when the store there was closed or its process died. Nil: nothing outlives the process, tests of that are skipped.
	At func(t *testing.T, place string) storage.Store
}

// testCase is one promise of the suite.
type testCase struct {
	name string
	run  func(r *rig)
}

// Run tests the stores that open makes. Each call of open returns a new, empty store that the suite closes.
func Run(t *testing.T, traits Traits, open func(t *testing.T) storage.Store) {
	t.Helper()
	if isChild() {
		if traits.At != nil {
			runChild(t, traits)
		}
		return
	}
	for _, cases := range [][]testCase{commitCases, unitCases, claimCases, memberCases, readCases, gatherCases, eventCases, operatorCases, limitCases, busUserCases, auditCases, sweepCases} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close() = %v", err)
					}
				})
				c.run(newRig(t, s))
			})
		}
	}
	t.Run("a cursor of another store is gone", func(t *testing.T) {
		t.Parallel()
		testForeignCursor(t, open)
	})
	if traits.At == nil {
		return
	}
	t.Run("a store that is opened again has what was committed", func(t *testing.T) {
		t.Parallel()
		testReopen(t, traits)
	})
	t.Run("a killed process leaves whole batches", func(t *testing.T) {
		t.Parallel()
		testKill(t, traits)
	})
}
