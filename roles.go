package ozone

import (
	"fmt"
	"slices"
	"strings"
)

// The roles of a process.
const (
	roleEdge   = "edge"   // the HTTP service: commands to the bus, reads from the store
	roleEngine = "engine" // the shards with their actors
	roleHost   = "host"   // physical machines with their agents
)

// allRoles is one process that is the whole cloud.
const allRoles = roleEdge + "," + roleEngine + "," + roleHost

// roles are what a process does.
type roles struct{ edge, engine, host bool }

// roles reads the setting.
func (c Config) roles() (roles, error) {
	list := strings.Split(c.Roles, ",")
	for _, name := range list {
		if !slices.Contains([]string{roleEdge, roleEngine, roleHost}, name) {
			return roles{}, fmt.Errorf("--roles %q: no role %q; want one or more of %s", c.Roles, name, allRoles)
		}
	}
	has := func(name string) bool { return slices.Contains(list, name) }
	return roles{edge: has(roleEdge), engine: has(roleEngine), host: has(roleHost)}, nil
}

// String is the setting in its one order.
func (r roles) String() string {
	var list []string
	for _, x := range []struct {
		on   bool
		name string
	}{{r.edge, roleEdge}, {r.engine, roleEngine}, {r.host, roleHost}} {
		if x.on {
			list = append(list, x.name)
		}
	}
	return strings.Join(list, ",")
}

// all tells whether the process is a cloud by itself.
func (r roles) all() bool { return r.edge && r.engine && r.host }

// store tells whether the process needs the store. Hosts know their steps only.
func (r roles) store() bool { return r.edge || r.engine }

// validateRoles refuses roles that could not meet those of other processes.
func (c Config) validateRoles() []error {
	r, err := c.roles()
	if err != nil {
		return []error{err}
	}
	var errs []error
	if !r.all() && c.Bus == busInproc {
		errs = append(errs, fmt.Errorf("--roles %s with --bus inproc: the other roles are in other processes and could not be reached: "+
			"give --bus amqp://USER:PASSWORD@HOST/VHOST, or all of --roles %s", r, allRoles))
	}
	if !r.all() && r.store() && c.Store == storeSQLite {
		errs = append(errs, fmt.Errorf("--roles %s with --store sqlite: SQLite is for one process and the other roles are in other ones: "+
			"give --store postgres://USER:PASSWORD@HOST/DATABASE, or all of --roles %s", r, allRoles))
	}
	if c.Demo && !r.engine {
		errs = append(errs, fmt.Errorf("--demo with --roles %s: a process with the role %s makes the account", r, roleEngine))
	}
	return errs
}
