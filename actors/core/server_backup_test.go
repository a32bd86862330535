package core

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// The schedules of the tests below. The clocks of their clouds begin on Friday, 2026-01-02, at 03:04:05.
var (
	daily = schemas.BackupSchedule{Enabled: true, Weekly: "DISABLED", Daily: "H_0400_0600"}
	both  = schemas.BackupSchedule{Enabled: true, Weekly: "FRIDAY", Daily: "H_0400_0600"}
	none  = schemas.BackupSchedule{Weekly: "DISABLED", Daily: "DISABLED"}
)

// backedUpBy is a cloud with a server of a schedule.
func backedUpBy(tb testing.TB, s schemas.BackupSchedule) (*cloud, schemas.ServerID) {
	tb.Helper()
	w := newCloud(tb, 2)
	id := w.create(2)
	w.setBackups(id, s)
	return w, id
}

func (w *cloud) setBackups(id schemas.ServerID, s schemas.BackupSchedule) {
	w.t.Helper()
	w.wantState(w.do(schemas.BackupSet, int64(id), schemas.Params{Backups: &s}), schemas.OperationSucceeded)
}

// untilClock lets time pass until the next time that the clock of GMT shows hour:minute.
func (w *cloud) untilClock(hour, minute int) {
	w.t.Helper()
	t := w.now.Truncate(day).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	if !t.After(w.now) {
		t = t.Add(day)
	}
	w.until(t)
	w.laws()
}

// backups lists the images of backups that are there, with their status.
func (w *cloud) backups() []string {
	var list []string
	for _, i := range w.images() {
		if i.Slot != nil && i.Status != schemas.ImageDeleted {
			list = append(list, fmt.Sprintf("%s of %s %s", i.Name, i.Slot.Start.Format(time.DateOnly), i.Status))
		}
	}
	return list
}

// told lists what a server's events say of its backups.
func (w *cloud) told(id schemas.ServerID) []string {
	var list []string
	for _, ev := range w.rows.events[id.Ref()] {
		if ev.Backup == nil {
			continue
		}
		text := fmt.Sprintf("%s %s of %s", ev.Name, ev.Backup.Kind, ev.Backup.Start.Format(time.DateOnly))
		if ev.Backup.Reason != "" {
			text += ": " + string(ev.Backup.Reason)
		}
		list = append(list, text)
	}
	return list
}

func (w *cloud) wantBackups(want ...string) {
	w.t.Helper()
	if got := w.backups(); !slices.Equal(got, want) {
		w.t.Errorf("backups at %s: %q, want %q", w.now, got, want)
	}
}

func (w *cloud) wantTold(id schemas.ServerID, want ...string) {
	w.t.Helper()
	if got := w.told(id); !slices.Equal(got, want) {
		w.t.Errorf("told by %s: %q, want %q", w.now, got, want)
	}
}

func TestABackupIsMadeInItsWindowAndReplacedByTheNext(t *testing.T) {
	t.Parallel()
	w, s := backedUpBy(t, daily)
	w.untilClock(3, 59)
	w.wantBackups()
	w.untilClock(6, 0)
	w.wantBackups("daily of 2026-01-02 ACTIVE")
	i := w.images()[0]
	if begun := i.Created.Sub(at(t, "2026-01-02T04:00:00Z")); i.Server != s || begun < 0 || begun >= 90*time.Minute {
		t.Errorf("the image is %+v, begun %v after the window", i, begun)
	}
	w.wantTold(s)
	w.untilClock(6, 0)
	w.wantBackups("daily of 2026-01-03 ACTIVE")
	w.wantTold(s, "server.backup.rotated daily of 2026-01-03")
	w.deleteAll()
}

func TestADailyAndAWeeklyBackupInOneWindowFollowOneAnother(t *testing.T) {
	t.Parallel()
	w, s := backedUpBy(t, both)
	w.slow = func() time.Duration { return 9 * time.Minute } // a step; an image takes two
	w.untilClock(7, 0)
	w.wantBackups(w.sorted("daily of 2026-01-02 ACTIVE", "weekly of 2026-01-02 ACTIVE")...)
	w.untilClock(7, 0)
	w.wantTold(s, "server.backup.rotated daily of 2026-01-03")
	w.until(w.now.Add(6 * day))
	if got := w.backups(); len(got) != 2 || !slices.Contains(got, "weekly of 2026-01-09 ACTIVE") || !slices.Contains(got, "daily of 2026-01-09 ACTIVE") {
		t.Errorf("backups after a week: %q", got)
	}
	w.deleteAll()
}

