// Package golden compares what leaves the process with files in testdata.
package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Compare compares with testdata/name; OZONE_GOLDEN=update rewrites that.
func Compare(tb testing.TB, name, got string) {
	tb.Helper()
	CompareFile(tb, filepath.Join("testdata", name), got)
}

// CompareFile is Compare with a file that is not in testdata.
func CompareFile(tb testing.TB, path, got string) {
	tb.Helper()
	if os.Getenv("OZONE_GOLDEN") == "update" {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // the test's own file
	if err != nil {
		tb.Fatalf("%v; OZONE_GOLDEN=update makes it", err)
	}
	if got != string(want) {
		tb.Errorf("%s: %s\nOZONE_GOLDEN=update rewrites it", path, firstDifference(got, string(want)))
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
