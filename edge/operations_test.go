package edge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/tests/golden"
)

func operationID(age time.Duration) schemas.OperationID {
	ms := time.Now().Add(-age).UnixMilli()
	id := uuid.UUID{0: byte(ms >> 40), 1: byte(ms >> 32), 2: byte(ms >> 24), 3: byte(ms >> 16), 4: byte(ms >> 8), 5: byte(ms), 6: 0x70, 8: 0x80}
	return schemas.OperationID(id.String())
}

// operationRows are operations with every member in use somewhere.
func operationRows() []storage.OperationRow {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	later := at.Add(time.Minute)
	return []storage.OperationRow{
		{Operation: schemas.Operation{
			ID: "019b7c1a-0000-7000-8000-000000000001", Account: account, Action: schemas.ServerResize, State: schemas.OperationRunning,
			Target: schemas.ServerID(1234).Ref(), Step: schemas.StepCopy, StepIndex: 2, StepCount: 5, Attempt: 1, Percent: 40,
			Created: at, Updated: at, Deadline: &later,
		}},
		{Operation: schemas.Operation{
			ID: "019b7c1a-0000-7000-8000-000000000002", Account: account, Action: schemas.ServerCreate, State: schemas.OperationAdmitting,
			Target: schemas.ServerID(1235).Ref(), Created: at, Updated: at,
		}},
		{Operation: schemas.Operation{
			ID: "019b7c1a-0000-7000-8000-000000000003", Account: account, Action: schemas.ImageDelete, State: schemas.OperationFailed,
			Target: schemas.ImageID(9).Ref(), Created: at, Updated: later, Ended: &later,
			Error: &schemas.OperationError{Fault: schemas.FaultCloudServers, Message: "m", Retryable: true},
		}},
		{Operation: schemas.Operation{
			ID: "019b7c1a-0000-7000-8000-000000000004", Account: account, Action: schemas.ServerResizeRevert, State: schemas.OperationSucceeded,
			Target: schemas.ServerID(1234).Ref(), Percent: 100, Created: at, Updated: later, Ended: &later,
			Reason: "the probe http:80/healthz did not hold: HTTP status 503",
		}},
	}
}

func TestOperationsAreAsTheContractHasThem(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, row := range operationRows() {
		r.rows.putOperation(row)
	}
	var doc strings.Builder
	for _, path := range []string{
		"", "?limit=1", "?limit=0", "?state=queued", "?state=running&server=1234", "?server=7", "?after=019b7c1a-0000-7000-8000-000000000002",
		"/019b7c1a-0000-7000-8000-000000000001", "/019b7c1a-0000-7000-8000-000000000002.json", "/019b7c1a-0000-7000-8000-000000000003?wait=60",
		"?state=admitting", "?state=", "?limit=-1", "?limit=x", "?server=x", "?after=x", "/019b7c1a-0000-7000-8000-000000000001?wait=x",
	} {
		res := r.do("GET", "/ozone/v1/1001/operations"+path, "")
		fmt.Fprintf(&doc, "GET /operations%s\n%d %s\n\n", path, res.status, res.body)
	}
	golden.Compare(t, "operations.txt", doc.String())
}

func TestOperationWithoutARowIsQueuedWhileItIsYoung(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	get := func(id schemas.OperationID) response {
		return r.do("GET", "/ozone/v1/1001/operations/"+string(id), "")
	}
	young := operationID(5 * time.Second)
	if res := get(young); res.status != 200 || !strings.Contains(res.body, `"id":"`+string(young)+`","action":null,"state":"queued","target":null`) {
		t.Errorf("young = %d %s", res.status, res.body)
	}
	for name, id := range map[string]schemas.OperationID{
		"old": operationID(61 * time.Second), "of the future": operationID(-2 * time.Minute), "malformed": "12", "in braces": "{" + young + "}",
		"upper case": schemas.OperationID(strings.ToUpper(string(operationID(0)))) + "F", "version 4": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
	} {
		if res := get(id); res.status != 404 && name != "in braces" || name == "in braces" && res.status != 400 {
			t.Errorf("%s = %d %s", name, res.status, res.body)
		}
	}
	mine := operationRows()[0]
	mine.Account = other
	r.rows.putOperation(mine)
	if res := get(mine.ID); res.status != 404 {
		t.Errorf("another account's = %d %s, want 404", res.status, res.body)
	}
}

func TestWaitAnswersAtTheNextChange(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	row := operationRows()[0]
	r.rows.putOperation(row)
	path := "/ozone/v1/1001/operations/" + string(row.ID)
	time.AfterFunc(100*time.Millisecond, func() {
		next := row
		next.Step = schemas.StepStart
		r.rows.putOperation(next)
	})
	if res := r.do("GET", path+"?wait=15", ""); res.status != 200 || !strings.Contains(res.body, `"step":"start"`) {
		t.Errorf("GET = %d %s", res.status, res.body)
	}
	if res := r.do("GET", path+"?wait=1", ""); res.status != 200 || !strings.Contains(res.body, `"step":"start"`) {
		t.Errorf("GET without a change = %d %s", res.status, res.body)
	}
}
