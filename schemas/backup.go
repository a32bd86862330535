package schemas

import "time"

// BackupSchedule says when a server's backups are made. Nothing is made unless it is enabled; each half can be DISABLED alone.
type BackupSchedule struct {
	Enabled bool         `json:"enabled"`
	Weekly  BackupDay    `json:"weekly"`
	Daily   BackupWindow `json:"daily"`
}

// NoBackups is the schedule of a server that never had one.
func NoBackups() BackupSchedule {
	return BackupSchedule{Weekly: BackupDayDisabled, Daily: BackupWindowDisabled}
}

// BackupDay is the day of the weekly backup. Source: API guide v1.0, schema type WeeklyBackup.
type BackupDay string

// BackupWindow is the two hours in GMT in which the daily backup is made. Source: API guide v1.0, schema type DailyBackup.
type BackupWindow string

// What a half is when no backup of its kind is made.
const (
	BackupDayDisabled    BackupDay    = "DISABLED"
	BackupWindowDisabled BackupWindow = "DISABLED"
)

// BackupLength is how long a window is. Source: API guide v1.0, schema type DailyBackup.
const BackupLength = 2 * time.Hour

// WeeklyBackupBegin is how long after midnight in GMT the window of a weekly backup begins when there is no daily one.
// Source: docs/numbers.md.
const WeeklyBackupBegin = 2 * time.Hour

var (
	backupDays = map[BackupDay]time.Weekday{
		"SUNDAY": time.Sunday, "MONDAY": time.Monday, "TUESDAY": time.Tuesday, "WEDNESDAY": time.Wednesday,
		"THURSDAY": time.Thursday, "FRIDAY": time.Friday, "SATURDAY": time.Saturday,
	}
	backupWindows = map[BackupWindow]time.Duration{
		"H_0000_0200": 0, "H_0200_0400": 2 * time.Hour, "H_0400_0600": 4 * time.Hour, "H_0600_0800": 6 * time.Hour,
		"H_0800_1000": 8 * time.Hour, "H_1000_1200": 10 * time.Hour, "H_1200_1400": 12 * time.Hour, "H_1400_1600": 14 * time.Hour,
		"H_1600_1800": 16 * time.Hour, "H_1800_2000": 18 * time.Hour, "H_2000_2200": 20 * time.Hour, "H_2200_0000": 22 * time.Hour,
	}
)

// Weekday is the day of the week; ok is false when d is DISABLED or no day.
func (d BackupDay) Weekday() (day time.Weekday, ok bool) {
	day, ok = backupDays[d]
	return day, ok
}

// Valid tells whether the contract knows d.
func (d BackupDay) Valid() bool {
	_, ok := d.Weekday()
	return ok || d == BackupDayDisabled
}

// Begin is how long after midnight in GMT the window begins; ok is false when w is DISABLED or no window.
func (w BackupWindow) Begin() (after time.Duration, ok bool) {
	after, ok = backupWindows[w]
	return after, ok
}

// Valid tells whether the contract knows w.
func (w BackupWindow) Valid() bool {
	_, ok := w.Begin()
	return ok || w == BackupWindowDisabled
}

// BackupKind is the half of a schedule that a backup is of, and the name of its image.
type BackupKind string

// The kinds of backups.
const (
	BackupDaily  BackupKind = "daily"
	BackupWeekly BackupKind = "weekly"
)

// BackupSlot is one window of a server in which it gets one backup of a kind.
type BackupSlot struct {
	Kind  BackupKind `json:"kind"`
	Start time.Time  `json:"start"`
}

// End is when the window is over.
func (s BackupSlot) End() time.Time { return s.Start.Add(BackupLength) }

// Backups is a server's schedule and what has become of its slots.
type Backups struct {
	Schedule BackupSchedule            `json:"schedule"`
	Halves   map[BackupKind]BackupHalf `json:"halves"`
}

// BackupHalf is how far one half of a schedule has come.
type BackupHalf struct {
	// Settled is when the last slot began whose backup is made or that is known to have none, or when the schedule was set:
	// the next slot begins later. So no slot comes twice, whatever the clock does.
	Settled time.Time `json:"settled"`
	Good    ImageID   `json:"good,omitempty"` // the last good backup, which the next one replaces
}

// BackupFact is what an event says of a backup.
type BackupFact struct {
	BackupSlot

	Image    ImageID      `json:"image,omitempty"`
	Replaced ImageID      `json:"replaced,omitempty"` // the image that is deleted because this one is good
	Reason   MissedReason `json:"reason,omitempty"`
}

// MissedReason is why a slot has no backup.
type MissedReason string

// The reasons.
const (
	MissedOutage  MissedReason = "outage"   // nothing ran, or not until the window was over
	MissedRefused MissedReason = "refused"  // the server's status allowed no image until the window was over
	MissedLimit   MissedReason = "limit"    // the server has as many images as it may have
	MissedFailed  MissedReason = "failed"   // the image was begun and failed
	MissedChanged MissedReason = "changed"  // the schedule was changed within the window, before the backup was begun
	MissedDefect  MissedReason = "internal" // Ozone could not decide it
)
