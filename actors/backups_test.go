package actors_test

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// backupDays is a cloud whose servers are backed up for a month of virtual time. The test plays the hosts.
type backupDays struct {
	*rig

	dice      *rand.Rand
	schedules map[int64]schemas.BackupSchedule
	since     map[int64]time.Time
	newest    time.Time // that the clock has ever shown
}

// Fifty servers live for 30 days through the runtime and the store, with the engine down for hours, killed or stopped, clocks
// that leap ahead and back, servers suspended and hosts that fail: every slot has exactly one backup or one missed record.
func TestEverySlotHasOneFateThroughRuntimeAndStore(t *testing.T) {
	t.Parallel()
	servers, days := 50, 30
	if testing.Short() {
		servers, days = 10, 5
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) { r.rules.LostAfter = 10000 * time.Hour })
		d := &backupDays{rig: r, dice: rand.New(rand.NewPCG(1, 2)), schedules: map[int64]schemas.BackupSchedule{}, since: map[int64]time.Time{}}
		for range servers {
			d.furnish(r.active())
		}
		for end := r.now().Add(time.Duration(days) * 24 * time.Hour); r.now().Before(end); {
			d.hour()
		}
		d.pass(0)
		counts := d.judge()
		r.audit()
		t.Logf("%d servers, %d days: %v", servers, days, counts)
		for _, fate := range []string{"made", string(schemas.MissedOutage), string(schemas.MissedRefused), string(schemas.MissedFailed)} {
			if counts[fate] < servers*days/100 && !testing.Short() {
				t.Errorf("%d slots are %s: too few to prove anything", counts[fate], fate)
			}
		}
		r.stop()
		time.Sleep(2 * time.Second) // the actor library's own timers
	})
}

// furnish gives a server a schedule. Few windows are used, so that most hours are empty.
func (d *backupDays) furnish(id int64) {
	d.t.Helper()
	s := schemas.BackupSchedule{
		Enabled: true,
		Weekly:  []schemas.BackupDay{"DISABLED", "MONDAY", "FRIDAY"}[d.dice.IntN(3)],
		Daily:   []schemas.BackupWindow{"H_0200_0400", "H_1200_1400", "H_2200_0000"}[d.dice.IntN(3)],
	}
	d.accepted(d.command(schemas.BackupSet, id, schemas.Params{Backups: &s}, ""))
	d.schedules[id], d.since[id] = s, d.now()
}

// hour lets the clock leap to the next full hour, after something has happened.
func (d *backupDays) hour() {
	d.t.Helper()
	id := int64(0)
	for id = range d.schedules { // any one
		break
	}
	switch d.dice.IntN(80) {
	case 0: // the engine is killed, or stopped, and nobody is there for up to a day and a half
		if d.dice.IntN(2) == 0 {
			d.crash()
		} else {
			d.stop()
		}
		d.skew.Add(int64(d.dice.IntN(36)) * int64(time.Hour))
		d.start()
	case 2:
		d.skew.Add(-int64(d.dice.IntN(5)) * int64(time.Hour))
	case 3, 4, 5:
		d.answer(d.command(schemas.ServerSuspend, id, schemas.Params{}, ""))
	case 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20:
		d.answer(d.command(schemas.ServerResume, id, schemas.Params{}, ""))
	case 21, 22, 23, 24:
		d.answer(d.command(schemas.ServerImage, id, schemas.Params{Server: schemas.ServerID(id), Name: new("daily")}, ""))
	}
	d.pass(time.Hour - d.now().Sub(d.now().Truncate(time.Hour)))
}

// pass lets the clock leap, and what follows from it happen.
func (d *backupDays) pass(leap time.Duration) {
	d.t.Helper()
	d.skew.Add(int64(leap))
	time.Sleep(1100 * time.Millisecond) // the shards look once a second whether the clock was set
	for d.doSteps() {
		time.Sleep(10 * time.Millisecond) // until all that is due is committed and told
	}
	if d.now().After(d.newest) {
		d.newest = d.now()
	}
}

// doSteps does the steps that have come; false: there was none.
func (d *backupDays) doSteps() (some bool) {
	for {
		select {
		case delivery := <-d.steps.Deliveries():
			some = true
			s := d.taken(delivery)
			var failure *schemas.StepFailure
			if d.dice.IntN(25) == 0 && s.Name != schemas.StepRemove {
				failure = &schemas.StepFailure{Reason: schemas.FailureNoSpace}
			}
			d.done(s, failure)
		default:
			return some
		}
	}
}

// judge compares what events say of slots with the schedules, and counts their fates.
func (d *backupDays) judge() map[string]int {
	d.t.Helper()
	fates, counts := d.fates(), map[string]int{}
	for id, s := range d.schedules {
		begins, err := strconv.Atoi(string(s.Daily)[2:4])
		if err != nil {
			d.t.Fatal(err)
		}
		for hour := d.since[id].UTC().Truncate(time.Hour).Add(time.Hour); !hour.After(d.newest.Add(-schemas.BackupLength)); hour = hour.Add(time.Hour) {
			kinds := []schemas.BackupKind{schemas.BackupDaily}
			if strings.EqualFold(hour.Weekday().String(), string(s.Weekly)) {
				kinds = append(kinds, schemas.BackupWeekly)
			}
			for _, kind := range kinds {
				if hour.Hour() != begins {
					continue
				}
				slot := slotName(id, kind, hour)
				if got := fates[slot]; len(got) != 1 {
					d.t.Errorf("slot %s has the fate %q", slot, got)
				} else {
					counts[got[0]]++
				}
				delete(fates, slot)
			}
		}
	}
	for slot, got := range fates {
		if start := slot[strings.LastIndex(slot, " ")+1:]; start <= d.newest.Add(-schemas.BackupLength).UTC().Format(time.RFC3339) || len(got) != 1 {
			d.t.Errorf("slot %s with the fate %q is none of a schedule", slot, got)
		}
	}
	return counts
}

// fates is what events say of each slot.
func (d *backupDays) fates() map[string][]string {
	d.t.Helper()
	fates := map[string][]string{}
	for page := (storage.EventPage{More: true}); page.More; {
		var err error
		if page, err = d.store.Events(d.t.Context(), testAccount, page.Next, 1000); err != nil {
			d.t.Fatal(err)
		}
		for i := range page.Events {
			if slot, fate := d.fate(&page.Events[i]); fate != "" {
				fates[slot] = append(fates[slot], fate)
			}
		}
	}
	return fates
}

// fate is what an event says of a slot; "": nothing.
func (d *backupDays) fate(row *storage.EventRow) (slot, fate string) {
	d.t.Helper()
	var ev struct {
		Data struct {
			Image struct {
				ServerID int64 `json:"serverId"`
			} `json:"image"`
			Backup *schemas.BackupFact `json:"backup"`
		} `json:"data"`
	}
	if err := json.Unmarshal(row.Body, &ev); err != nil {
		d.t.Fatal(err)
	}
	b := ev.Data.Backup
	switch {
	case b == nil:
		return "", ""
	case row.Type == "ozone.image.create.end":
		return slotName(ev.Data.Image.ServerID, b.Kind, b.Start), "made"
	case row.Type == "ozone.server.backup.missed":
		return slotName(row.Ref.ID, b.Kind, b.Start), string(b.Reason)
	default:
		return "", ""
	}
}

func slotName(server int64, kind schemas.BackupKind, start time.Time) string {
	return strconv.FormatInt(server, 10) + " " + string(kind) + " " + start.UTC().Format(time.RFC3339)
}
