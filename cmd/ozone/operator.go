package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/ozonecloud/ozone"
	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// place says which cloud a command is for.
type place struct {
	Data          string `help:"Data directory of the cloud." default:"./.data"`
	Store         string `help:"Store of the cloud: sqlite in the data directory, or postgres://USER:PASSWORD@HOST/DATABASE." default:"sqlite"`
	Bus           string `help:"Message bus of the cloud, for host fence with --store: amqp://USER:PASSWORD@HOST/VHOST." default:"inproc"`
	SecretKeyFile string `help:"Key that seals passwords and personality. Default: secret.key in the data directory." placeholder:"FILE"`
}

// opener is ozone.OpenOperator or ozone.MakeOperator.
type opener func(context.Context, ozone.Config) (ozone.Operator, error)

// with opens the operator's way to the cloud for one call.
func (p place) with(ctx context.Context, e *env, open opener, do func(ozone.Operator) error) error {
	o, err := open(ctx, ozone.Config{Data: p.Data, Store: p.Store, Bus: p.Bus, SecretKeyFile: p.SecretKeyFile, Log: e.log})
	return closing(o, err, do)
}

// closing does something with what was opened, when it was, and closes it.
func closing[O io.Closer](o O, err error, do func(O) error) error {
	if err != nil {
		return err
	}
	return errors.Join(do(o), o.Close())
}

type accountCmd struct {
	Create    accountCreateCmd `cmd:"" help:"Make an account with one user and print the user's key; in a new data directory too."`
	List      accountListCmd   `cmd:"" help:"List the accounts."`
	SetLimits setLimitsCmd     `cmd:"" help:"Give an account other rate limits; they count within 5 seconds."`
	RotateKey rotateKeyCmd     `cmd:"" help:"Give a user a new key and print it; the old one and its tokens end."`
}

type accountCreateCmd struct {
	place  `embed:""`
	User   string `help:"Name of the user." required:"" placeholder:"NAME" env:"-"` // OZONE_USER is who asks as a tenant
	RAM    int64  `name:"ram" help:"RAM of all its servers together, in MB." default:"51200"`
	Limits string `help:"Rate limits: on (the cloud's), off, or what differs from the cloud's, for example post=20/minute;delete=off." default:"on"`
}

// Help has examples.
func (*accountCreateCmd) Help() string {
	return "For example:\n\n  ozone account create --user alice --ram 8192\n" +
		"  ozone account create --user robot --limits \"post=100/minute;delete=off\""
}

// Run makes the account.
func (c *accountCreateCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, ozone.MakeOperator, func(o ozone.Operator) error {
		limits, err := schemas.ParseRateLimits(c.Limits)
		if err != nil {
			return err
		}
		made, err := o.CreateAccount(ctx, ozone.NewAccount{User: c.User, RAMMiB: c.RAM, RateLimits: limits})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "account %d\nuser    %s\nkey     %s\n", made.Account, made.User, made.Key)
		return err
	})
}

type accountListCmd struct {
	place `embed:""`
}

// Run lists the accounts.
func (c *accountListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, ozone.OpenOperator, func(o ozone.Operator) error {
		list, err := o.Accounts(ctx)
		if err != nil {
			return err
		}
		return table(e.out, "ACCOUNT\tUSERS\tSERVERS\tRAM USED (MB)\tRAM LIMIT (MB)\tRATE LIMITS", list, func(r storage.AccountRow) string {
			a := r.Account
			return fmt.Sprintf("%d\t%s\t%d\t%d\t%d\t%s", a.ID, strings.Join(r.Users, ","), a.Servers, a.UsedRAMMiB, a.RAMLimitMiB, r.RateLimits)
		})
	})
}

type setLimitsCmd struct {
	place   `embed:""`
	Account int64  `arg:"" help:"Number of the account, as account list shows it."`
	Limits  string `arg:"" help:"on (the cloud's), off, or what differs from the cloud's, for example post=20/minute;delete=off."`
}

// Run gives the account the limits.
func (c *setLimitsCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, ozone.OpenOperator, func(o ozone.Operator) error {
		limits, err := schemas.ParseRateLimits(c.Limits)
		if err != nil {
			return err
		}
		if err := o.SetRateLimits(ctx, schemas.AccountID(c.Account), limits); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "account %d has the rate limits %s\n", c.Account, limits)
		return err
	})
}

type rotateKeyCmd struct {
	place `embed:""`
	User  string `arg:"" help:"Name of the user."`
}

// Run gives the user a new key.
func (c *rotateKeyCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, ozone.OpenOperator, func(o ozone.Operator) error {
		made, err := o.RotateKey(ctx, c.User)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "user %s\nkey  %s\n", made.User, made.Key)
		return err
	})
}

type hostCmd struct {
	List    hostListCmd    `cmd:"" help:"List the hosts."`
	Explain hostExplainCmd `cmd:"" help:"Say of each host why it has no room for a flavor."`
	Fence   hostFenceCmd   `cmd:"" help:"Declare that a host is off and will not come back with what it held."`
}

