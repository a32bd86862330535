package ozone

import (
	"fmt"
	"strings"
)

// The parts that --bus and --store name beside the URLs of servers.
const (
	busInproc   = "inproc"
	storeSQLite = "sqlite"
)

// onRabbitMQ tells whether a bus is a broker's URL.
func onRabbitMQ(bus string) bool {
	return strings.HasPrefix(bus, "amqp://") || strings.HasPrefix(bus, "amqps://")
}

// onPostgres tells whether a store is a database's URL.
func onPostgres(store string) bool {
	return strings.HasPrefix(store, "postgres://") || strings.HasPrefix(store, "postgresql://")
}

// validateParts says what is wrong with the bus and the store.
func (c Config) validateParts() []error {
	var errs []error
	if c.Bus != busInproc && !onRabbitMQ(c.Bus) {
		errs = append(errs, fmt.Errorf("--bus %s: want inproc, or amqp://USER:PASSWORD@HOST/VHOST", safeURL(c.Bus)))
	}
	if err := c.validateStore(); err != nil {
		errs = append(errs, err)
	}
	if r, err := c.roles(); err == nil && r.all() && onRabbitMQ(c.Bus) && c.Store == storeSQLite {
		errs = append(errs, fmt.Errorf("--bus %s with --store sqlite: a broker is for many processes and SQLite for one: "+
			"give --store postgres://USER:PASSWORD@HOST/DATABASE", safeURL(c.Bus)))
	}
	return errs
}

// validateStore says what is wrong with the store's name.
func (c Config) validateStore() error {
	if c.Store == storeSQLite || onPostgres(c.Store) {
		return nil
	}
	return fmt.Errorf("--store %s: want sqlite, or postgres://USER:PASSWORD@HOST/DATABASE", safeURL(c.Store))
}

// safeURL is a setting without the password that may be in it.
func safeURL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if at := strings.LastIndex(rest, "@"); ok && at >= 0 {
		user, _, _ := strings.Cut(rest[:at], ":")
		return scheme + "://" + user + ":...@" + rest[at+1:]
	}
	return s
}