// sorted is the backups in the order in which they were made: the hash says which is first.
func (w *cloud) sorted(list ...string) []string {
	if got := w.backups(); len(got) == len(list) && got[0] != list[0] {
		slices.Reverse(list)
	}
	return list
}

func TestAFailedBackupLeavesTheLastGoodOne(t *testing.T) {
	t.Parallel()
	w, s := backedUpBy(t, daily)
	w.untilClock(6, 0)
	for _, step := range []string{"image/snapshot", "image/save"} {
		w.at(aStep, step, failHard)
		w.untilClock(6, 0)
	}
	w.fault = nil
	w.wantBackups("daily of 2026-01-02 ACTIVE")
	w.wantTold(s, "server.backup.missed daily of 2026-01-03: failed", "server.backup.missed daily of 2026-01-04: failed")
	w.untilClock(6, 0)
	w.wantBackups("daily of 2026-01-05 ACTIVE")
	w.deleteAll()
}

func TestTenantsImagesAreNeverRotated(t *testing.T) {
	t.Parallel()
	w, s := backedUpBy(t, daily)
	w.untilClock(6, 0)
	op := w.do(schemas.ServerImage, 0, schemas.Params{Server: s, Name: new("daily")})
	own := schemas.ImageID(w.rows.ops[op].op.Target.ID)
	w.do(schemas.ImageDelete, int64(w.server(s).Backups.Halves[schemas.BackupDaily].Good), schemas.Params{})
	w.wantBackups()
	w.untilClock(6, 0)
	w.untilClock(6, 0)
	w.wantBackups("daily of 2026-01-04 ACTIVE")
	w.wantImage(own, schemas.ImageActive)
	w.wantTold(s, "server.backup.rotated daily of 2026-01-04")
	w.deleteAll()
}

func TestABackupWaitsInItsWindow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin func(w *cloud, s schemas.ServerID) // at 03:59
		end   func(w *cloud, s schemas.ServerID) // at 05:58, when the backup has been due for long
	}{
		"for a resize": {
			func(w *cloud, s schemas.ServerID) { w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3}) },
			func(w *cloud, s schemas.ServerID) { w.do(schemas.ServerResizeConfirm, int64(s), schemas.Params{}) },
		},
		"for another image": {
			func(w *cloud, s schemas.ServerID) {
				w.until(at(w.t, "2026-01-02T04:48:00Z"))
				steps := []time.Duration{9 * time.Minute, 59 * time.Minute} // the other image's
				w.slow = func() (took time.Duration) {
					if len(steps) > 0 {
						took, steps = steps[0], steps[1:]
					}
					return took
				}
				w.order(schemas.ServerImage, 0, schemas.Params{Server: s})
			},
			func(*cloud, schemas.ServerID) {},
		},
		"for an operator": {
			func(w *cloud, s schemas.ServerID) { w.do(schemas.ServerSuspend, int64(s), schemas.Params{}) },
			func(w *cloud, s schemas.ServerID) { w.do(schemas.ServerResume, int64(s), schemas.Params{}) },
		},
		"for its host": {
			func(w *cloud, s schemas.ServerID) { w.lose(w.server(s).Home.Host) },
			func(w *cloud, s schemas.ServerID) { w.comeBack(w.server(s).Home.Host) },
		},
		"for the next owner of its shard": {
			func(w *cloud, _ schemas.ServerID) { w.crash(); w.now = at(w.t, "2026-01-02T05:58:00Z") },
			func(*cloud, schemas.ServerID) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := backedUpBy(t, daily)
			w.untilClock(3, 59)
			c.begin(w, s)
			if late := at(t, "2026-01-02T05:58:00Z"); w.now.Before(late) && w.server(s).Imaging == nil {
				w.until(late)
			}
			c.end(w, s)
			w.untilClock(8, 0)
			w.wantBackups("daily of 2026-01-02 ACTIVE")
			w.wantTold(s)
			i := w.image(w.server(s).Backups.Halves[schemas.BackupDaily].Good)
			if i.Created.Before(at(t, "2026-01-02T05:30:00Z")) || !i.Created.Before(at(t, "2026-01-02T06:00:00Z")) {
				t.Errorf("begun at %s, want within the last half hour of the window", i.Created)
			}
			w.deleteAll()
		})
	}
}

