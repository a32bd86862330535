package core

import (
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func TestSlotsAreTheWindowsOfTheSchedule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		weekly schemas.BackupDay
		daily  schemas.BackupWindow
		kind   schemas.BackupKind
		after  string // 2026-01-01 is a Thursday
		want   string // "": none
	}{
		{"DISABLED", "H_0000_0200", "daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		{"DISABLED", "H_0000_0200", "daily", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"},
		{"DISABLED", "H_2200_0000", "daily", "2026-01-01T21:59:59Z", "2026-01-01T22:00:00Z"},
		{"DISABLED", "H_2200_0000", "daily", "2026-01-01T22:00:00Z", "2026-01-02T22:00:00Z"},
		{"DISABLED", "H_0400_0600", "daily", "2026-01-01T00:30:00-05:00", "2026-01-02T04:00:00Z"},
		{"DISABLED", "H_0400_0600", "weekly", "2026-01-01T00:00:00Z", ""},
		{"THURSDAY", "DISABLED", "daily", "2026-01-01T00:00:00Z", ""},
		{"THURSDAY", "DISABLED", "weekly", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z"},
		{"THURSDAY", "H_0400_0600", "weekly", "2026-01-01T00:00:00Z", "2026-01-01T04:00:00Z"},
		{"THURSDAY", "H_0400_0600", "weekly", "2026-01-01T04:00:00Z", "2026-01-08T04:00:00Z"},
		{"WEDNESDAY", "H_0400_0600", "weekly", "2026-01-01T00:00:00Z", "2026-01-07T04:00:00Z"},
		{"SUNDAY", "H_0400_0600", "weekly", "2028-02-28T00:00:00Z", "2028-03-05T04:00:00Z"},
	} {
		s := schemas.BackupSchedule{Enabled: true, Weekly: c.weekly, Daily: c.daily}
		slot, ok := nextSlot(&s, c.kind, at(t, c.after))
		if ok != (c.want != "") || ok && (slot.Kind != c.kind || !slot.Start.Equal(at(t, c.want))) {
			t.Errorf("%s slot of %+v after %s = %+v, %v, want %s", c.kind, s, c.after, slot, ok, c.want)
		}
		s.Enabled = false
		if slot, ok := nextSlot(&s, c.kind, at(t, c.after)); ok {
			t.Errorf("a schedule that is not enabled has the slot %+v", slot)
		}
	}
}

func TestRunsAreSpreadOverTheirWindows(t *testing.T) {
	t.Parallel()
	const servers, parts = 10_000, 10
	for _, c := range []struct {
		weekly schemas.BackupDay
		daily  schemas.BackupWindow
		kind   schemas.BackupKind
		spread time.Duration
	}{
		{"DISABLED", "H_0400_0600", "daily", 90 * time.Minute},
		{"SUNDAY", "DISABLED", "weekly", 90 * time.Minute},
		{"FRIDAY", "H_0400_0600", "daily", 30 * time.Minute}, // the slot below is a Friday's
		{"FRIDAY", "H_0400_0600", "weekly", 30 * time.Minute},
		{"SUNDAY", "H_0400_0600", "daily", 90 * time.Minute},
	} {
		s := schemas.BackupSchedule{Enabled: true, Weekly: c.weekly, Daily: c.daily}
		slot, _ := nextSlot(&s, c.kind, at(t, "2026-01-01T12:00:00Z"))
		var count [parts]int
		for id := range schemas.ServerID(servers) {
			after := runAt(&s, id, slot).Sub(slot.Start)
			if after < 0 || after >= c.spread || after != runAt(&s, id, slot).Sub(slot.Start) {
				t.Fatalf("server %d begins %v after %+v, want less than %v", id, after, slot, c.spread)
			}
			count[after*parts/c.spread]++
		}
		for i, n := range count {
			if n < servers/parts*8/10 || n > servers/parts*12/10 {
				t.Errorf("%+v: %d of %d servers begin in part %d of %d", s, n, servers, i, parts)
			}
		}
	}
}
