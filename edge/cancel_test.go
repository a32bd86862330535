package edge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

func TestACancelNamesItsOperationAndShowsTheOther(t *testing.T) {
	t.Parallel()
	r := furnished(t)
	const running = "019b7c1a-0000-7000-8000-000000000001"
	res := r.do("POST", "/ozone/v1/1001/operations/"+running+"/cancel", "")
	got := r.last()
	if res.status != 202 || !strings.Contains(res.body, `{"operation":{"id":"`+running) || res.header.Get("X-Ozone-Operation") != string(got.ID) {
		t.Errorf("cancel = %d %s of operation %s, want 202 with the cancelled one", res.status, res.body, res.header.Get("X-Ozone-Operation"))
	}
	if got.Action != schemas.OperationCancel || got.Params.Operation != running || got.Target != 0 {
		t.Errorf("command %+v, want the cancel of %s", got, running)
	}
	res = r.do("POST", "/ozone/v1/1001/operations/"+running+"/cancel?dry_run=true", "")
	if res.status != 200 || !r.tried() || !strings.HasPrefix(res.body, `{"dry_run":`) {
		t.Errorf("dry cancel = %d %s", res.status, res.body)
	}
}

func TestACancelThatIsRefusedSaysWhetherThereIsSuchAnOperation(t *testing.T) {
	t.Parallel()
	r := furnished(t)
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		return &schemas.Answer{Operation: cmd.ID, Fault: schemas.Errorf(schemas.KindConflict, "cannot cancel").Because("why")}
	})
	r.rows.mu.Lock()
	theirs := r.rows.operations["019b7c1a-0000-7000-8000-000000000001"]
	theirs.ID, theirs.Account = "019b7c1a-0000-7000-8000-0000000000ff", other
	r.rows.operations[theirs.ID] = theirs
	r.rows.mu.Unlock()
	for id, want := range map[schemas.OperationID]int{
		"019b7c1a-0000-7000-8000-000000000001": 409,
		"019b7c1a-0000-7000-8000-000000000009": 404, // nobody's
		theirs.ID:                              404,
		operationID(5 * time.Second):           409, // it may be on its way
		operationID(61 * time.Second):          404,
		"12":                                   404,
		"%00":                                  400,
	} {
		if res := r.do("POST", "/ozone/v1/1001/operations/"+string(id)+"/cancel", ""); res.status != want {
			t.Errorf("cancel of %s = %d %s, want %d", id, res.status, res.body, want)
		}
	}
}
