package actors_test

import (
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

func TestCreateIsShownBeforeItsAnswerAndEndsActive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("")
	if v := r.server(id); v.Status != schemas.StatusBuild || len(v.Addresses.Public) != 1 || len(v.Addresses.Private) != 1 {
		t.Fatalf("right after the answer: %+v", v)
	}
	r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	if v := r.server(id); v.Status != schemas.StatusActive || v.Progress != 100 {
		t.Fatalf("at the end: %+v", v)
	}
	r.audit()
}

func TestANewEngineGoesOnWhereTheLastOneStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("")
	first := r.step()
	r.stop()
	r.start()
	again := r.step()
	if again.ID() != first.ID() || again.Epoch <= first.Epoch {
		t.Fatalf("resumed step %s epoch %d, want %s above epoch %d", again.ID(), again.Epoch, first.ID(), first.Epoch)
	}
	r.done(again, nil)
	r.run(op, schemas.StepCreateDisk, schemas.StepStart)
	if v := r.server(id); v.Status != schemas.StatusActive {
		t.Fatalf("status = %s", v.Status)
	}
	r.audit()
}

func TestARepeatedKeyGetsTheFirstAnswerAlsoFromTheNextEngine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("key")
	again := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	if a := r.answer(again); a.Operation != op || a.Target.ID != id || !a.Repeated {
		t.Fatalf("repeated: %+v", a)
	}
	r.stop()
	r.start()
	again = r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	if a := r.answer(again); a.Operation != op || a.Target.ID != id || !a.Repeated {
		t.Fatalf("repeated after the restart: %+v", a)
	}
}

func TestARepetitionThatComesBeforeTheAnswerIsToldThatItIsOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	again := r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, "key")
	if a := r.answer(first); a.Operation != first || a.Repeated {
		t.Errorf("first: %+v", a)
	}
	if a := r.answer(again); a.Operation != first || !a.Repeated {
		t.Errorf("repeated: %+v", a)
	}
}

func TestDeleteHidesAtOnceAndGivesEverythingBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("")
	r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	del := r.command(schemas.ServerDelete, id, schemas.Params{}, "")
	if a := r.answer(del); a.Fault != nil {
		t.Fatal(a.Fault)
	}
	if _, err := r.store.Object(t.Context(), schemas.ActorServer, testAccount, id); err == nil {
		t.Fatal("a deleted server is shown")
	}
	r.run(del, schemas.StepStop, schemas.StepWipe)
	report := r.audit()
	if len(report.Copies) != 0 {
		t.Fatalf("copies left: %+v", report.Copies)
	}
}

func TestResizeMovesAndConfirms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	op, id := r.create("")
	r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	resize := r.command(schemas.ServerResize, id, schemas.Params{Flavor: 2}, "")
	if a := r.answer(resize); a.Fault != nil {
		t.Fatal(a.Fault)
	}
	r.run(resize, schemas.StepSnapshot, schemas.StepCopy, schemas.StepStop, schemas.StepCopyDelta, schemas.StepStart)
	if v := r.server(id); v.Status != schemas.StatusVerifyResize || v.FlavorID != 2 {
		t.Fatalf("resized: %+v", v)
	}
	r.audit()
	confirm := r.command(schemas.ServerResizeConfirm, id, schemas.Params{}, "")
	if a := r.answer(confirm); a.Fault != nil {
		t.Fatal(a.Fault)
	}
	r.run(confirm, schemas.StepWipe)
	r.audit()
}
