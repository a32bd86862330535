package cli_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/nodetest"
)

func TestACreateIsCancelledOnTheCommandLine(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, "--sim-delay", "1s", "--hosts", "sim:1")
	me := loggedIn(t, n, "user", n.URL())
	_, r, err := me.CreateServer(t.Context(), "n", 1, 1)
	if err != nil || r.Status != http.StatusAccepted {
		t.Fatalf("create = %v, %v", r, err)
	}
	if out := me.ok(t, "operation", "cancel", r.Operation(), "--dry-run"); !strings.Contains(out, "DELETED") {
		t.Errorf("dry cancel: %s, want what the server would be", out)
	}
	if out := me.ok(t, "operation", "cancel", r.Operation(), "--wait"); !strings.Contains(out, "operation.cancel") || !strings.Contains(out, "succeeded") {
		t.Errorf("cancel: %s", out)
	}
	if out := me.ok(t, "operation", "show", r.Operation()); !strings.Contains(out, "cancelled") {
		t.Errorf("the create: %s", out)
	}
	if again := me.run(t, "operation", "cancel", r.Operation()); again.code != 1 || !strings.Contains(again.err, "not under way") {
		t.Errorf("cancel again = %d %s, want 1 with the reason", again.code, again.err)
	}
	nodetest.Audit(t, n)
}
