package postgres_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage/postgres"
	"github.com/ozonecloud/ozone/storage/sqlite"
	"github.com/ozonecloud/ozone/tests/rig"
)

func exec(tb testing.TB, url string, statements ...string) {
	tb.Helper()
	db := connect(tb, url)
	for _, s := range statements {
		if _, err := db.ExecContext(tb.Context(), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	newer := database(t)
	if err := open(t, newer).Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`)
	foreign, versioned := database(t), database(t)
	exec(t, foreign, `CREATE TABLE server (id INT)`)
	exec(t, versioned, `CREATE TABLE goose_db_version (id INT, version_id BIGINT, is_applied BOOL)`,
		`INSERT INTO goose_db_version VALUES (1, 1, true)`)
	good := database(t)
	latin, weak := rig.ChangeURL(t, good, func(u *url.URL) { u.Path += "_latin" }), database(t)
	name := func(where string) string { return filepath.Base(strings.Split(where, "?")[0]) }
	exec(t, good, `CREATE DATABASE `+name(latin)+` ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`,
		`CREATE ROLE reader_`+name(good)+` LOGIN PASSWORD 'r'`, `ALTER DATABASE `+name(weak)+` SET synchronous_commit = off`)
	for _, c := range []struct{ what, url, want string }{
		{"no URL", "", "no database is named"},
		{"not a URL", "postgres://u:s3cret@[::1:5432/x", "is not understood"},
		{"wrong password", rig.ChangeURL(t, good, func(u *url.URL) { u.User = url.UserPassword("ozone", "s3cret") }), "check the user and the password"},
		{"unknown user", rig.ChangeURL(t, good, func(u *url.URL) { u.User = url.UserPassword("nobody", "s3cret") }), "check the user"},
		{"no such database", rig.ChangeURL(t, good, func(u *url.URL) { u.Path = "/nothing" }), "CREATE DATABASE"},
		{"nobody listens", rig.ChangeURL(t, good, func(u *url.URL) { u.Host = "127.0.0.1:1" }), "start PostgreSQL there"},
		{"no TLS", rig.ChangeURL(t, good, func(u *url.URL) { u.RawQuery = "" }), "sslmode=disable"},
		{"a user without rights", rig.ChangeURL(t, good, func(u *url.URL) { u.User = url.UserPassword("reader_"+name(good), "r") }), "owner of the database"},
		{"another program's tables", foreign, "tables of another program"},
		{"another program's migrations", versioned, "tables of another program"},
		{"a newer schema", newer, "version 99"},
		{"another encoding", latin, "ENCODING 'UTF8'"},
		{"a setting that loses commits", weak, "synchronous_commit=off"},
		{"no schema to write to", good + "&search_path=nowhere", "search_path"},
	} {
		s, err := postgres.Open(t.Context(), postgres.Config{URL: c.url, Now: time.Now})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%s) = %v, want an error with %q", c.what, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Open(%s) = %v, which shows the password", c.what, err)
		}
	}
	if _, err := postgres.Open(t.Context(), postgres.Config{URL: good}); err == nil {
		t.Error("Open() without a clock = nil, want an error")
	}
}

func TestOpenRefusesAServerThatLosesWhatItConfirmed(t *testing.T) {
	t.Parallel()
	p := rig.StartPostgres(t)
	where := p.Database(t)
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		p.Stop()
		p.Settings = []string{setting + "=off"}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := postgres.Open(t.Context(), postgres.Config{URL: where, Now: time.Now}); err == nil || !strings.Contains(err.Error(), setting+"=off") {
			t.Errorf("Open() with %s=off = %v, want an error that names it", setting, err)
		}
	}
	var log bytes.Buffer
	s, err := postgres.Open(t.Context(), postgres.Config{
		URL: where, Now: time.Now, AllowUnsafe: true, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatalf("Open(AllowUnsafe) = %v", err)
	}
	defer func() { _ = s.Close() }()
	if !strings.Contains(log.String(), "synchronous_commit") {
		t.Errorf("the log says %q, want the setting", log.String())
	}
}

func TestManyProcessesMakeOneSchema(t *testing.T) {
	t.Parallel()
	where := database(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), postgres.Config{URL: where, Now: time.Now})
			if err != nil {
				t.Errorf("Open() = %v", err)
				return
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
		})
	}
	wg.Wait()
	var shards int
	if err := connect(t, where).GetContext(t.Context(), &shards, `SELECT count(*) FROM shard`); err != nil || shards != schemas.Shards {
		t.Errorf("%d shards, %v, want %d", shards, err, schemas.Shards)
	}
}

func TestBothDatabasesHaveTheSameColumns(t *testing.T) {
	t.Parallel()
	where := database(t)
	if err := open(t, where).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ozone.db")
	lite, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := lite.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlx.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	type column struct {
		Table    string `db:"tab"`
		Name     string `db:"col"`
		Type     string `db:"typ"`
		Required bool   `db:"required"`
	}
	var want, got []column
	err = db.SelectContext(t.Context(), &want, `SELECT m.name AS tab, c.name AS col, c.type AS typ, c."notnull" = 1 OR c.pk > 0 AS required
		FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name <> 'goose_db_version' AND m.name NOT LIKE 'sqlite%'`)
	if err != nil {
		t.Fatal(err)
	}
	err = connect(t, where).SelectContext(t.Context(), &got, `SELECT table_name AS tab, column_name AS col, upper(data_type) AS typ,
		is_nullable = 'NO' AS required FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'goose_db_version'
		AND NOT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(table_name))`)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		switch c := &want[i]; {
		case c.Type == "BLOB":
			c.Type = "BYTEA"
		case c.Table == "event" && c.Name == "position":
			c.Type = "BIGINT" // SQLite's own numbers are INTEGER
		}
	}
	// What SQLite has no use for: one process writes it, in one order.
	want = append(want, column{"event", "xact", "XID8", true}, column{"store", "cluster", "TEXT", true})
	order := func(a, b column) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	if !slices.Equal(got, want) {
		t.Errorf("PostgreSQL's columns are\n%v\nwant\n%v", got, want)
	}
	names := func(dir string) (list []string) {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			list = append(list, f.Name())
		}
		return list
	}
	if here, there := names("migrations"), names("../sqlite/migrations"); !slices.Equal(here, there) {
		t.Errorf("the migrations are %v, SQLite's are %v", here, there)
	}
}

func TestARestoredStoreHasANewIncarnationAndFencesEverybody(t *testing.T) {
	t.Parallel()
	where := database(t)
	s, db := open(t, where), connect(t, where)
	defer func() { _ = s.Close() }()
	epoch := claim(t, s, 5)
	incarnation := func() (text string) {
		if err := db.GetContext(t.Context(), &text, `SELECT incarnation FROM store`); err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := incarnation()
	if err := open(t, where).Close(); err != nil {
		t.Fatal(err)
	}
	if again := incarnation(); again != first || first == "" {
		t.Errorf("the incarnation is %q after a second start, want %q", again, first)
	}
	exec(t, where, `UPDATE store SET cluster = 'another'`)
	var log bytes.Buffer
	restored, err := postgres.Open(t.Context(), postgres.Config{URL: where, Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = restored.Close() }()
	if incarnation() == first || !strings.Contains(log.String(), "restored") {
		t.Errorf("the incarnation is %q as before, or the log says nothing: %q", first, log.String())
	}
	if next := claim(t, restored, 5); next <= epoch+1000 {
		t.Errorf("Claim() = epoch %d after the restore, want one far above %d", next, epoch)
	}
}

func TestAReadOnlyStoreReadsAndDoesNotWrite(t *testing.T) {
	t.Parallel()
	where := database(t)
	if _, err := postgres.Open(t.Context(), postgres.Config{URL: where, Now: time.Now, ReadOnly: true}); err == nil {
		t.Error("Open(ReadOnly) of an empty database = nil, want an error")
	}
	if err := open(t, where).Close(); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(t.Context(), postgres.Config{URL: where, Now: time.Now, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Audit(t.Context()); err != nil {
		t.Errorf("Audit() = %v", err)
	}
	if _, err := s.Claim(t.Context(), 0, "node"); err == nil {
		t.Error("Claim() = nil, want an error")
	}
}
