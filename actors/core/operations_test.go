package core

import (
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// operation is one way to use the cloud, for the tests that strike it everywhere. Its own faults make it take a way
// that is not taken when all goes well.
type operation struct {
	name   string
	setup  func(w *cloud) int64 // the target
	action schemas.Action
	params schemas.Params
	own    []point                      // steps that always fail
	run    func(w *cloud, target int64) // instead of the action
	steps  []string
}

// What the group of the operations below and its members are called: the clouds of tests count from there.
const (
	firstMember  = "198.18.1.1" // the first address of the pool, which the first server gets
	theGroup     = schemas.GroupID(300)
	secondServer = int64(1001)
)

// groupOperations are those of shared IP groups.
func groupOperations() []operation {
	server := func(w *cloud) int64 { return int64(w.create(1)) }
	apart := func(w *cloud) int64 { w.pair(false); return secondServer }
	together := func(w *cloud) int64 { w.pair(true); return secondServer }
	launch := schemas.Params{Flavor: 1, Image: 1, Group: theGroup}
	launchShared, share, setUp := launch, schemas.Params{Group: theGroup, Address: firstMember}, schemas.Params{Group: theGroup, Address: firstMember, Configure: true}
	launchShared.Address = firstMember
	return []operation{
		{name: "group create", setup: func(*cloud) int64 { return 0 }, action: schemas.SharedIPGroupCreate, params: schemas.Params{Name: new("g")}},
		{name: "group create with a server", setup: func(w *cloud) int64 { server(w); return 0 }, action: schemas.SharedIPGroupCreate, params: schemas.Params{Server: 1000}},
		{name: "group delete", setup: func(w *cloud) int64 { apart(w); return int64(theGroup) }, action: schemas.SharedIPGroupDelete},
		{name: "launch", setup: func(w *cloud) int64 { w.makeGroup(0); return 0 }, action: schemas.ServerCreate, params: launch},
		{name: "launch with a shared address", setup: func(w *cloud) int64 { w.makeGroup(schemas.ServerID(server(w))); return 0 }, action: schemas.ServerCreate, params: launchShared},
		{name: "share", setup: apart, action: schemas.ServerShareIP, params: share, steps: []string{"share/share_ip"}},
		{name: "share and set up", setup: apart, action: schemas.ServerShareIP, params: setUp, steps: []string{"share_set_up/share_ip"}},
		{
			name: "unshare", setup: func(w *cloud) int64 { s := apart(w); w.do(schemas.ServerShareIP, s, share); return s },
			action: schemas.ServerUnshareIP, params: schemas.Params{Address: firstMember}, steps: []string{"unshare/unshare_ip"},
		},
		{name: "unshare the only address", setup: together, action: schemas.ServerUnshareIP, params: schemas.Params{Address: firstMember}, steps: []string{"unshare/unshare_ip"}},
		{name: "delete of who shares", setup: together, action: schemas.ServerDelete, steps: []string{"cleanup/stop", "cleanup/wipe"}},
		{
			name: "delete of whose address is shared", setup: func(w *cloud) int64 { together(w); return secondServer - 1 },
			action: schemas.ServerDelete, steps: []string{"cleanup/stop", "cleanup/wipe"},
		},
		{name: "delete of both", setup: together, run: func(w *cloud, s int64) {
			w.order(schemas.ServerDelete, s-1, schemas.Params{})
			w.order(schemas.ServerDelete, s, schemas.Params{})
		}},
		{name: "share and delete", setup: apart, run: func(w *cloud, s int64) {
			w.order(schemas.ServerShareIP, s, share)
			w.order(schemas.ServerDelete, s-1, schemas.Params{})
			w.order(schemas.ServerDelete, s, schemas.Params{})
		}},
	}
}

// shortProbe is one that begins a second after the resize.
func shortProbe(long time.Duration) *schemas.Probe {
	return &schemas.Probe{Type: schemas.ProbeHTTP, Port: 80, Path: "/", After: time.Second, For: long}
}

// operations are all of them; together they take every row of every plan, every teardown and every request.
func operations() []operation {
	server := func(w *cloud) int64 { return int64(w.create(2)) }
	verify := func(w *cloud) int64 { return int64(w.resized()) }
	image := func(w *cloud) int64 { return int64(w.makeImage(w.create(2))) }
	nothing := func(*cloud) int64 { return 0 }
	everyDay := schemas.Params{Backups: &schemas.BackupSchedule{Enabled: true, Weekly: "DISABLED", Daily: "H_0400_0600"}}
	scheduled := func(w *cloud) int64 { s := server(w); w.do(schemas.BackupSet, s, everyDay); return s }
	return append(groupOperations(), []operation{
		{name: "create", setup: nothing, action: schemas.ServerCreate, params: schemas.Params{Flavor: 2, Image: 1}, steps: []string{"create/fetch_image", "create/create_disk", "create/start"}},
		{name: "rename", setup: server, action: schemas.ServerUpdate, params: schemas.Params{Name: new("b")}},
		{name: "password", setup: server, action: schemas.ServerUpdate, params: schemas.Params{Password: true}, steps: []string{"password/set_password"}},
		{name: "reboot soft", setup: server, action: schemas.ServerReboot, steps: []string{"reboot_soft/restart_soft"}},
		{name: "reboot hard", setup: server, action: schemas.ServerReboot, params: schemas.Params{Hard: true}, steps: []string{"reboot_hard/restart_hard"}},
		{
			name: "rebuild", setup: server, action: schemas.ServerRebuild, params: schemas.Params{Image: 2},
			steps: []string{"rebuild/stop", "rebuild/wipe", "rebuild/create_disk", "rebuild/start"},
		},
		{
			name: "resize", setup: server, action: schemas.ServerResize, params: schemas.Params{Flavor: 3},
			steps: []string{"resize/snapshot", "resize/copy", "resize/stop", "resize/copy_delta", "resize/start"},
		},
		{
			name: "resize that fails", setup: server, action: schemas.ServerResize, params: schemas.Params{Flavor: 3},
			own: []point{{aStep, "resize/start"}}, steps: []string{"restore/stop", "restore/start", "cleanup/wipe"},
		},
		{
			name: "resize that fails early", setup: server, action: schemas.ServerResize, params: schemas.Params{Flavor: 3},
			own: []point{{aStep, "resize/copy"}}, steps: []string{"cleanup/stop", "cleanup/wipe"},
		},
		{
			name: "resize that its probe confirms", setup: server, action: schemas.ServerResize, params: schemas.Params{Flavor: 3, Probe: shortProbe(0)},
			steps: []string{"probe/probe", "cleanup/wipe"},
		},
		{name: "resize that two probes confirm", setup: server, action: schemas.ServerResize, params: schemas.Params{Flavor: 3, Probe: shortProbe(4 * time.Second)}},
		{
			name: "resize that its probe reverts", setup: server, action: schemas.ServerResize, params: schemas.Params{Flavor: 3, Probe: shortProbe(0)},
			own: []point{{aStep, "probe/probe"}}, steps: []string{"probe/probe", "revert/stop", "revert/start", "cleanup/wipe"},
		},
		{name: "confirm", setup: verify, action: schemas.ServerResizeConfirm, steps: []string{"cleanup/wipe"}},
		{name: "confirm by itself", setup: verify, run: func(w *cloud, _ int64) { w.pass(w.rules.ConfirmAfter) }, steps: []string{"cleanup/wipe"}},
		{name: "revert", setup: verify, action: schemas.ServerResizeRevert, steps: []string{"revert/stop", "revert/start", "cleanup/wipe"}},
		{name: "delete", setup: server, action: schemas.ServerDelete, steps: []string{"cleanup/stop", "cleanup/wipe"}},
		{name: "delete in VERIFY_RESIZE", setup: verify, action: schemas.ServerDelete, steps: []string{"cleanup/stop", "cleanup/wipe"}},
		{
			name: "image", setup: func(w *cloud) int64 { w.create(2); return 0 }, action: schemas.ServerImage, params: schemas.Params{Server: 1000},
			steps: []string{"image/snapshot", "image/save"},
		},
		{name: "delete image", setup: image, action: schemas.ImageDelete, steps: []string{"remove/remove"}},
		{
			name: "delete with image", setup: func(w *cloud) int64 { return int64(w.image(schemas.ImageID(image(w))).Server) },
			action: schemas.ServerDelete, steps: []string{"remove/remove", "cleanup/stop", "cleanup/wipe"},
		},
		{name: "set backups", setup: server, action: schemas.BackupSet, params: everyDay},
		{name: "disable backups", setup: scheduled, action: schemas.BackupDisable},
		{name: "backup", setup: scheduled, run: func(w *cloud, _ int64) { w.until(w.now.Add(day)) }, steps: []string{"image/snapshot", "image/save"}},
		{
			name: "backup in the place of another", setup: func(w *cloud) int64 { s := scheduled(w); w.until(w.now.Add(day)); return s },
			run: func(w *cloud, _ int64) { w.until(w.now.Add(day)) }, steps: []string{"image/snapshot", "image/save", "remove/remove"},
		},
		{name: "forced delete in BUILD", setup: nothing, run: func(w *cloud, _ int64) {
			w.slow = func() time.Duration { return time.Second }
			w.order(schemas.ServerCreate, 0, schemas.Params{Flavor: 2, Image: 1})
			w.order(schemas.ServerDelete, 1000, schemas.Params{Force: true})
		}},
		{name: "forced delete in PREP_RESIZE", setup: server, run: func(w *cloud, s int64) {
			w.slow = func() time.Duration { return time.Second }
			w.order(schemas.ServerResize, s, schemas.Params{Flavor: 3})
			w.order(schemas.ServerDelete, s, schemas.Params{Force: true})
		}},
		{
			name: "cancel in BUILD", setup: nothing, steps: []string{"cleanup/stop", "cleanup/wipe"},
			run: cancelling(schemas.ServerCreate, schemas.Params{Flavor: 2, Image: 1}),
		},
		{
			name: "cancel in PREP_RESIZE", setup: server, steps: []string{"cleanup/stop", "cleanup/wipe"},
			run: cancelling(schemas.ServerResize, schemas.Params{Flavor: 3}),
		},
		{name: "cancel in QUEUE_RESIZE", setup: server, run: func(w *cloud, s int64) {
			resize := w.submit(&schemas.Command{Action: schemas.ServerResize, Target: s, Params: schemas.Params{Flavor: 3}})
			w.submit(&schemas.Command{Action: schemas.OperationCancel, Params: schemas.Params{Operation: resize}})
			w.drain() // it is next, before the cluster's answer
		}},
		{
			name: "cancel of an image", setup: server, steps: []string{"remove/remove"},
			run: cancelling(schemas.ServerImage, schemas.Params{Server: 1000}),
		},
		{name: "cancel of an image, then of its server", setup: server, run: func(w *cloud, s int64) {
			cancelling(schemas.ServerImage, schemas.Params{Server: 1000})(w, s)
			w.order(schemas.ServerDelete, s, schemas.Params{})
		}},
		{name: "suspend", setup: server, action: schemas.ServerSuspend},
		{name: "host lost and back", setup: server, run: func(w *cloud, s int64) {
			home := w.server(schemas.ServerID(s)).Home.Host
			w.lose(home)
			w.comeBack(home)
		}},
		{name: "host fenced", setup: server, run: func(w *cloud, s int64) { w.fence(w.server(schemas.ServerID(s)).Home.Host) }},
	}...)
}

// cancelling begins an operation and cancels it while its first step is under way.
func cancelling(action schemas.Action, p schemas.Params) func(w *cloud, target int64) {
	return func(w *cloud, target int64) {
		w.slow = func() time.Duration { return time.Second }
		op := w.order(action, target, p)
		w.order(schemas.OperationCancel, 0, schemas.Params{Operation: op})
	}
}

// faults are the operation's own, and behind them a test's.
func (o *operation) faults(other func(p point) action) func(p point) action {
	return func(p point) action {
		a := pass
		if other != nil {
			a = other(p)
		}
		for _, q := range o.own {
			if p == q && a == pass {
				return fail
			}
		}
		return a
	}
}

// begin starts the operation.
func (w *cloud) begin(o *operation, target int64) {
	if o.run != nil {
		o.run(w, target)
		return
	}
	w.order(o.action, target, o.params)
}