type hostListCmd struct {
	place `embed:""`
}

// Run lists the hosts.
func (c *hostListCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, ozone.OpenOperator, func(o ozone.Operator) error {
		list, err := o.Hosts(ctx)
		if err != nil {
			return err
		}
		return table(e.out, "HOST\tNAME\tCLUSTER\tSTATE\tRAM (MB)\tDISK (GB)", list, func(h schemas.Host) string {
			return fmt.Sprintf("%d\t%s\t%d\t%s\t%d\t%d", h.ID, h.Name, h.Cluster, h.State, h.RAMMiB, h.DiskGB)
		})
	})
}

type hostExplainCmd struct {
	place  `embed:""`
	Flavor int64 `arg:"" name:"flavor" help:"Number of the flavor: 1 to 7, see ozone flavor list."`
}

// Help has an example.
func (*hostExplainCmd) Help() string {
	return "For example:\n\n  ozone host explain 7"
}

// Run explains what each host would say to the flavor.
func (c *hostExplainCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, ozone.OpenOperator, func(o ozone.Operator) error {
		list, err := o.Explain(ctx, schemas.FlavorID(c.Flavor))
		if err != nil {
			return err
		}
		return table(e.out, "HOST\tNAME\tCLUSTER\tFREE RAM (MB)\tFREE DISK (GB)\tLARGEST FLAVOR\tROOM", list, func(v core.Verdict) string {
			return fmt.Sprintf("%d\t%s\t%d\t%d\t%d\t%s\t%s", v.Host, v.Name, v.Cluster, v.FreeRAMMiB, v.FreeDiskGB, orNone(v.Largest), cmp.Or(v.Reason, "yes"))
		})
	})
}

// orNone is a flavor's number, none for 0.
func orNone(f schemas.FlavorID) string {
	if f == 0 {
		return "none"
	}
	return strconv.FormatInt(int64(f), 10)
}

type hostFenceCmd struct {
	place `embed:""`
	Host  int64 `arg:"" help:"Number of the host, as host list shows it."`
}

// Help says what it does, since it cannot be taken back.
func (*hostFenceCmd) Help() string {
	return "Its servers become ERROR and can be deleted, and its number is never used again. Nobody asks twice, and a host that is up is fenced too: " +
		"look with ozone host list first. A host that was silent and comes back needs no fence.\n\n" +
		"  ozone host fence 8"
}

// Run fences the host.
func (c *hostFenceCmd) Run(ctx context.Context, e *env) error {
	return c.with(ctx, e, ozone.OpenOperator, func(o ozone.Operator) error {
		if err := o.Fence(ctx, schemas.HostID(c.Host)); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.out, "host %d is fenced\n", c.Host)
		return err
	})
}

type auditCmd struct {
	Data  []string `help:"Data directory with the machines of hosts; once for each process of a shared store." default:"./.data" sep:"none"`
	Store string   `help:"Store of the cloud: sqlite in the data directory, or postgres://USER:PASSWORD@HOST/DATABASE." default:"sqlite"`
}

// Help says what a row is and how it exits.
func (*auditCmd) Help() string {
	return "Each row is a law, such as host.capacity: what a host's servers take is what is booked on it. ROWS is how many things were looked at, BROKEN how many " +
		"of them break it; each of those gets a line. Exit code 1 when there is one. host.inventory, what machines there really are, is there when no operation is unfinished."
}

// Run prints what was checked and what is broken.
func (c *auditCmd) Run(ctx context.Context, e *env) error {
	report, err := ozone.Audit(ctx, ozone.Config{Data: c.Data[0], Store: c.Store, Log: e.log}, c.Data[1:]...)
	if err != nil {
		return err
	}
	broken := map[string]int{}
	for _, v := range report.Broken {
		broken[v.Law]++
	}
	laws := slices.DeleteFunc(append(storage.Laws(), ozone.LawInventory), func(law string) bool {
		_, checked := report.Checked[law]
		return !checked
	})
	err = table(e.out, "LAW\tROWS\tBROKEN", laws, func(law string) string {
		return fmt.Sprintf("%s\t%d\t%d", law, report.Checked[law], broken[law])
	})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(e.out, "operations unfinished: %d\n", report.Unfinished)
	for _, v := range report.Broken {
		_, _ = fmt.Fprintf(e.out, "BROKEN %s: %s\n", v.Law, v.What)
	}
	if n := len(report.Broken); n > 0 {
		return fmt.Errorf("audit: %d violations", n)
	}
	return nil
}

type versionCmd struct{}

// Run prints the version that the build knows.
func (*versionCmd) Run(e *env) error {
	version, revision := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " (" + s.Value + ")"
			}
		}
	}
	_, err := fmt.Fprintf(e.out, "ozone %s%s %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// table prints one line for each row, in columns.
func table[T any](out io.Writer, head string, rows []T, line func(T) string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, head) // Flush says what went wrong
	for _, r := range rows {
		_, _ = fmt.Fprintln(w, line(r))
	}
	return w.Flush()
}
