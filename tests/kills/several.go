package kills

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ozonecloud/ozone"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/rig"
)

// Servers are the broker and the database of a cloud of several processes.
type Servers struct {
	Broker   *rig.RabbitMQ
	Database *rig.Postgres
	Bus      string // URL, of a virtual host of this cloud alone
	Store    string // URL, of a database of this cloud alone
}

// TenantsVhost is the tenants' virtual host of this cloud.
func (s *Servers) TenantsVhost() string { return "of-" + s.Bus[strings.LastIndexByte(s.Bus, '/')+1:] }

// several is a cloud of two edges and two engines with hosts. The hosts of both are in one place: images and copies go from
// the ones to the others.
type several struct {
	run     *run
	on      *Servers
	engines []*node.Node
	edges   []*node.Node
	db      *sql.DB
	deck    []victim
}

// pair is how many processes of each kind there are.
const pair = 2

func (s *several) start(ctx context.Context) ([]string, error) {
	cfg := s.run.cfg
	if err := os.MkdirAll(s.hosts(), 0o700); err != nil {
		return nil, err
	}
	var err error
	if s.db, err = sql.Open("postgres", s.on.Store); err != nil {
		return nil, err
	}
	s.db.SetMaxIdleConns(0) // the database's death leaves none behind
	key := filepath.Join(cfg.Dir, "engine0", "secret.key")
	for i := range pair { // the first one makes the key
		first := i*cfg.Hosts/pair + 1
		args := []string{"--roles", "engine,host", "--hosts", fmt.Sprintf("sim:%d-%d", first, first+cfg.Hosts/pair-1), "--sim-delay", cfg.Delay.String()}
		if i > 0 {
			args = append(args, "--secret-key-file", key)
		}
		dir := filepath.Join(cfg.Dir, fmt.Sprintf("engine%d", i))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if err := os.Symlink(s.hosts(), filepath.Join(dir, hostsDir)); err != nil {
			return nil, err
		}
		if err := s.add(ctx, &s.engines, dir, args); err != nil {
			return nil, err
		}
	}
	var urls []string
	for i := range pair {
		dir := filepath.Join(cfg.Dir, fmt.Sprintf("edge%d", i))
		if err := s.add(ctx, &s.edges, dir, []string{"--roles", "edge", "--secret-key-file", key}); err != nil {
			return nil, err
		}
		urls = append(urls, s.edges[i].URL())
	}
	return urls, nil
}

func (s *several) add(ctx context.Context, to *[]*node.Node, dir string, args []string) error {
	cfg := s.run.cfg
	n, err := node.Start(ctx, node.Config{
		Binary: cfg.Binary, Dir: dir, Args: append(args, "--log-level", "warn"),
		Env: append([]string{"OZONE_BUS=" + s.on.Bus, "OZONE_STORE=" + s.on.Store, "OZONE_TENANTS_VHOST=" + s.on.TenantsVhost()}, cfg.Env...),
	})
	if err == nil {
		*to = append(*to, n)
	}
	return err
}

func (s *several) account(ctx context.Context, user string) (node.Account, error) {
	return s.engines[0].Account(ctx, user, node.Unlimited)
}

// followed is how long it takes until events of an account with a new user are sent. Source: docs/bus.md.
const followed = 2500 * time.Millisecond

func (s *several) programs(ctx context.Context, of []*tenant) (err error) {
	o, err := ozone.OpenBusOperator(ctx, ozone.Config{Bus: s.on.Bus, Store: s.on.Store, TenantsVhost: s.on.TenantsVhost()}, s.on.Broker.AdminURL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	for i, t := range of {
		c, err := o.CreateUser(ctx, schemas.AccountID(t.account.ID), fmt.Sprintf("%s-%d", s.on.TenantsVhost(), i))
		if err != nil {
			return err
		}
		t.program = newProgram(c.URL, c.User)
	}
	pause(ctx, followed)
	return nil
}

func (s *several) audit(ctx context.Context) (string, error) {
	args := []string{"audit"}
	for _, n := range s.engines {
		args = append(args, "--data", n.Dir())
	}
	return s.engines[0].Run(ctx, args...)
}

func (s *several) hosts() string { return filepath.Join(s.run.cfg.Dir, hostsDir) }

func (s *several) all() []*node.Node {
	return append(append([]*node.Node(nil), s.engines...), s.edges...)
}

// mend is the supervisor: an engine ends when it can commit nothing for a while, and is started again.
func (s *several) mend(ctx context.Context) error {
	for _, n := range s.all() {
		select {
		case <-n.Ended():
		default:
			continue
		}
		s.run.report.Ended++
		s.run.cfg.Log("%s has ended by itself\n%s", n.Dir(), tail(n.Log()))
		if err := s.restart(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (s *several) restart(ctx context.Context, n *node.Node) error {
	took, err := n.Restart(ctx)
	if err == nil {
		s.run.report.ready(took)
	}
	return err
}

func (s *several) stop() error {
	var errs []error
	for _, n := range append(append([]*node.Node(nil), s.edges...), s.engines...) {
		errs = append(errs, n.Stop())
		if log := n.Log(); strings.Contains(log, "panic") {
			s.run.report.broken("%s panicked\n%s", n.Dir(), tail(log[strings.Index(log, "panic"):]))
		}
	}
	return errors.Join(append(errs, s.keepLogs())...)
}

// keepLogs writes what the processes said to where it can be read when something went wrong.
func (s *several) keepLogs() error {
	if len(s.run.report.Broken) == 0 {
		return nil
	}
	dir, err := os.MkdirTemp("", "ozone-kills-")
	if err != nil {
		return err
	}
	s.run.cfg.Log("the processes' logs are in %s", dir)
	for _, n := range s.all() {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(n.Dir())+".log"), []byte(n.Log()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *several) end() {
	for _, n := range s.all() {
		_ = n.Kill9() // after an error; else it has ended
	}
	if s.db != nil {
		_ = s.db.Close() // only read
	}
}

// postgresRows are the statements of a census of PostgreSQL.
var postgresRows = statements{
	unfinished: `SELECT coalesce(doc::json ->> 'step', ''), count(*) FROM operation WHERE unfinished = 1 GROUP BY 1`,
	onTrial:    `SELECT count(*) FROM server WHERE status = 'VERIFY_RESIZE' AND state::json -> 'probe' IS NOT NULL`,
	absent:     `SELECT json_array_elements_text($1::json) EXCEPT SELECT id FROM operation`,
}

func (s *several) census(ctx context.Context) (left, error) {
	return s.run.census(ctx, rows{s.db, postgresRows})
}

// owners is which node owned each shard last.
func (s *several) owners(ctx context.Context) (map[schemas.Shard]string, error) {
	found, err := s.db.QueryContext(ctx, `SELECT id, owner FROM shard`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // Err says it
	owners := map[schemas.Shard]string{}
	for found.Next() {
		var shard schemas.Shard
		var owner string
		if err := found.Scan(&shard, &owner); err != nil {
			return nil, err
		}
		owners[shard] = owner
	}
	return owners, found.Err()
}

// together does several things at once and waits for all.
func together(do ...func() error) error {
	errs := make([]error, len(do))
	var all sync.WaitGroup
	for i, f := range do {
		all.Go(func() { errs[i] = f() })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *several) took(i int, name string, l left, since time.Time) {
	r := s.run
	r.report.kill(name, l)
	r.cfg.Log("kill %3d, %s: %3d unfinished, %5d accepted so far, over after %s", i+1, name, l.unfinished, r.journal.accepted(),
		time.Since(since).Round(time.Millisecond))
}
