package rig

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	_ "github.com/lib/pq" // the driver "postgres"
)

const (
	// postgresUser owns everything in the cluster; it has the password postgresPassword.
	postgresUser, postgresPassword = "ozone", "ozone's"
	// oldestPostgres that Ozone runs on. Source: docs/numbers.md.
	oldestPostgres = 15
)

// ErrMissing says that a server is not installed, and what to do.
var ErrMissing = errors.New("run tests/rig/install.sh, or install the Debian package")

// Postgres is a private cluster on the loopback interface.
type Postgres struct {
	dir  string // data, log and password are in it
	bin  string // of initdb and postgres
	port int
	as   *syscall.Credential // nil: this process's user
	// Settings are given to each start, as in "fsync=off".
	Settings []string

	server *child // nil: stopped
}

// StartPostgres starts a cluster that ends with the test.
func StartPostgres(tb testing.TB) *Postgres {
	tb.Helper()
	p, err := NewPostgres(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// NewPostgres starts a cluster that its caller closes.
func NewPostgres(ctx context.Context) (*Postgres, error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	as, err := postgresCredential()
	if err != nil {
		return nil, err
	}
	dir, err := newDir("ozone-postgres-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: dir, bin: bin, as: as}
	if err := p.initialize(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("initdb: %w", err)
	}
	// Between the choice of a port and the start somebody else may take it.
	for range 3 {
		if p.port, err = freePort(); err != nil {
			break
		}
		if err = p.Start(ctx); err == nil {
			return p, nil
		}
	}
	p.Close()
	return nil, err
}

// findPostgres is the directory of the programs, the newest that is installed.
func findPostgres() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is right
	best, dir := oldestPostgres-1, ""
	for _, path := range found {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err == nil && version > best {
			best, dir = version, filepath.Dir(path)
		}
	}
	if dir != "" {
		return dir, nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	return "", fmt.Errorf("no PostgreSQL %d or later here: %w postgresql", oldestPostgres, ErrMissing)
}

// postgresCredential is the user postgres when this is root, whom the server refuses to run as.
func postgresCredential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no other user is needed
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (p *Postgres) initialize(ctx context.Context) error {
	password := filepath.Join(p.dir, "password")
	if err := os.WriteFile(password, []byte(postgresPassword+"\n"), 0o600); err != nil {
		return err
	}
	if p.as != nil {
		for _, path := range []string{p.dir, password} {
			if err := os.Chown(path, int(p.as.Uid), int(p.as.Gid)); err != nil {
				return err
			}
		}
	}
	cmd := p.command(ctx, "initdb", "--pgdata", p.data(), "--username", postgresUser, "--auth", "scram-sha-256",
		"--pwfile", password, "--encoding", "UTF8", "--locale", "C", "--no-sync")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (p *Postgres) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, program), args...) //nolint:gosec // the rig's own words
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	return cmd
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

// Dir is where the server keeps its tables, its write-ahead log and its log.
func (p *Postgres) Dir() string { return p.dir }

// URL is of the database "postgres", which has no tables.
func (p *Postgres) URL() string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(postgresUser, postgresPassword),
		Host: "127.0.0.1:" + strconv.Itoa(p.port), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Database makes a new, empty database and returns its URL.
func (p *Postgres) Database(tb testing.TB) string {
	tb.Helper()
	return NewDatabase(tb, p.URL())
}

// NewDatabase makes a new, empty database on the server at serverURL and returns its URL.
func NewDatabase(tb testing.TB, serverURL string) string {
	tb.Helper()
	where, err := makeDatabase(tb.Context(), serverURL, "")
	if err != nil {
		tb.Fatal(err)
	}
	return where
}

// CopyDatabase makes a database with all that is in another one, to which nobody may be connected, and returns its URL.
func (p *Postgres) CopyDatabase(ctx context.Context, from string) (string, error) {
	u, err := url.Parse(from)
	if err != nil {
		return "", err
	}
	return makeDatabase(ctx, p.URL(), " TEMPLATE "+strings.TrimPrefix(u.Path, "/"))
}

// EmptyDatabase makes a database without tables and returns its URL.
func (p *Postgres) EmptyDatabase(ctx context.Context) (string, error) {
	return makeDatabase(ctx, p.URL(), "")
}

// PIDs are the server's processes.
func (p *Postgres) PIDs() []int { return append([]int{p.server.pid()}, childrenOf(p.server.pid())...) }

func makeDatabase(ctx context.Context, serverURL, like string) (string, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", err
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := run(ctx, serverURL, "CREATE DATABASE "+name+like); err != nil {
		return "", fmt.Errorf("create database: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// run runs one statement in the database at url.
func run(ctx context.Context, url, statement string) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the statement's error is what counts
	_, err = db.ExecContext(ctx, statement)
	return err
}

// Start starts the server again after Stop or Kill9, on the same port, and returns when it answers.
func (p *Postgres) Start(ctx context.Context) error {
	logFile := filepath.Join(p.dir, "log")
	log, err := os.OpenFile(logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the rig's own file
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own descriptor
	args := []string{"-D", p.data(), "-p", strconv.Itoa(p.port)}
	for _, s := range append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200", "log_line_prefix=%m %p %d ",
		"max_wal_size=512MB",
	}, p.Settings...) {
		args = append(args, "-c", s)
	}
	cmd := p.command(context.WithoutCancel(ctx), "postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	// An immediate stop: the server takes its own processes along.
	if p.server, err = startChild(cmd, syscall.SIGQUIT); err != nil {
		return err
	}
	err = poll(ctx, p.server, func(ctx context.Context) error { return run(ctx, p.URL(), "SELECT 1") })
	if err != nil {
		p.Stop()
		return fmt.Errorf("start PostgreSQL: %w; its log ends in\n%s", err, tail(logFile))
	}
	return nil
}

// Keep copies the data of the stopped server aside, as a backup of its files.
func (p *Postgres) Keep(ctx context.Context) error { return copyAll(ctx, p.data(), p.data()+".kept") }

// PutBack gives the stopped server the data of the last Keep.
func (p *Postgres) PutBack(ctx context.Context) error {
	return copyAll(ctx, p.data()+".kept", p.data())
}

// copyAll replaces a directory by a copy of another one, with its owners.
func copyAll(ctx context.Context, from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput() //nolint:gosec // the rig's own directories
	if err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, out)
	}
	return nil
}

// Load makes a database of the dump of another one, which may be on another server, and returns its URL.
func (p *Postgres) Load(ctx context.Context, from string) (string, error) {
	to, err := makeDatabase(ctx, p.URL(), "")
	if err != nil {
		return "", err
	}
	dump := filepath.Join(p.dir, "dump")
	for _, cmd := range []*exec.Cmd{
		p.command(ctx, "pg_dump", "--format=custom", "--file="+dump, from),
		p.command(ctx, "pg_restore", "--exit-on-error", "--dbname="+to, dump),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, out)
		}
	}
	return to, nil
}

