package hosttest

import "github.com/ozonecloud/ozone/schemas"

// grown boots a server whose guest has written something.
func (w *world) grown(p Place) {
	w.Helper()
	w.boot("create", p)
	w.Write(w.T, p)
}

func (w *world) image(op string, name schemas.StepName, p Place, id schemas.ImageID) schemas.Step {
	s := w.step(op, name, p)
	s.Actor, s.Params.Image = id.Ref(), id
	return s
}

func snapshotAndSave(w *world) {
	p, twin := w.home(7), Place{w.Second, 8, 1}
	w.boot("create", p)
	w.must(w.step("stop", schemas.StepStop, p))
	frozen := w.Content(w.T, p)
	w.must(w.image("image", schemas.StepSnapshot, p, w.NoImage))
	w.must(w.step("start", schemas.StepStart, p))
	w.Write(w.T, p) // is not in the image
	w.must(w.image("image", schemas.StepSave, p, w.NoImage))
	w.has(w.First, w.machine(p, true))

	s := w.step("twin", schemas.StepFetchImage, twin)
	s.Params.Image = w.NoImage
	w.must(s)
	s.Name = schemas.StepCreateDisk
	w.must(s)
	if got := w.Content(w.T, twin); got != frozen {
		w.Errorf("content of a server made from the image = %q, want that of the snapshot: %q", got, frozen)
	}

	w.must(w.image("remove", schemas.StepRemove, p, w.NoImage))
	s = w.step("late", schemas.StepFetchImage, Place{w.Second, 9, 1})
	s.Params.Image = w.NoImage
	w.refused(s, schemas.FailureNoImage)
	w.must(w.step("twin", schemas.StepStart, twin)) // it does not need the image any more
}

func saveWithoutSnapshot(w *world) {
	p := w.home(7)
	w.boot("create", p)
	w.refused(w.image("image", schemas.StepSnapshot, w.home(8), w.NoImage), schemas.FailureMissing)
	w.refused(w.image("image", schemas.StepSave, p, w.NoImage), schemas.FailureMissing)
	w.must(w.image("image", schemas.StepRemove, p, w.NoImage)) // half-made or never made
}

// moving is a copy step from one place to another.
func (w *world) moving(name schemas.StepName, from, to Place) schemas.Step {
	s := w.step("resize", name, to)
	s.Params.SourceHost, s.Params.SourceCopy = from.Host, from.Copy
	return s
}

func copyWithDelta(w *world) {
	from := w.home(7)
	to := Place{w.Second, 7, 2}
	w.grown(from)
	w.must(w.step("resize", schemas.StepSnapshot, from))
	w.Write(w.T, from)
	w.must(w.moving(schemas.StepCopy, from, to))
	w.must(w.step("resize", schemas.StepStop, from))
	source := w.Content(w.T, from)
	if w.Content(w.T, to) == source {
		w.Error("the copy of the snapshot has what the guest wrote after it")
	}
	w.must(w.moving(schemas.StepCopyDelta, from, to))
	if got := w.Content(w.T, to); got != source {
		w.Errorf("content of the copy = %q, want that of the source: %q", got, source)
	}
	if got := w.Content(w.T, from); got != source {
		w.Errorf("content of the source = %q, changed from %q by being copied", got, source)
	}
	w.must(w.step("resize", schemas.StepStart, to))
	w.has(w.First, w.machine(from, false))
	w.has(w.Second, w.machine(to, true))
	w.must(w.step("confirm", schemas.StepWipe, from))
	w.has(w.First)
	w.has(w.Second, w.machine(to, true))
}

func copyWithoutRoom(w *world) {
	from := w.home(7)
	to := Place{w.Second, 7, 2}
	w.grown(from)
	w.refused(w.moving(schemas.StepCopy, from, to), schemas.FailureMissing) // no snapshot
	w.must(w.step("resize", schemas.StepSnapshot, from))
	s := w.moving(schemas.StepCopy, from, to)
	s.Attempt, s.Params.Flavor = 2, &w.TooLarge
	w.refused(s, schemas.FailureNoSpace)
	w.has(w.First, w.machine(from, true))
	w.has(w.Second)
	w.refused(w.moving(schemas.StepCopyDelta, from, to), schemas.FailureMissing)
}
