package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Limits of a connection that nobody answers on any more.
const (
	connectTimeout  = 5 * time.Second
	keepAliveIdle   = 4 * time.Second
	keepAlivePeriod = 2 * time.Second
	keepAliveCount  = 2
	// silence is how long sent data may stay unacknowledged, and a question without its answer. It must be less than a
	// committer waits before it ends the process. Source: docs/numbers.md.
	silence = keepAliveIdle + keepAliveCount*keepAlivePeriod
	// idleInTransaction is after which a transaction that its process has forgotten or cannot end is ended for it:
	// until then its locks keep others from its shards. Source: docs/numbers.md.
	idleInTransaction = 3 * time.Second
)

// sessionSettings hold in every session, whatever the server's defaults are.
var sessionSettings = map[string]string{
	// In any other level the fence would compare with a state from before its wait.
	"default_transaction_isolation":       "read committed",
	"idle_in_transaction_session_timeout": millis(idleInTransaction),
	"tcp_keepalives_idle":                 seconds(keepAliveIdle),
	"tcp_keepalives_interval":             seconds(keepAlivePeriod),
	"tcp_keepalives_count":                strconv.Itoa(keepAliveCount),
	"TimeZone":                            "UTC",
	"jit":                                 "off",                // no statement here is worth a compilation
	"plan_cache_mode":                     "force_generic_plan", // one plan fits all parameters of a statement
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// target is the database that a URL names.
type target struct {
	config pq.Config
	now    func() time.Time
	// limit is how long a read waits, in nanoseconds; 0: for ever. It is silence once the store is open: what comes before,
	// like a migration, and an audit may take longer.
	limit atomic.Int64
}

// patient is the same database with another limit.
func (t *target) patient(limit time.Duration) *target {
	other := &target{config: t.config, now: t.now}
	other.limit.Store(int64(limit))
	return other
}

// newTarget reads the URL. What is wrong with it is not quoted: it may hold the password.
func newTarget(cfg Config) (*target, error) {
	if cfg.URL == "" {
		return nil, errors.New("no database is named: the form is postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	config, err := pq.NewConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("the URL of the database is not understood; the form is " +
			"postgres://user:password@host:5432/database?sslmode=verify-full, with special characters as %XX")
	}
	if config.Runtime == nil {
		config.Runtime = map[string]string{}
	}
	maps.Copy(config.Runtime, sessionSettings)
	config.ApplicationName = cfg.Name
	config.BinaryParameters = true // arrays are sent in this form
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	return &target{config: config, now: cfg.Now}, nil
}

// String names the database without its password.
func (t *target) String() string {
	return fmt.Sprintf("%s@%s:%d/%s", t.config.User, t.config.Host, t.config.Port, t.config.Database)
}

// pool is of n connections, which are opened when they are needed.
func (t *target) pool(n int) *sqlx.DB {
	connector, err := pq.NewConnectorConfig(t.config)
	if err != nil {
		connector = &pq.Connector{} // every connection says so
	}
	connector.Dialer(dialer{t})
	db := sqlx.NewDb(sql.OpenDB(connector), "postgres")
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db
}

// dialer makes connections that end when the other side is gone or hangs.
type dialer struct{ target *target }

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialTimeout(network, address, connectTimeout)
}

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	plain := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAlivePeriod, Count: keepAliveCount},
		Control:         limitSilence,
	}
	c, err := plain.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return impatient{c, d.target}, nil
}

// impatient fails a read that takes too long. The driver reads only what it has asked for, and a context is of no use
// to it there: it asks the same server to cancel, and waits on.
type impatient struct {
	net.Conn

	target *target
}

func (c impatient) Read(p []byte) (int, error) {
	if limit := c.target.limit.Load(); limit > 0 {
		if err := c.SetReadDeadline(c.target.now().Add(time.Duration(limit))); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}
