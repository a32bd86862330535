package ozone

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/actors"
	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
)

// Config says how a node runs. Zero fields mean the default. The tags are what the command line shows.
type Config struct {
	// Listen is the address of the HTTP service. Beyond loopback it needs TLS or Insecure. Without the role edge only /healthz,
	// /readyz and /metrics are there.
	Listen string `help:"Address of the HTTP service. Beyond loopback it needs --tls-cert or --insecure." default:"127.0.0.1:8774"`
	// Data is the directory of everything that is kept; one process at a time has it.
	Data string `help:"Directory of everything that is kept; made when it is not there." default:"./.data"`
	// Roles are what this process does of the cloud's work: edge, engine, host. All but the default need Bus and Store on servers.
	Roles string `help:"What this process does: any of edge (the HTTP service), engine (decides), host (runs the machines)." default:"edge,engine,host"`
	// Bus picks the message bus: inproc, or the URL of a RabbitMQ.
	Bus string `help:"Message bus: inproc, or amqp://USER:PASSWORD@HOST/VHOST (better in OZONE_BUS: others can read a command line)." default:"inproc"`
	// Store picks the store: sqlite, or the URL of a PostgreSQL database.
	Store string `help:"Store: sqlite, or postgres://USER:PASSWORD@HOST/DATABASE (better in OZONE_STORE)." default:"sqlite"`
	// TenantsVhost is the broker's virtual host in which programs of tenants send commands and read events. Nobody looks for it before
	// the first ozone bus user create, which makes it.
	TenantsVhost string `help:"Virtual host of the broker for programs of tenants; ozone bus user create makes it." default:"tenants"`
	// Hosts picks the physical machines: sim:N is N simulated ones, whose numbers the store gives out; sim:FIRST-LAST names them.
	Hosts string `help:"Physical machines: sim:N is N simulated ones, sim:FIRST-LAST those with these numbers." default:"sim:8"`
	// Clusters is how many clusters the hosts are spread over, each with its part of the pools. A cloud that has some keeps them;
	// a process without a store must be told the same number.
	Clusters int `help:"Clusters that the hosts are spread over by their numbers, each with its part of the pools; counts when the data directory is new, and for a process with the role host alone." default:"1"`

	// SimDelay is how long a simulated host takes for each step; more than 0 to watch passing states.
	SimDelay time.Duration `help:"How long a simulated host takes for each step." default:"0s"`
	// SimFaults is the share of steps, 0 to 1, that fail, lose their answer or answer late.
	SimFaults float64 `help:"Share of steps, 0 to 1, that fail, lose their answer or answer late." default:"0"`
	// SimRAMGiB is a simulated host's memory for servers.
	SimRAMGiB int64 `name:"sim-ram" help:"Memory of each simulated host for servers, in GiB." default:"128"`
	// SimDiskGB is a simulated host's disk for servers.
	SimDiskGB int64 `name:"sim-disk" help:"Disk of each simulated host for servers, in GB." default:"8000"`

	// PublicPool is the range of the servers' public addresses. A cloud that has one keeps it.
	PublicPool string `help:"Range of the servers' public IPv4 addresses; counts when the data directory is new." default:"198.18.0.0/15"`
	// PrivatePool is the range of the servers' private addresses. A cloud that has one keeps it.
	PrivatePool string `help:"Range of the servers' private IPv4 addresses; counts when the data directory is new." default:"10.0.0.0/8"`

	// PublicURL is the scheme and authority that clients are told to use; default: that of Listen.
	PublicURL string `help:"What clients are told to use, for example https://cloud.example.org. Default: http:// and the listen address." placeholder:"URL"`
	// TLSCert and TLSKey are PEM files; both or none.
	TLSCert string `help:"Certificate chain, a PEM file." placeholder:"FILE"`
	TLSKey  string `help:"Private key of the certificate, a PEM file." placeholder:"FILE"`
	// Insecure allows to listen beyond loopback without TLS, for example behind a proxy that has it.
	Insecure bool `help:"Allow to listen beyond loopback without TLS."`
	// SecretKeyFile seals what steps deliver; default: secret.key in Data, made once.
	SecretKeyFile string `help:"Key that seals passwords and personality: 64 hex digits. Default: secret.key in the data directory, made once." placeholder:"FILE"`

	// Demo makes account 1001 with user demo and prints how to use it. Loopback only.
	Demo bool `help:"Make account 1001 with user demo and print commands to paste. Loopback only."`
	// DemoKey is the API key of user demo; default: demo.key in Data, made once.
	DemoKey string `help:"API key of user demo. Default: demo.key in the data directory, made once." placeholder:"KEY"`

	// Wait is how long a write waits for its admission before it is answered 503.
	Wait time.Duration `help:"How long a write waits for its admission." default:"10s"`
	// Limits are the rate limits of accounts that have none of their own: on (those of v1.0), off, or what differs from v1.0's.
	Limits string `help:"Rate limits of accounts that have none of their own: on (10 POST a minute and so on), off, or what differs, for example post=20/minute;delete=off." default:"on"`
	// ConfirmAfter is when a resize that nobody confirmed confirms itself.
	ConfirmAfter time.Duration `help:"When a resize that nobody confirmed confirms itself." default:"24h"`
	// RetryEvery is how long a teardown waits after a host's refusal before it asks again.
	RetryEvery time.Duration `help:"How long a teardown waits after a host's refusal." default:"10s"`
	// Quarantine is how long a released address rests.
	Quarantine time.Duration `help:"How long a released address rests before it is given out again." default:"1m"`
	// LostAfter is how long a host may be silent before it counts as lost.
	LostAfter time.Duration `help:"How long a host may be silent before it counts as lost." default:"20s"`
	// StepTimeout overrides the deadlines of steps by name.
	StepTimeout map[string]time.Duration `help:"Deadline of a step by name, for example copy=2h;start=3m." placeholder:"STEP=DURATION"`

	// Log gets what operators read; nil: nothing is logged.
	Log *slog.Logger `kong:"-"`
	// Out gets the line that says that the node is ready, and the demo's commands; nil: nobody does.
	Out io.Writer `kong:"-"`
}

