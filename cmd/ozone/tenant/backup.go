package tenant

import (
	"context"

	"github.com/ozonecloud/ozone/client"
)

type backupCmd struct {
	cloud `embed:"" group:"Which cloud is asked, as whom:"`

	Show    backupShowCmd    `cmd:"" help:"Show when a server is backed up."`
	Set     backupSetCmd     `cmd:"" help:"Back a server up every day, every week or both; what was set before ends."`
	Disable backupDisableCmd `cmd:"" help:"Back a server up no more; the images stay."`
}

var backupColumns = []column[client.BackupSchedule]{
	{"ENABLED", func(b client.BackupSchedule) any { return b.Enabled }},
	{"WEEKLY", func(b client.BackupSchedule) any { return b.Weekly }},
	{"DAILY", func(b client.BackupSchedule) any { return b.Daily }},
}

type backupShowCmd struct {
	theServer `embed:""`
}

// Run shows a schedule.
func (c *backupShowCmd) Run(ctx context.Context, s *session) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	b, err := s.BackupSchedule(ctx, id)
	if err != nil {
		return err
	}
	return show(s.printer, b, backupColumns)
}

// noBackup is the half of a schedule that makes none.
const noBackup = "DISABLED"

type backupSetCmd struct {
	change `embed:""`
	Weekly string `help:"Day of the week: SUNDAY to SATURDAY." enum:"DISABLED,SUNDAY,MONDAY,TUESDAY,WEDNESDAY,THURSDAY,FRIDAY,SATURDAY" default:"DISABLED" placeholder:"DAY" env:"-"`
	Daily  string `help:"Two hours of each day, GMT: H_0000_0200 to H_2200_0000." enum:"DISABLED,H_0000_0200,H_0200_0400,H_0400_0600,H_0600_0800,H_0800_1000,H_1000_1200,H_1200_1400,H_1400_1600,H_1600_1800,H_1800_2000,H_2000_2200,H_2200_0000" default:"DISABLED" placeholder:"WINDOW" env:"-"`
}

// Help has an example.
func (*backupSetCmd) Help() string {
	return "For example:\n\n  ozone backup set web --daily H_0400_0600 --weekly SUNDAY\n\n" +
		"keeps an image of each kind, made between 04:00 and 06:00 GMT."
}

// Run sets a schedule.
func (c *backupSetCmd) Run(ctx context.Context, s *session) error {
	if c.Weekly == noBackup && c.Daily == noBackup {
		return usage("a schedule without a day and without a window makes no backups", "Give --weekly, --daily or both, or use ozone backup disable.")
	}
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	op, err := s.SetBackupSchedule(ctx, id, client.BackupSchedule{Enabled: true, Weekly: c.Weekly, Daily: c.Daily}, c.terms())
	return s.done(ctx, c.write, op, err)
}

type backupDisableCmd struct {
	change `embed:""`
}

// Run disables a schedule.
func (c *backupDisableCmd) Run(ctx context.Context, s *session) error {
	id, err := s.server(ctx, c.Server)
	if err != nil {
		return err
	}
	op, err := s.DisableBackups(ctx, id, c.terms())
	return s.done(ctx, c.write, op, err)
}