func TestASlotWithoutABackupIsMissedOnceWithItsReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin func(w *cloud, s schemas.ServerID) // at 03:59
		want  schemas.MissedReason
		fault schemas.Fault
	}{
		"suspended": {
			func(w *cloud, s schemas.ServerID) { w.do(schemas.ServerSuspend, int64(s), schemas.Params{}) },
			schemas.MissedRefused, schemas.FaultCloudServers,
		},
		"resized": {
			func(w *cloud, s schemas.ServerID) { w.do(schemas.ServerResize, int64(s), schemas.Params{Flavor: 3}) },
			schemas.MissedRefused, schemas.FaultBackupOrResize,
		},
		"its host lost": {
			func(w *cloud, s schemas.ServerID) { w.lose(w.server(s).Home.Host) },
			schemas.MissedRefused, schemas.FaultCloudServers,
		},
		"too many images": {
			func(w *cloud, s schemas.ServerID) {
				full := w.server(s)
				for id := range schemas.ImageID(schemas.MaxImagesPerServer) {
					full.Images = append(full.Images, 9000+id)
				}
				w.seed(s.Ref(), &full)
			},
			schemas.MissedLimit, schemas.FaultOverLimit,
		},
		"nobody there": {
			func(w *cloud, _ schemas.ServerID) { w.now = at(w.t, "2026-01-02T06:30:00Z") },
			schemas.MissedOutage, schemas.FaultServiceUnavailable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := backedUpBy(t, daily)
			w.untilClock(3, 59)
			c.begin(w, s)
			w.untilClock(7, 0)
			w.wantBackups()
			w.wantTold(s, "server.backup.missed daily of 2026-01-02: "+string(c.want))
			for _, ev := range w.rows.events[s.Ref()] {
				if ev.Backup != nil && (ev.Error == nil || ev.Error.Fault != c.fault || ev.Error.Message == "") {
					t.Errorf("the event says %+v, want the fault %s", ev.Error, c.fault)
				}
			}
		})
	}
}

func TestAChangeSettlesWhatWasDueBefore(t *testing.T) {
	t.Parallel()
	six := schemas.BackupSchedule{Enabled: true, Weekly: "DISABLED", Daily: "H_0600_0800"}
	for name, c := range map[string]struct {
		at   string // of the change
		to   schemas.BackupSchedule
		told []string // by 08:00
		made []string
	}{
		"before the window, to a later one":   {"2026-01-02T03:59:00Z", six, nil, []string{"daily of 2026-01-02 ACTIVE"}},
		"before the window, to none":          {"2026-01-02T03:59:00Z", none, nil, nil},
		"in the window, to the same":          {"2026-01-02T04:00:01Z", daily, nil, []string{"daily of 2026-01-02 ACTIVE"}},
		"in the window, to the same and more": {"2026-01-02T04:00:01Z", both, nil, []string{"daily of 2026-01-02 ACTIVE"}},
		"in the window, to a later one": {
			"2026-01-02T04:00:01Z", six, []string{"server.backup.missed daily of 2026-01-02: changed"}, []string{"daily of 2026-01-02 ACTIVE"},
		},
		"in the window, to none": {"2026-01-02T04:00:01Z", none, []string{"server.backup.missed daily of 2026-01-02: changed"}, nil},
		"after the backup, to the same": {
			"2026-01-02T05:59:00Z", daily, nil, []string{"daily of 2026-01-02 ACTIVE"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := backedUpBy(t, daily)
			w.until(at(t, c.at))
			w.setBackups(s, c.to)
			w.until(at(t, "2026-01-02T08:00:00Z"))
			if got := w.told(s); !slices.Equal(got, c.told) {
				t.Errorf("told %q, want %q", got, c.told)
			}
			w.wantBackups(c.made...)
			w.laws()
		})
	}
}

func TestNoSlotComesTwiceWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	w, s := backedUpBy(t, daily)
	w.untilClock(6, 0)
	for range 3 {
		w.now = at(t, "2026-01-02T03:00:00Z")
		w.setBackups(s, daily)
		w.until(at(t, "2026-01-02T06:00:00Z"))
		w.setBackups(s, none)
		w.setBackups(s, both)
		w.until(at(t, "2026-01-02T09:00:00Z"))
	}
	w.wantBackups("daily of 2026-01-02 ACTIVE")
	w.wantTold(s)
	w.setBackups(s, daily)
	w.until(at(t, "2026-01-05T09:00:00Z")) // it leaps ahead, three windows pass
	w.now = at(t, "2026-01-02T09:00:00Z")
	w.until(at(t, "2026-01-06T09:00:00Z"))
	w.laws()
	if n := len(w.slots()); n != 5 {
		t.Errorf("%d slots have a fate, want 5: %v", n, w.slots())
	}
}

func TestAfterALongAbsenceEverySlotIsMissedAndTheOpenOneIsRun(t *testing.T) {
	t.Parallel()
	w, s := backedUpBy(t, both)
	w.untilClock(3, 59)
	w.crash()
	w.now = at(t, "2027-02-06T04:01:00Z") // a Saturday, 400 days later
	before := len(w.rows.events[s.Ref()])
	w.send(envelope{to: s.Ref(), message: Wake{}})
	w.drain()
	if n := len(w.rows.events[s.Ref()]) - before; n != slotsAtOnce {
		t.Errorf("one decision records %d slots, want %d", n, slotsAtOnce)
	}
	w.until(at(t, "2027-02-06T06:00:00Z"))
	w.laws()
	w.wantBackups("daily of 2027-02-06 ACTIVE")
	days, weeks := 400, 58
	if n := len(w.told(s)); n != days+weeks {
		t.Errorf("%d slots are told as missed, want %d days and %d weeks", n, days, weeks)
	}
	w.deleteAll()
}

func TestASettingWaitsForSlotsOfALongAbsence(t *testing.T) {
	t.Parallel()
	w, s := backedUpBy(t, daily)
	w.now = w.now.Add(100 * day)
	w.wantFault(w.order(schemas.BackupDisable, int64(s), schemas.Params{}), schemas.KindUnavailable, schemas.FaultServiceUnavailable)
	w.settle()
	w.wantState(w.order(schemas.BackupDisable, int64(s), schemas.Params{}), schemas.OperationSucceeded)
	w.laws()
}

func TestADeletedServerHasNoBackupsAnyMore(t *testing.T) {
	t.Parallel()
	w, s := backedUpBy(t, both)
	w.untilClock(6, 0)
	w.do(schemas.ServerDelete, int64(s), schemas.Params{})
	w.until(w.now.Add(30 * day))
	w.wantBackups()
	w.wantTold(s)
	if at := w.nextTime(); !at.IsZero() {
		t.Errorf("something is to happen at %s", at)
	}
	w.nothingLeft()
}

func TestADisabledScheduleCostsNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []schemas.BackupSchedule{none, {Weekly: "FRIDAY", Daily: "H_0400_0600"}, {Enabled: true, Weekly: "DISABLED", Daily: "DISABLED"}} {
		w, id := backedUpBy(t, s)
		if got := w.server(id); !ServerWakeAt(&got).IsZero() || got.Backups != nil && got.Backups.Schedule != s {
			t.Errorf("%+v: wakes at %s with %+v", s, ServerWakeAt(&got), got.Backups)
		}
	}
	w, id := backedUpBy(t, daily)
	w.do(schemas.BackupDisable, int64(id), schemas.Params{})
	if got := w.server(id); !ServerWakeAt(&got).IsZero() || got.Backups.Schedule != none {
		t.Errorf("disabled: wakes at %s with %+v", ServerWakeAt(&got), got.Backups)
	}
}

func TestADefectMissesTheSlotThatIsDue(t *testing.T) {
	t.Parallel()
	w, s := backedUpBy(t, daily)
	w.now = at(t, "2026-01-02T05:59:00Z")
	w.send(envelope{to: s.Ref(), message: Poison{Reason: "test"}})
	w.drain()
	w.untilClock(7, 0)
	w.wantTold(s, "server.backup.missed daily of 2026-01-02: internal")
	w.wantBackups()
}