// Defaults is what zero fields mean.
func Defaults() Config {
	return Config{
		Listen: "127.0.0.1:8774", Data: "./.data", Roles: allRoles, Bus: busInproc, TenantsVhost: "tenants", Store: storeSQLite, Hosts: "sim:8", Clusters: 1,
		SimRAMGiB: 128, SimDiskGB: 8000, PublicPool: "198.18.0.0/15", PrivatePool: "10.0.0.0/8",
		Wait: edge.DefaultWait, Limits: "on", ConfirmAfter: 24 * time.Hour, RetryEvery: 10 * time.Second,
		Quarantine: time.Minute, LostAfter: 20 * time.Second,
	}
}

// withDefaults is c with its zero fields filled in.
func (c Config) withDefaults() Config {
	d := Defaults()
	fill(&c.Listen, d.Listen)
	fill(&c.Data, d.Data)
	fill(&c.Roles, d.Roles)
	fill(&c.Bus, d.Bus)
	fill(&c.TenantsVhost, d.TenantsVhost)
	fill(&c.Store, d.Store)
	fill(&c.Hosts, d.Hosts)
	fill(&c.Clusters, d.Clusters)
	fill(&c.SimRAMGiB, d.SimRAMGiB)
	fill(&c.SimDiskGB, d.SimDiskGB)
	fill(&c.PublicPool, d.PublicPool)
	fill(&c.PrivatePool, d.PrivatePool)
	fill(&c.Wait, d.Wait)
	fill(&c.Limits, d.Limits)
	fill(&c.ConfirmAfter, d.ConfirmAfter)
	fill(&c.RetryEvery, d.RetryEvery)
	fill(&c.Quarantine, d.Quarantine)
	fill(&c.LostAfter, d.LostAfter)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	return c
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate names everything that is wrong with c, in the words of the command line.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	errs = append(errs, c.validateRoles()...)
	errs = append(errs, c.validateParts()...)
	if _, err := c.simulated(); err != nil {
		errs = append(errs, err)
	}
	if c.SimFaults < 0 || c.SimFaults > 1 {
		bad("--sim-faults %v: want 0 to 1", c.SimFaults)
	}
	if c.SimRAMGiB < 0 || c.SimDiskGB < 0 {
		bad("--sim-ram and --sim-disk: want more than 0")
	}
	if _, err := c.rateLimits(); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, c.validateTimes()...)
	errs = append(errs, c.validatePools()...)
	errs = append(errs, c.validateListen()...)
	errs = append(errs, c.validatePublicURL()...)
	if c.DemoKey != "" && !visible(c.DemoKey) {
		bad("--demo-key: want visible ASCII characters without spaces or quotes")
	}
	return errors.Join(errs...)
}

