package v10

import (
	"fmt"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

func TestEveryDayAndWindowIsRead(t *testing.T) {
	t.Parallel()
	for _, day := range []string{"DISABLED", "SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"} {
		for hour := -2; hour < 24; hour += 2 {
			window := "DISABLED"
			if hour >= 0 {
				window = fmt.Sprintf("H_%02d00_%02d00", hour, (hour+2)%24)
			}
			want := schemas.BackupSchedule{Enabled: true, Weekly: schemas.BackupDay(day), Daily: schemas.BackupWindow(window)}
			for _, body := range []string{
				`{"backupSchedule":{"enabled":true,"weekly":"` + day + `","daily":"` + window + `"}}`,
				`<backupSchedule enabled="1" weekly="` + day + `" daily="` + window + `"/>`,
			} {
				if got, err := backupSchedule(parsed(t, body)); err != nil || got != want {
					t.Errorf("%s: %+v, %v, want %+v", body, got, err, want)
				}
			}
		}
	}
}

func TestSchedulesOfOtherDaysAndWindowsAreRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `[]`, `{"backupSchedule":[]}`, `{"backupSchedule":{}}`, `{"backupSchedule":{"enabled":null}}`, `{"backupSchedule":{"enabled":"TRUE"}}`,
		`{"backupSchedule":{"enabled":true,"weekly":"thursday"}}`, `{"backupSchedule":{"enabled":true,"weekly":4}}`, `{"backupSchedule":{"enabled":true,"weekly":["SUNDAY"]}}`,
		`{"backupSchedule":{"enabled":true,"daily":"H_0100_0300"}}`, `{"backupSchedule":{"enabled":true,"daily":"H_2200_2400"}}`, `{"backupSchedule":{"enabled":true,"daily":""}}`,
		`<backupSchedule weekly="SUNDAY"/>`, `<backupSchedule enabled="yes"/>`, `<backup enabled="true"/>`,
	} {
		if got, err := backupSchedule(parsed(t, body)); err == nil {
			t.Errorf("%s is read as %+v", body, got)
		}
	}
}
