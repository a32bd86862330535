package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/sqlite"
)

// refused opens the store at path and checks that the error says each of words.
func refused(t *testing.T, cfg sqlite.Config, words ...string) {
	t.Helper()
	cfg.Now = time.Now
	s, err := sqlite.Open(t.Context(), cfg)
	if err == nil {
		_ = s.Close()
		t.Fatalf("Open() = nil, want an error with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("Open() = %q, want it to say %q", err, w)
		}
	}
}

// stored is the path of a closed store in which alice has a server.
func stored(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ozone.db")
	s := open(t, path)
	if _, err := s.CreateAccount(t.Context(), schemas.Account{}, "alice", []byte("key")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// change runs a statement on a closed store's file.
func change(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSaysWhatIsWrongWithThePath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, sqlite.Config{Path: filepath.Join(dir, "none", "ozone.db")}, "none", "make the directory")
	refused(t, sqlite.Config{Path: filepath.Join(file, "ozone.db")}, "not a directory")
	refused(t, sqlite.Config{Path: dir}, "is a directory")
	refused(t, sqlite.Config{Path: filepath.Join(dir, "ozone.db"), ReadOnly: true}, "no such file")
	if _, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "ozone.db")}); err == nil {
		t.Error("Open() without a clock = nil, want an error")
	}
}

func TestOpenRefusesAFileThatItMayNotWrite(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everything")
	}
	path := stored(t)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	refused(t, sqlite.Config{Path: path}, "permission denied", "give this user the right")
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"text": "this is a diary, not a database", "short": "SQL", "zeros": strings.Repeat("\x00", 4096),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, sqlite.Config{Path: path}, path, "not a database", "backup")
	}
}

func TestOpenRefusesADamagedDatabase(t *testing.T) {
	t.Parallel()
	path := stored(t)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 8192; i < len(content); i++ {
		content[i] ^= 0x5a
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, sqlite.Config{Path: path}, path, "damaged", "backup")
	if err := os.WriteFile(path, content[:9000], 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, sqlite.Config{Path: path}, path, "damaged", "backup")
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	path := stored(t)
	change(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	refused(t, sqlite.Config{Path: path}, path, "version 99", "newer Ozone")
}

func TestAReaderLooksBesideTheWriter(t *testing.T) {
	t.Parallel()
	path := stored(t)
	writer := open(t, path)
	reader, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Now: time.Now, CachedObjects: -1, ReadOnly: true})
	if err != nil {
		t.Fatalf("Open(read only) = %v", err)
	}
	if _, err := writer.CreateAccount(t.Context(), schemas.Account{}, "bob", []byte("key")); err != nil {
		t.Fatal(err)
	}
	if rows, err := reader.Accounts(t.Context()); err != nil || len(rows) != 2 {
		t.Errorf("Accounts() beside the writer = %v, %v, want 2", rows, err)
	}
	if _, err := reader.CreateAccount(t.Context(), schemas.Account{}, "carol", []byte("key")); err == nil {
		t.Error("CreateAccount() of a reader = nil, want an error")
	}
	for _, s := range []*sqlite.Store{reader, writer} {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
}

func TestAReaderRefusesAnOlderSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ozone.db")
	change(t, path, `CREATE TABLE other (x)`)
	refused(t, sqlite.Config{Path: path, ReadOnly: true}, "version 0", "start the node once")
}

func TestASweepKeepsTheLastPositionOfTheLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ozone.db")
	s := open(t, path)
	c, err := s.Claim(t.Context(), 1, "node")
	if err != nil {
		t.Fatal(err)
	}
	u := storage.Unit{Shard: 1, Epoch: c.Epoch}
	for n := range int64(3) {
		u.Events = append(u.Events, storage.EventRow{Ref: schemas.ServerID(1).Ref(), Sequence: n + 1, Shard: 1, Body: []byte("{}")})
	}
	if err := s.Commit(t.Context(), storage.Batch{Committer: "c", Number: 1, Units: []storage.Unit{u}}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), time.Now()); err != nil || n != 2 {
		t.Errorf("Sweep() = %d, %v, want 2 of 3 events gone", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var position int64
	if err := db.QueryRowContext(t.Context(), `SELECT min(position) FROM event`).Scan(&position); err != nil || position != 3 {
		t.Errorf("the first position is %d, %v, want 3", position, err)
	}
}

func TestACallerThatGivesUpStopsNobodyElse(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "ozone.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ctx, storage.Batch{Committer: "c", Number: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit() of an ended context = %v, want context.Canceled", err)
	}
	if _, err := s.Claim(ctx, 1, "node"); !errors.Is(err, context.Canceled) {
		t.Errorf("Claim() of an ended context = %v, want context.Canceled", err)
	}
	if err := s.Commit(t.Context(), storage.Batch{Committer: "c", Number: 1}); err != nil {
		t.Errorf("Commit() = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

// TestAStartClearsTheLogOfAKilledProcess opens what a process leaves that was killed before its log was ever copied.
func TestAStartClearsTheLogOfAKilledProcess(t *testing.T) {
	t.Parallel()
	from, to := filepath.Join(t.TempDir(), "ozone.db"), filepath.Join(t.TempDir(), "ozone.db")
	s := open(t, from)
	c, err := s.Claim(t.Context(), 1, "node")
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(11) { // much in few commits: as much as a small one counts for, it is below what begins a checkpoint
		u := storage.Unit{Shard: 1, Epoch: c.Epoch, Events: []storage.EventRow{{
			Ref: schemas.ServerID(1).Ref(), Sequence: n + 1, Shard: 1, Body: []byte(`"` + strings.Repeat("x", 700<<10) + `"`),
		}}}
		if err := s.Commit(t.Context(), storage.Batch{Committer: "c", Number: n + 1, Units: []storage.Unit{u}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, suffix := range []string{"", "-wal"} { // as the disk is when the process is killed
		data, err := os.ReadFile(from + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(to + "-wal")
	if err != nil || before.Size() < 8<<20 {
		t.Fatalf("the log has %d bytes, %v, want more than 8 MiB", before.Size(), err)
	}
	again := open(t, to)
	after, err := os.Stat(to + "-wal")
	if err != nil || after.Size() > 1<<20 {
		t.Errorf("the log has %d bytes after the start, %v, want it cleared", after.Size(), err)
	}
	if next, err := again.Claim(t.Context(), 1, "node"); err != nil || next.Epoch != c.Epoch+1 {
		t.Errorf("Claim() = epoch %d, %v, want %d", next.Epoch, err, c.Epoch+1)
	}
	if err := errors.Join(s.Close(), again.Close()); err != nil {
		t.Error(err)
	}
}