func (c Config) validateTimes() []error {
	var errs []error
	for name, d := range map[string]time.Duration{
		"sim-delay": c.SimDelay, "wait": c.Wait, "confirm-after": c.ConfirmAfter, "retry-every": c.RetryEvery,
		"quarantine": c.Quarantine, "lost-after": c.LostAfter,
	} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("--%s %v: want more than 0", name, d))
		}
	}
	for name, d := range c.StepTimeout {
		if !slices.Contains(stepNames(), schemas.StepName(name)) {
			errs = append(errs, fmt.Errorf("--step-timeout %s: no such step; there are %v", name, stepNames()))
		}
		if d <= 0 {
			errs = append(errs, fmt.Errorf("--step-timeout %s=%v: want more than 0", name, d))
		}
	}
	return errs
}

func stepNames() []schemas.StepName {
	return []schemas.StepName{
		schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart, schemas.StepStop, schemas.StepWipe,
		schemas.StepRestartSoft, schemas.StepRestartHard, schemas.StepSetPassword, schemas.StepSnapshot,
		schemas.StepCopy, schemas.StepCopyDelta, schemas.StepSave, schemas.StepRemove,
		schemas.StepShareIP, schemas.StepUnshareIP, schemas.StepProbe,
	}
}

func (c Config) validatePools() []error {
	if c.Clusters < 1 || c.Clusters > maxClusters {
		return []error{fmt.Errorf("--clusters %d: want 1 to %d", c.Clusters, maxClusters)}
	}
	var errs []error
	var pools []netip.Prefix
	for _, pool := range []struct{ flag, cidr string }{{"public-pool", c.PublicPool}, {"private-pool", c.PrivatePool}} {
		p, err := netip.ParsePrefix(pool.cidr)
		if err != nil || !p.Addr().Is4() || p != p.Masked() || p.Bits() > smallestPool {
			errs = append(errs, fmt.Errorf("--%s %s: want an IPv4 range like 198.18.0.0/15, of four addresses or more", pool.flag, pool.cidr))
			continue
		}
		if p.Bits()+partBits(c.Clusters) > smallestPool {
			errs = append(errs, fmt.Errorf("--%s %s: too small for --clusters %d, want four addresses or more for each", pool.flag, pool.cidr, c.Clusters))
		}
		pools = append(pools, p)
	}
	if len(pools) == 2 && pools[0].Overlaps(pools[1]) {
		errs = append(errs, fmt.Errorf("--public-pool %v and --private-pool %v overlap", pools[0], pools[1]))
	}
	return errs
}

func (c Config) validateListen() []error {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return []error{fmt.Errorf("--listen %s: want HOST:PORT", c.Listen)}
	}
	var errs []error
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs = append(errs, fmt.Errorf("--listen %s: the port is not a number from 0 to 65535", c.Listen))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		errs = append(errs, errors.New("--tls-cert and --tls-key: want both or none"))
	}
	if !c.strangers() { // no key passes
		return errs
	}
	if c.TLSCert == "" && !c.Insecure {
		errs = append(errs, fmt.Errorf("--listen %s is reachable from other machines and keys would pass in clear: "+
			"give --tls-cert and --tls-key, or --insecure when something in front has TLS", c.Listen))
	}
	if c.Demo {
		errs = append(errs, fmt.Errorf("--listen %s is reachable from other machines: not with --demo", c.Listen))
	}
	return errs
}

func (c Config) validatePublicURL() []error {
	if c.PublicURL == "" {
		return nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" {
		return []error{fmt.Errorf("--public-url %s: want http://HOST or https://HOST, without a path", c.PublicURL)}
	}
	return nil
}

// rateLimits are those of accounts that have none of their own.
func (c Config) rateLimits() (schemas.RateLimits, error) {
	l, err := schemas.ParseRateLimits(c.Limits)
	if err != nil {
		return nil, fmt.Errorf("--limits: %w", err)
	}
	return l.Over(schemas.DefaultRateLimits()), nil
}

// strangers tells whether other machines can reach the API of this process.
func (c Config) strangers() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	r, bad := c.roles()
	return (err != nil || !loopback(host)) && (bad != nil || r.edge)
}

// loopback tells whether an address of this name is reachable from this machine only.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// visible tells whether s can stand in a header and between single quotes in a shell.
func visible(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' || r == '\'' || r == '"' {
			return false
		}
	}
	return true
}

// rules are the numbers of c that decisions use.
func (c Config) rules() actors.Rules {
	r := actors.Rules{
		ConfirmAfter: c.ConfirmAfter, RetryEvery: c.RetryEvery, Quarantine: c.Quarantine, LostAfter: c.LostAfter,
		Timeouts: map[schemas.StepName]time.Duration{},
	}
	for name, d := range c.StepTimeout {
		r.Timeouts[schemas.StepName(name)] = d
	}
	return r
}