// Stop ends the server in order and returns when it has ended. Its clients lose their connections.
func (p *Postgres) Stop() {
	if p.server == nil {
		return
	}
	p.server.signal(syscall.SIGINT)
	p.server = nil
}

// Kill9 kills all processes of the server at once and returns when they are gone.
func (p *Postgres) Kill9() {
	if p.server == nil {
		return
	}
	backends := p.signal(syscall.SIGSTOP) // a stopped server starts no more of them
	_ = p.server.cmd.Process.Kill()       // it may have ended already
	for _, pid := range backends {
		_ = syscall.Kill(pid, syscall.SIGKILL) // the same
	}
	<-p.server.done
	p.server = nil
	waitDead(backends) // until then they hold the memory that the next server wants
}

// signal reaches the server and its backends, which it returns. Each is a session of its own: no signal to a group reaches all.
func (p *Postgres) signal(sig syscall.Signal) (backends []int) {
	_ = p.server.cmd.Process.Signal(sig) // it may have ended already
	backends = childrenOf(p.server.pid())
	for _, pid := range backends {
		_ = syscall.Kill(pid, sig) // the same
	}
	return backends
}

// Pause stops the server in its tracks, as a machine that hangs does. Resume lets it go on.
func (p *Postgres) Pause() { p.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (p *Postgres) Resume() { p.signal(syscall.SIGCONT) }

// Close stops the server and removes everything. It may be called twice.
func (p *Postgres) Close() {
	p.Stop()
	_ = os.RemoveAll(p.dir) // what is left is in the system's directory for temporary files
}
