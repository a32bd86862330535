package bench_test

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/bench"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

func TestMain(m *testing.M) { os.Exit(nodetest.Main(m)) }

func TestTableIsPrinted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts nodes")
	}
	var out strings.Builder
	// How fast this machine is just now does not matter here, only that every number is there.
	_ = bench.Run(t.Context(), bench.Config{Binary: nodetest.Binary(t), Rounds: 1, Only: []string{"start"}, Log: io.Discard}, &out)
	if !strings.HasPrefix(out.String(), "| what |") || !strings.Contains(out.String(), "| start to ready |") {
		t.Errorf("printed %q, want a table with the row", out.String())
	}
}

func TestUnknownRowIsRefused(t *testing.T) {
	err := bench.Run(t.Context(), bench.Config{Rounds: 1, Only: []string{"speed"}, Log: io.Discard}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "speed") {
		t.Errorf("Run = %v, want an error that names the row", err)
	}
}
