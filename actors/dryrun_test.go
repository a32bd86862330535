package actors_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// dry asks what a command would come to.
func (r *rig) dry(action schemas.Action, target int64, p schemas.Params) schemas.Answer {
	r.t.Helper()
	c := r.order(action, target, p, "")
	r.publish(bus.ShardQueue(schemas.ShardOf(c.Account)), schemas.TypeDryRun, string(c.ID), &schemas.DryRun{V: 1, Command: *c})
	return r.answer(c.ID)
}

// written collects what commits write until the test ends.
func (r *rig) written() func() []string {
	var mu sync.Mutex
	var rows []string // guarded by mu
	r.store.set(func(f *faultyStore) {
		f.onCommit = func(b storage.Batch, next func() error) error {
			mu.Lock()
			defer mu.Unlock()
			for _, u := range b.Units {
				bare := storage.Unit{Shard: u.Shard, Epoch: u.Epoch}
				got, _ := json.Marshal(u)
				if want, _ := json.Marshal(bare); !bytes.Equal(got, want) {
					rows = append(rows, string(got))
				}
			}
			return next()
		}
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(rows)
	}
}

func TestADryRunSaysWhatWouldBeAndWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.active()
	image := r.accepted(r.command(schemas.ServerImage, 0, schemas.Params{Server: schemas.ServerID(id)}, ""))
	r.run(image.Operation, schemas.StepSnapshot, schemas.StepSave)
	r.quiet()
	rows := r.written()
	server, ram := schemas.ServerID(id).Ref(), int64(256)
	limit := int64(1 << 20)
	for name, c := range map[string]struct {
		action schemas.Action
		target int64
		params schemas.Params
		want   schemas.Forecast
	}{
		"create": {schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 2}, schemas.Forecast{Target: schemas.ServerID(0).Ref(), Status: "BUILD", UsedRAMMiB: ram + 512, Placed: true}},
		"create from an own image": {
			schemas.ServerCreate, 0,
			schemas.Params{Image: schemas.ImageID(image.Target.ID), Flavor: 1},
			schemas.Forecast{Target: schemas.ServerID(0).Ref(), Status: "BUILD", UsedRAMMiB: 2 * ram, Placed: true},
		},
		"rename":       {schemas.ServerUpdate, id, schemas.Params{Name: new("n")}, schemas.Forecast{Target: server, Status: "ACTIVE", UsedRAMMiB: ram}},
		"reboot":       {schemas.ServerReboot, id, schemas.Params{}, schemas.Forecast{Target: server, Status: "REBOOT", UsedRAMMiB: ram}},
		"resize":       {schemas.ServerResize, id, schemas.Params{Flavor: 3}, schemas.Forecast{Target: server, Status: "QUEUE_RESIZE", UsedRAMMiB: 1024, Placed: true}},
		"delete":       {schemas.ServerDelete, id, schemas.Params{}, schemas.Forecast{Target: server, Status: "DELETED"}},
		"image":        {schemas.ServerImage, id, schemas.Params{Server: schemas.ServerID(id)}, schemas.Forecast{Target: schemas.ImageID(0).Ref(), Status: "QUEUED", UsedRAMMiB: ram}},
		"delete image": {schemas.ImageDelete, image.Target.ID, schemas.Params{}, schemas.Forecast{Target: image.Target, Status: "DELETED", UsedRAMMiB: ram}},
		"group": {
			schemas.SharedIPGroupCreate, 0,
			schemas.Params{Server: schemas.ServerID(id)},
			schemas.Forecast{Target: schemas.GroupID(0).Ref(), Status: "ACTIVE", UsedRAMMiB: ram},
		},
	} {
		a := r.dry(c.action, c.target, c.params)
		want := c.want
		want.Action, want.RAMLimitMiB = c.action, limit
		if a.Fault != nil || a.Forecast == nil {
			t.Errorf("%s: answer %+v %v, want a forecast", name, a, a.Fault)
			continue
		}
		if want.Target.Kind == schemas.ActorAccount || *a.Forecast != want {
			t.Errorf("%s: forecast\n%+v\nwant\n%+v", name, *a.Forecast, want)
		}
	}
	r.quiet()
	r.silent()
	if got := rows(); len(got) > 0 {
		t.Errorf("dry runs wrote %d units: %s", len(got), got[0])
	}
	if op, next := r.create(""); next != id+1 {
		t.Errorf("the server after the dry runs is %d, want %d: no id is taken", next, id+1)
	} else {
		r.run(op, schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart)
	}
	r.audit()
}

func TestADryRunIsRefusedWithTheSameFault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.active()
	r.quiet()
	huge := schemas.Flavor{ID: 99, Name: "huge", RAMMiB: 1 << 19, DiskGB: 1 << 21}
	r.rules.Flavors[99] = huge // an engine reads its map
	for name, c := range map[string]struct {
		action schemas.Action
		target int64
		params schemas.Params
	}{
		"unknown server":   {schemas.ServerReboot, 4711, schemas.Params{}},
		"no resize yet":    {schemas.ServerResizeConfirm, id, schemas.Params{}},
		"the same flavor":  {schemas.ServerResize, id, schemas.Params{Flavor: 1}},
		"unknown flavor":   {schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 77}},
		"unknown image":    {schemas.ServerCreate, 0, schemas.Params{Image: 4711, Flavor: 1}},
		"no room":          {schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 99}},
		"no room to grow":  {schemas.ServerResize, id, schemas.Params{Flavor: 99}},
		"a base image":     {schemas.ImageDelete, 1, schemas.Params{}},
		"not in any group": {schemas.ServerUnshareIP, id, schemas.Params{Address: "198.18.0.9"}},
	} {
		dry := r.dry(c.action, c.target, c.params)
		done := r.answer(r.command(c.action, c.target, c.params, ""))
		if dry.Fault == nil || done.Fault == nil || *dry.Fault != *done.Fault {
			t.Errorf("%s: dry %v, real %v: want the same fault", name, dry.Fault, done.Fault)
		}
	}
	r.audit()
}

// An actor that a dry run has loaded keeps its timer: the next thing that happens to it may be that.
func TestADryRunTakesNoTimerAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.rules.ConfirmAfter = time.Hour })
	id := r.active()
	resize := r.accepted(r.command(schemas.ServerResize, id, schemas.Params{Flavor: 2}, "")).Operation
	r.run(resize, schemas.StepSnapshot, schemas.StepCopy, schemas.StepStop, schemas.StepCopyDelta, schemas.StepStart)
	r.quiet()
	loaded := r.engine.Stats().Loaded
	r.skew.Add(int64(10 * time.Minute))
	r.eventually("idle actors are unloaded", func() bool { return r.engine.Stats().Loaded < loaded-1 })
	if a := r.dry(schemas.ServerResizeConfirm, id, schemas.Params{}); a.Forecast == nil || a.Forecast.Status != "ACTIVE" {
		t.Fatalf("answer %+v, want a forecast of ACTIVE", a)
	}
	r.skew.Add(int64(time.Hour))
	r.eventually("the resize confirms itself", func() bool { return r.server(id).Status == schemas.StatusActive })
}
