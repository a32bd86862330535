package core

import (
	"slices"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

func TestImagePassesItsStatuses(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	var got []schemas.ImageStatus
	w.fault = func(point) action {
		for _, i := range w.images() {
			if len(got) == 0 || got[len(got)-1] != i.Status {
				got = append(got, i.Status)
			}
		}
		return pass
	}
	i := w.makeImage(s)
	got = append(got, w.image(i).Status)
	want := []schemas.ImageStatus{schemas.ImageQueued, schemas.ImagePreparing, schemas.ImageSaving, schemas.ImageActive}
	if !slices.Equal(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	w.wantStatus(s, schemas.StatusActive)
	w.deleteAll()
}

func TestServerCanBeMadeFromAnImage(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	i := w.makeImage(s)
	op := w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: i})
	w.wantState(op, schemas.OperationSucceeded)
	op = w.do(schemas.ServerRebuild, int64(s), schemas.Params{Image: i})
	w.wantState(op, schemas.OperationSucceeded)
	w.do(schemas.ImageDelete, int64(i), schemas.Params{})
	op = w.do(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: i})
	w.wantFault(op, schemas.KindNotFound, schemas.FaultItemNotFound)
	w.deleteAll()
}

func TestFailedImageLeavesNoFile(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"image/snapshot", "image/save"} {
		for _, a := range []action{fail, failHard, drop, late, outcomeLate} {
			t.Run(step+" "+string(a), func(t *testing.T) {
				t.Parallel()
				w := newCloud(t, 1)
				s := w.create(2)
				w.at(aStep, step, a)
				i := w.makeImage(s)
				w.wantImage(i, schemas.ImageFailed)
				w.wantStatus(s, schemas.StatusActive)
				op := w.do(schemas.ImageDelete, int64(i), schemas.Params{})
				w.wantState(op, schemas.OperationSucceeded)
				w.deleteAll()
			})
		}
	}
}

func TestDeleteOfTheServerCancelsItsImage(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"", "image/snapshot", "image/save"} {
		w := newCloud(t, 1)
		s := w.create(2)
		w.at(aStep, step, holdBack)
		image := w.order(schemas.ServerImage, 0, schemas.Params{Server: s})
		if step != "" {
			w.pass(time.Second)
		}
		gone := w.order(schemas.ServerDelete, int64(s), schemas.Params{})
		w.release()
		w.settle()
		w.laws()
		w.wantState(image, schemas.OperationCancelled)
		w.wantState(gone, schemas.OperationSucceeded)
		w.nothingLeft()
	}
}

func TestImageInTheMakingCannotBeUsedOrDeleted(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	w.order(schemas.ServerImage, 0, schemas.Params{Server: s})
	i := int64(w.images()[0].ID)
	op := w.order(schemas.ImageDelete, i, schemas.Params{})
	w.wantFault(op, schemas.KindConflict, schemas.FaultBackupOrResize)
	op = w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: 1, Image: schemas.ImageID(i)})
	w.wantFault(op, schemas.KindInvalid, schemas.FaultBadRequest)
	op = w.order(schemas.ServerImage, 0, schemas.Params{Server: s})
	w.wantFault(op, schemas.KindConflict, schemas.FaultBackupOrResize)
	w.settle()
	w.deleteAll()
}

func TestServerHasABoundedNumberOfImages(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	s := w.create(2)
	for range schemas.MaxImagesPerServer {
		w.order(schemas.ServerImage, 0, schemas.Params{Server: s})
		w.settle()
	}
	op := w.do(schemas.ServerImage, 0, schemas.Params{Server: s})
	w.wantFault(op, schemas.KindLimit, schemas.FaultOverLimit)
	w.do(schemas.ImageDelete, int64(w.images()[0].ID), schemas.Params{})
	op = w.do(schemas.ServerImage, 0, schemas.Params{Server: s})
	w.wantState(op, schemas.OperationSucceeded)
	w.deleteAll()
}
