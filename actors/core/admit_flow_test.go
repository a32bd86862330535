package core

import (
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

func (w *cloud) limit(mib int64) {
	a := w.account()
	a.RAMLimitMiB = mib
	w.seed(a.ID.Ref(), &a)
}

func TestQuotaIsExact(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	w.limit(1024)
	first, second := w.create(2), w.create(2)
	op := w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 1})
	w.wantFault(op, schemas.KindLimit, schemas.FaultOverLimit)
	w.do(schemas.ServerDelete, int64(second), schemas.Params{})
	op = w.do(schemas.ServerResize, int64(first), schemas.Params{Flavor: 4})
	w.wantFault(op, schemas.KindLimit, schemas.FaultOverLimit)
	op = w.do(schemas.ServerResize, int64(first), schemas.Params{Flavor: 3})
	w.wantState(op, schemas.OperationSucceeded)
	op = w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 1})
	w.wantFault(op, schemas.KindLimit, schemas.FaultOverLimit)
	w.deleteAll()
}

func TestUndecidedCreatesCountAgainstTheQuota(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	w.limit(512)
	w.at(aLetter, "allocate", holdBack)
	first := w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: 2, Image: 1})
	second := w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 1})
	w.wantFault(second, schemas.KindLimit, schemas.FaultOverLimit)
	w.release()
	w.settle()
	w.laws()
	w.wantState(first, schemas.OperationSucceeded)
	w.deleteAll()
}

func TestResizeDownIsAllowedAboveALoweredLimit(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 2)
	s := w.create(3)
	w.limit(512)
	op := w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 1})
	w.wantState(op, schemas.OperationSucceeded)
	w.do(schemas.ServerResizeConfirm, int64(s), schemas.Params{})
	w.deleteAll()
}

func TestClusterRefusalLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	op := w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 7, Image: 1})
	w.wantFault(op, schemas.KindCapacity, schemas.FaultCapacity)
	w.wantState(op, schemas.OperationRejected)
	if n := len(w.servers()); n != 0 {
		t.Errorf("%d servers are left, want none", n)
	}
	s := w.create(6)
	op = w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 7})
	w.wantFault(op, schemas.KindCapacity, schemas.FaultCapacity)
	w.wantStatus(s, schemas.StatusActive)
	w.deleteAll()
}

func TestCreateTriesTheNextClusterOnRefusal(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	w.addCluster(2)
	big := w.addHost(2, 16384)
	s := w.create(7)
	w.wantStatus(s, schemas.StatusActive)
	w.wantRuns(s, big)
	w.deleteAll()
}

func TestOperationThatIsNotAdmittedInTimeExpires(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"allocate", "allocated"} {
		for _, how := range []action{drop, late} {
			t.Run(lost+" "+string(how), func(t *testing.T) {
				t.Parallel()
				w := newCloud(t, 2)
				s := w.create(2)
				w.at(aLetter, lost, how)
				create := w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 2, Image: 1})
				resize := w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3})
				for _, op := range []schemas.OperationID{create, resize} {
					w.wantState(op, schemas.OperationExpired)
					w.wantFault(op, schemas.KindUnavailable, schemas.FaultServiceUnavailable)
				}
				w.wantStatus(s, schemas.StatusActive)
				w.deleteAll()
			})
		}
	}
}

func TestCommandThatComesTooLateExpires(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	op := w.orderAs(&schemas.Command{Action: schemas.ServerCreate, Params: schemas.Params{Flavor: 1, Image: 1}, Expires: w.now.Add(-time.Second)})
	w.wantState(op, schemas.OperationExpired)
	w.wantFault(op, schemas.KindUnavailable, schemas.FaultServiceUnavailable)
	w.laws()
}

