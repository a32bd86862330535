// Command ozone runs a cloud, lets its operator look after it and its tenants use it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/ozonecloud/ozone"
	"github.com/ozonecloud/ozone/cmd/ozone/tenant"
)

// exitUsage is the exit code for a command that nobody understands. The others are tenant.ExitCode's: 1 for most.
const exitUsage = 2

// cli is the command line. Each flag has a twin in the environment: OZONE_ and its name.
type cli struct {
	ConfigFile configFile `name:"config" help:"JSON object of flag names and values, for example {\"listen\": \"127.0.0.1:9000\"}. The environment and the command line override it." placeholder:"FILE" group:"Flags of every command:"`
	LogLevel   slog.Level `help:"What is logged to stderr: debug, info, warn or error." default:"info" group:"Flags of every command:"`

	tenant.Commands `embed:"" group:"For tenants, over HTTP:"`

	Serve      serveCmd      `cmd:"" help:"Run a node."`
	Account    accountCmd    `cmd:"" help:"Make and list accounts, change their keys and rate limits."`
	Host       hostCmd       `cmd:"" help:"List the hosts of a running node, say which has room, declare one as off."`
	Bus        busCmd        `cmd:"" help:"The bus for programs of tenants: their users and queues, and dead letters."`
	Audit      auditCmd      `cmd:"" help:"Check that nothing is lost and nothing leaks; beside a running node too."`
	Bench      benchCmd      `cmd:"" help:"Measure the speed of this machine's own nodes."`
	Floor      floorCmd      `cmd:"" hidden:""`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Completion completionCmd `cmd:"" help:"Print what makes a shell complete commands and flags."`
	Complete   completeCmd   `cmd:"" hidden:""`
}

func main() {
	syscall.Umask(0o077) // what ozone writes is nobody else's
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	code := -1
	parser, err := newParser(&c, stdout, stderr, func(n int) { code = n })
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "ozone:", err)
		return exitUsage
	}
	parsed, err := parser.Parse(habitual(args))
	if code >= 0 { // help was asked for, and is printed
		return code
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "ozone: %v\nSee %s --help.\n", err, misread(err))
		return exitUsage
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	context.AfterFunc(ctx, cancel) // the second signal ends at once
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = tenant.Explain(parsed.Run(&env{out: stdout, log: log}, &tenant.Env{In: os.Stdin, Out: stdout, Err: stderr}))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "ozone:", err)
		return exitCode(err)
	}
	return 0
}

// habitual takes what people try first for the command that it means.
func habitual(args []string) []string {
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && args[0] == "--version":
		return []string{"version"}
	default:
		return args
	}
}

// misread is the command that a line was for when it stopped making sense.
func misread(err error) string {
	if p, ok := errors.AsType[*kong.ParseError](err); ok {
		if at := p.Context.Selected(); at != nil {
			return at.FullPath()
		}
	}
	return "ozone"
}

func newParser(c *cli, stdout, stderr io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("ozone"),
		kong.Description("A cloud of servers: REST API, durable actors, hosts, in one process.\n\n"+
			"Run a node with ozone serve --demo, then log in and use it. Operators' commands come first below, tenants' behind them.\n\n"+
			"Flags may be given in the environment, as OZONE_ and their name: OZONE_DATA for --data. Help shows which.\n\n"+
			"Exit codes: 0 done or accepted, 1 refused or failed, 2 wrong command line, 3 no such thing, 4 no answer in time, 5 not logged in."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.DefaultEnvars("OZONE"), kong.Writers(stdout, stderr), kong.Exit(exit),
	)
}

// usageError is an error of who gave the command.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	if _, usage := errors.AsType[usageError](err); usage {
		return exitUsage
	}
	return tenant.ExitCode(err)
}

// env is what a command prints to and logs to.
type env struct {
	out io.Writer
	log *slog.Logger
}

type serveCmd struct {
	ozone.Config `embed:""`
}

// Run serves until a signal comes.
func (s *serveCmd) Run(ctx context.Context, e *env) error {
	tune()
	cfg := s.Config
	if cfg.Roles == "" { // the flag has a default: somebody has set it to nothing
		return usageError{errors.New("--roles is empty: want one or more of edge,engine,host")}
	}
	cfg.Log, cfg.Out = e.log, e.out
	node, err := ozone.New(cfg)
	if err != nil {
		return usageError{err}
	}
	return node.Run(ctx)
}

// How a node uses its machine. The heap may grow to five times what is live before it is collected, as long as all of
// it stays below the limit; source: docs/promises.md, a node under overload stays below 512 MiB. Threads that wait for
// the disk hold a processor of the scheduler for a while, so there are more of these than cores; measured on two cores:
// 3 carry 40 % more creates than 2 and 5 % more than 4.
const (
	gcPercent       = 400
	memoryLimit     = 400 << 20 // bytes; soft: above it the collector works harder
	extraProcessors = 1
)

// tune sets the runtime unless the environment does.
func tune() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.NumCPU() + extraProcessors)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
