package core

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// The pure schedule: which windows a server has, and when in a window its backup is begun.

// backupKinds are the halves of a schedule.
var backupKinds = [...]schemas.BackupKind{schemas.BackupDaily, schemas.BackupWeekly}

// day is one in GMT, which knows no summer time.
const day = 24 * time.Hour

// The end of a window is kept free, so that a backup that must wait for something is still begun in it. Source: docs/numbers.md.
const (
	backupRoom      = 30 * time.Minute
	backupRoomOfTwo = 90 * time.Minute // when the daily and the weekly backup are in one window
)

// nextSlot is the first slot of a kind that begins after a time; ok is false when the schedule has none. The weekly one is in
// the daily window of its day, without a daily half in a window of its own.
func nextSlot(s *schemas.BackupSchedule, kind schemas.BackupKind, after time.Time) (slot schemas.BackupSlot, ok bool) {
	begin, daily := s.Daily.Begin()
	weekday, weekly := s.Weekly.Weekday()
	switch {
	case !s.Enabled, kind == schemas.BackupDaily && !daily, kind == schemas.BackupWeekly && !weekly:
		return slot, false
	case !daily:
		begin = schemas.WeeklyBackupBegin
	}
	start := after.UTC().Truncate(day).Add(begin)
	for !start.After(after) || kind == schemas.BackupWeekly && start.Weekday() != weekday {
		start = start.Add(day)
	}
	return schemas.BackupSlot{Kind: kind, Start: start}, true
}

// runAt is when the backup of a slot is begun: spread over the window by a hash of the server and the slot.
func runAt(s *schemas.BackupSchedule, server schemas.ServerID, slot schemas.BackupSlot) time.Time {
	spread := schemas.BackupLength - backupRoom
	if twoBackups(s, slot.Start) {
		spread = schemas.BackupLength - backupRoomOfTwo
	}
	name := strconv.AppendInt(nil, int64(server), 10)
	name = append(append(name, '/'), slot.Kind...)
	name = strconv.AppendInt(append(name, '/'), slot.Start.Unix(), 10)
	h := fnv.New32a()
	_, _ = h.Write(name) // fnv never fails
	seconds := int64(h.Sum32()) % int64(spread/time.Second)
	return slot.Start.Add(time.Duration(seconds) * time.Second)
}

// twoBackups tells whether both halves have a slot that begins then.
func twoBackups(s *schemas.BackupSchedule, start time.Time) bool {
	_, daily := s.Daily.Begin()
	weekday, weekly := s.Weekly.Weekday()
	return daily && weekly && start.Weekday() == weekday
}
