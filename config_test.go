package ozone_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone"
)

func TestZeroConfigIsValid(t *testing.T) {
	t.Parallel()
	if err := (ozone.Config{}).Validate(); err != nil {
		t.Errorf("Validate() = %v, want nil", err)
	}
}

func TestServersAreValid(t *testing.T) {
	t.Parallel()
	for _, c := range []ozone.Config{
		{Bus: "amqp://localhost", Store: "postgres://localhost/ozone"},
		{Bus: "amqps://localhost/ozone", Store: "postgresql://localhost/ozone"},
		{Store: "postgres://localhost/ozone"},
		{Roles: "edge", Bus: "amqp://localhost", Store: "postgres://localhost/ozone"},
		{Roles: "host,engine", Bus: "amqp://localhost", Store: "postgres://localhost/ozone"},
		{Roles: "host", Bus: "amqp://localhost", Hosts: "sim:9-12"},
		{Roles: "engine,edge,host"},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("Validate() of %s, %s = %v, want nil", c.Bus, c.Store, err)
		}
	}
}

func TestPasswordsAreInNoError(t *testing.T) {
	t.Parallel()
	cfg := ozone.Config{Bus: "kafka://u:secret-1@h/v", Store: "mysql://u:secret@2@h/d"}
	err := cfg.Validate()
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "mysql://u:...@h/d") {
		t.Errorf("Validate() = %v, want an error without the passwords", err)
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*ozone.Config)
		want   string
	}{
		"another bus":          {func(c *ozone.Config) { c.Bus = "kafka://localhost" }, "--bus"},
		"another store":        {func(c *ozone.Config) { c.Store = "mysql://localhost" }, "--store"},
		"a broker on SQLite":   {func(c *ozone.Config) { c.Bus = "amqp://localhost" }, "--store"},
		"an unknown role":      {func(c *ozone.Config) { c.Roles = "edge,enigne" }, `--roles "edge,enigne": no role "enigne"`},
		"an empty role":        {func(c *ozone.Config) { c.Roles = "edge,,host" }, "--roles"},
		"a role with a space":  {func(c *ozone.Config) { c.Roles = "edge, host" }, "--roles"},
		"a role without a bus": {func(c *ozone.Config) { c.Roles = "host" }, "--roles host with --bus inproc"},
		"a role without a store": {func(c *ozone.Config) {
			c.Roles, c.Bus = "engine,host", "amqp://localhost"
		}, "--roles engine,host with --store sqlite"},
		"the demo without an engine": {func(c *ozone.Config) {
			c.Roles, c.Bus, c.Store, c.Demo = "edge", "amqp://localhost", "postgres://localhost/ozone", true
		}, "--demo"},
		"hosts from 0":          {func(c *ozone.Config) { c.Hosts = "sim:0-3" }, "--hosts"},
		"hosts backwards":       {func(c *ozone.Config) { c.Hosts = "sim:4-3" }, "--hosts"},
		"hosts without an end":  {func(c *ozone.Config) { c.Hosts = "sim:4-" }, "--hosts"},
		"too many numbers":      {func(c *ozone.Config) { c.Hosts = "sim:1-501" }, "--hosts"},
		"numbers that are none": {func(c *ozone.Config) { c.Hosts = "sim:2147483647-2147483648" }, "--hosts"},
		"no hosts":              {func(c *ozone.Config) { c.Hosts = "sim:0" }, "--hosts"},
		"too many hosts":        {func(c *ozone.Config) { c.Hosts = "sim:501" }, "--hosts"},
		"hosts without a kind":  {func(c *ozone.Config) { c.Hosts = "8" }, "--hosts"},
		"faults above 1":        {func(c *ozone.Config) { c.SimFaults = 1.5 }, "--sim-faults"},
		"a negative delay":      {func(c *ozone.Config) { c.SimDelay = -1 }, "--sim-delay"},
		"no port":               {func(c *ozone.Config) { c.Listen = "127.0.0.1" }, "--listen"},
		"a port that is a name": {func(c *ozone.Config) { c.Listen = "127.0.0.1:http" }, "--listen"},
		"half of TLS":           {func(c *ozone.Config) { c.TLSCert = "cert.pem" }, "--tls-key"},
		"everything, in clear":  {func(c *ozone.Config) { c.Listen = ":8774" }, "--insecure"},
		"a name, in clear":      {func(c *ozone.Config) { c.Listen = "example.org:8774" }, "--insecure"},
		"the demo beyond loopback": {func(c *ozone.Config) {
			c.Listen, c.Demo, c.Insecure = "0.0.0.0:8774", true, true
		}, "--demo"},
		"the demo beyond loopback, with TLS": {func(c *ozone.Config) {
			c.Listen, c.Demo, c.TLSCert, c.TLSKey = "0.0.0.0:8774", true, "cert.pem", "key.pem"
		}, "--demo"},
		"a public URL with a path":      {func(c *ozone.Config) { c.PublicURL = "https://example.org/cloud" }, "--public-url"},
		"a public URL without a scheme": {func(c *ozone.Config) { c.PublicURL = "example.org" }, "--public-url"},
		"a pool of IPv6":                {func(c *ozone.Config) { c.PublicPool = "2001:db8::/64" }, "--public-pool"},
		"a pool with host bits":         {func(c *ozone.Config) { c.PrivatePool = "10.1.2.3/8" }, "--private-pool"},
		"pools that overlap":            {func(c *ozone.Config) { c.PublicPool = "10.9.0.0/16" }, "overlap"},
		"no clusters":                   {func(c *ozone.Config) { c.Clusters = -1 }, "--clusters"},
		"too many clusters":             {func(c *ozone.Config) { c.Clusters = 65 }, "--clusters"},
		"pools too small for clusters":  {func(c *ozone.Config) { c.Clusters, c.PublicPool = 3, "198.18.0.0/29" }, "--public-pool 198.18.0.0/29: too small"},
		"an unknown step": {func(c *ozone.Config) {
			c.StepTimeout = map[string]time.Duration{"boil": time.Second}
		}, "boil"},
		"a demo key with a space": {func(c *ozone.Config) { c.DemoKey = "two words" }, "--demo-key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := ozone.Defaults()
			c.change(&cfg)
			if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Validate() = %v, want an error that names %q", err, c.want)
			}
			if _, err := ozone.New(cfg); err == nil {
				t.Error("New() took it, want an error")
			}
		})
	}
}

func TestValidateAllows(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ozone.Config){
		"any free port":             func(c *ozone.Config) { c.Listen = "127.0.0.1:0" },
		"IPv6 loopback":             func(c *ozone.Config) { c.Listen = "[::1]:8774" },
		"localhost with the demo":   func(c *ozone.Config) { c.Listen, c.Demo = "localhost:8774", true },
		"everything, told so":       func(c *ozone.Config) { c.Listen, c.Insecure = ":8774", true },
		"everything, with TLS":      func(c *ozone.Config) { c.Listen, c.TLSCert, c.TLSKey = ":8774", "c", "k" },
		"a public URL with a slash": func(c *ozone.Config) { c.PublicURL = "https://cloud.example.org/" },
		"probes from everywhere": func(c *ozone.Config) {
			c.Roles, c.Bus, c.Hosts, c.Listen = "host", "amqp://localhost", "sim:1-500", ":8774"
		},
		"a deadline of a known step": func(c *ozone.Config) { c.StepTimeout = map[string]time.Duration{"copy": time.Hour} },
	} {
		cfg := ozone.Defaults()
		change(&cfg)
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: Validate() = %v, want nil", name, err)
		}
	}
}
