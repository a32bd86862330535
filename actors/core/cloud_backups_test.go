package core

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// slotKey names a slot of a server.
type slotKey struct {
	server schemas.ServerID
	kind   schemas.BackupKind
	start  int64
}

// slotFate is what events say of a slot.
type slotFate struct{ begun, made, missed, cancelled int }

// until lets time pass until t, with everything that happens before.
func (w *cloud) until(t time.Time) {
	w.t.Helper()
	w.settle()
	for at := w.nextTime(); !at.IsZero() && at.Before(t); at = w.nextTime() {
		w.pass(at.Sub(w.now))
		w.settle()
	}
	w.pass(t.Sub(w.now))
	w.settle()
}

// slots is what has become of every slot of which there is an event.
func (w *cloud) slots() map[slotKey]slotFate {
	fates := map[slotKey]slotFate{}
	for ref, events := range w.rows.events {
		server := schemas.ServerID(ref.ID)
		if ref.Kind == schemas.ActorImage {
			server = w.image(schemas.ImageID(ref.ID)).Server
		}
		for _, ev := range events {
			if ev.Backup == nil {
				continue
			}
			key := slotKey{server, ev.Backup.Kind, ev.Backup.Start.Unix()}
			f := fates[key]
			switch {
			case ev.Name == "server.backup.missed":
				f.missed++
			case ev.Phase == PhaseStart:
				f.begun++
			case ev.Phase == PhaseEnd:
				f.made++
			case ev.Phase == PhaseCancelled:
				f.cancelled++
			}
			fates[key] = f
		}
	}
	return fates
}

// backupLaw: each slot has one fate, at rest; each half of a schedule has at most one good backup, and no failed one is left.
func (w *cloud) backupLaw() {
	w.t.Helper()
	fates := w.slots()
	for _, key := range slices.SortedFunc(maps.Keys(fates), func(a, b slotKey) int { return int(a.start - b.start) }) {
		f := fates[key]
		if f.begun > 1 || f.made+max(f.missed, f.cancelled) != 1 { // whose tenant has cancelled it is missed, too
			w.brokenf("slot %+v has the fate %+v", key, f)
		}
	}
	good := map[slotKey][]schemas.ImageID{}
	for _, i := range w.images() {
		if i.Slot == nil || i.Status == schemas.ImageDeleted {
			continue
		}
		key := slotKey{i.Server, i.Slot.Kind, 0}
		good[key] = append(good[key], i.ID)
		if half := w.server(i.Server).Backups.Halves[i.Slot.Kind]; i.Status != schemas.ImageActive || half.Good != i.ID || len(good[key]) > 1 {
			w.brokenf("image %d is %s, the good %s backups of server %d are %v, it knows %d", i.ID, i.Status, key.kind, i.Server, good[key], half.Good)
		}
	}
}

// anySchedule is a schedule, most often an enabled one.
func anySchedule(dice *rand.Rand) *schemas.BackupSchedule {
	days := []schemas.BackupDay{"DISABLED", "SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"}
	windows := []schemas.BackupWindow{
		"DISABLED", "H_0000_0200", "H_0200_0400", "H_0400_0600", "H_0600_0800", "H_0800_1000", "H_1000_1200",
		"H_1200_1400", "H_1400_1600", "H_1600_1800", "H_1800_2000", "H_2000_2200", "H_2200_0000",
	}
	return &schemas.BackupSchedule{Enabled: dice.IntN(8) > 0, Weekly: days[dice.IntN(len(days))], Daily: windows[dice.IntN(len(windows))]}
}
