package actors_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/tests/golden"
)

// events is every event of an account, of operators for account 0.
func (r *rig) events(account schemas.AccountID) []storage.EventRow {
	r.t.Helper()
	var all []storage.EventRow
	for at, more := storage.Cursor(""), true; more; {
		page, err := r.store.Events(r.t.Context(), account, at, 100)
		if err != nil {
			r.t.Fatal(err)
		}
		all, at, more = append(all, page.Events...), page.Next, page.More
	}
	return all
}

// TestFormOfEvents lives through everything that has events and freezes them.
func TestFormOfEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := r.active()
	trace := r.order(schemas.ServerUpdate, server, schemas.Params{Name: new("web")}, "")
	trace.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	r.accepted(r.send(trace))
	do := func(action schemas.Action, target int64, p schemas.Params, steps ...schemas.StepName) int64 {
		t.Helper()
		a := r.accepted(r.command(action, target, p, ""))
		r.run(a.Operation, steps...)
		return a.Target.ID
	}
	do(schemas.ServerResize, server, schemas.Params{Flavor: 2},
		schemas.StepSnapshot, schemas.StepCopy, schemas.StepStop, schemas.StepCopyDelta, schemas.StepStart)
	do(schemas.ServerResizeConfirm, server, schemas.Params{}, schemas.StepWipe)
	group := do(schemas.SharedIPGroupCreate, 0, schemas.Params{Name: new("g"), Server: schemas.ServerID(server)})
	do(schemas.SharedIPGroupDelete, group, schemas.Params{})
	do(schemas.ServerImage, 0, schemas.Params{Server: schemas.ServerID(server)}, schemas.StepSnapshot, schemas.StepSave)

	reboot := r.accepted(r.command(schemas.ServerReboot, server, schemas.Params{}, ""))
	r.done(r.stepOf(schemas.StepRestartSoft), &schemas.StepFailure{Reason: schemas.FailureFault})
	r.until(reboot.Operation, schemas.OperationRunning)
	r.stepOf(schemas.StepRestartSoft)
	deleted := r.accepted(r.command(schemas.ServerDelete, server, schemas.Params{}, ""))
	for r.until(deleted.Operation, schemas.OperationRunning); ; {
		s := r.step()
		r.done(s, nil)
		if s.Name == schemas.StepWipe {
			break
		}
	}
	r.until(deleted.Operation, schemas.OperationSucceeded)
	r.publish(bus.ShardQueue(schemas.ShardOfCluster(testCluster)), schemas.TypeFence, "fence", &schemas.Fence{V: 1, Host: 1, Cluster: testCluster})
	r.answer("fence")

	var doc strings.Builder
	for _, account := range []schemas.AccountID{testAccount, 0} {
		for _, row := range r.events(account) {
			checkEvent(t, &row)
			var lines bytes.Buffer
			if err := json.Indent(&lines, row.Body, "", " "); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&doc, "%s\n", lines.String())
		}
	}
	golden.Compare(t, "events.golden", anonymous(doc.String()))
}

// checkEvent compares an event with its row.
func checkEvent(t *testing.T, row *storage.EventRow) {
	t.Helper()
	var e schemas.Event
	if err := json.Unmarshal(row.Body, &e); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("%s-%d-%d", row.Ref.Kind, row.Ref.ID, row.Sequence)
	if e.ID != id || e.Type != row.Type || !e.Time.Equal(row.Time) || e.Time.Location() != time.UTC || e.Sequence != fmt.Sprintf("%020d", row.Sequence) {
		t.Errorf("row %+v has the event %s", row, row.Body)
	}
	if image := e.Data.Of(row.Ref.Kind); image == nil || *image == nil {
		t.Errorf("event %s does not show its source: %s", id, row.Body)
	}
}

// anonymous is a text with the operations numbered, and without times and hosts' hashes. That an image was updated is shown to the
// second: whether it changed depends on when the test runs.
func anonymous(text string) string {
	text = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)`).ReplaceAllString(text, "TIME")
	text = regexp.MustCompile(`  "before": \{\n   "updated": "TIME"\n  \},\n`).ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, ",\n   \"updated\": \"TIME\"\n  }", "\n  }")
	text = regexp.MustCompile(`"hostId": "[0-9a-f]{32}"`).ReplaceAllString(text, `"hostId": "HASH"`)
	var seen []string
	return regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllStringFunc(text, func(id string) string {
		if !slices.Contains(seen, id) {
			seen = append(seen, id)
		}
		return fmt.Sprint("OPERATION ", slices.Index(seen, id)+1)
	})
}