func TestCommandWithoutAnEndIsAdmitted(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	c := &schemas.Command{
		V: 1, ID: "op-x", Account: 1, Action: schemas.ServerCreate, Params: schemas.Params{Flavor: 1, Image: 1}, Payload: []byte("sealed"),
	}
	w.send(envelope{to: c.To(), message: c, durable: true})
	w.settle()
	w.wantState("op-x", schemas.OperationSucceeded)
	w.deleteAll()
}

func TestRepeatedKeyGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	command := func(digest string) *schemas.Command {
		return &schemas.Command{
			Action: schemas.ServerCreate, Params: schemas.Params{Flavor: 1, Image: 1}, Key: []byte("key"), Digest: []byte(digest),
		}
	}
	first := w.orderAs(command("a"))
	w.settle()
	second := w.orderAs(command("a"))
	w.settle()
	if w.rows.ops[second] != nil || len(w.servers()) != 1 {
		t.Errorf("the repetition became operation %+v and %d servers", w.rows.ops[second], len(w.servers()))
	}
	other := w.orderAs(command("b"))
	w.wantFault(other, schemas.KindInvalid, schemas.FaultBadRequest)
	w.wantState(first, schemas.OperationSucceeded)
	w.deleteAll()
}

func TestKeyOfACommandThatFoundNoRoomIsFreeAgain(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	command := func() *schemas.Command {
		return &schemas.Command{
			Action: schemas.ServerCreate, Params: schemas.Params{Flavor: 7, Image: 1}, Key: []byte("key"), Digest: []byte("a"),
		}
	}
	first := w.orderAs(command())
	w.settle()
	w.wantFault(first, schemas.KindCapacity, schemas.FaultCapacity)
	w.addHost(1, 32768)
	second := w.orderAs(command())
	w.settle()
	w.wantState(second, schemas.OperationSucceeded)
	w.deleteAll()
}

func TestRefusalsOfUnknownObjects(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(1)
	tests := []struct {
		sentence string
		action   schemas.Action
		target   int64
		params   schemas.Params
		kind     schemas.Kind
		fault    schemas.Fault
	}{
		{"flavor of a create", schemas.ServerCreate, 0, schemas.Params{Flavor: 99, Image: 1}, schemas.KindNotFound, schemas.FaultItemNotFound},
		{"image of a create", schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: 77}, schemas.KindNotFound, schemas.FaultItemNotFound},
		{"flavor of a resize", schemas.ServerResize, int64(s), schemas.Params{Flavor: 99}, schemas.KindNotFound, schemas.FaultItemNotFound},
		{"image of a rebuild", schemas.ServerRebuild, int64(s), schemas.Params{Image: 77}, schemas.KindNotFound, schemas.FaultItemNotFound},
		{"server", schemas.ServerDelete, 77, schemas.Params{}, schemas.KindNotFound, schemas.FaultItemNotFound},
		{"server of an image", schemas.ServerImage, 0, schemas.Params{Server: 77}, schemas.KindNotFound, schemas.FaultItemNotFound},
		{"image", schemas.ImageDelete, 77, schemas.Params{}, schemas.KindNotFound, schemas.FaultItemNotFound},
	}
	for _, c := range tests {
		op := w.do(c.action, c.target, c.params)
		w.wantFault(op, c.kind, c.fault)
	}
	w.deleteAll()
	op := w.do(schemas.ServerDelete, int64(s), schemas.Params{})
	w.wantFault(op, schemas.KindNotFound, schemas.FaultItemNotFound)
}

func TestServersOfOthersAreNotFound(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(1)
	w.seed(schemas.AccountID(2).Ref(), &schemas.Account{V: 1, ID: 2})
	c := &schemas.Command{V: 1, ID: "theirs", Account: 2, Action: schemas.ServerDelete, Target: int64(s)}
	w.send(envelope{to: c.To(), message: c})
	w.settle()
	w.wantFault("theirs", schemas.KindNotFound, schemas.FaultItemNotFound)
	w.wantStatus(s, schemas.StatusActive)
}
