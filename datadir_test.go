package ozone

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

func TestASecondProcessIsToldWhoHasTheDirectory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "data")
	first := mustOpen(t, path)
	_, err := openDir(path)
	busy, ok := errors.AsType[*InUseError](err)
	if !ok || busy.PID != strconv.Itoa(os.Getpid()) || !strings.Contains(err.Error(), "--data") {
		t.Fatalf("openDir() = %v, want an InUseError with this process and a way out", err)
	}
	if err := first.Close(); err != nil {
		t.Fatalf("Close() = %v, want nil", err)
	}
	if err := mustOpen(t, path).Close(); err != nil {
		t.Fatalf("Close() = %v, want nil", err)
	}
}

func TestADirectoryThatOthersWriteIsRefused(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := openDir(path); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("openDir() = %v, want an error that says what to do", err)
	}
}

func TestTheSecretKeyIsMadeOnceForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := mustOpen(t, filepath.Join(t.TempDir(), "data"))
	first, err := dir.secret("", true)
	if err != nil {
		t.Fatalf("secret() = %v, want a sealer", err)
	}
	info, err := os.Stat(dir.file(secretFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("Stat() = %v, %v, want mode 0600", info.Mode(), err)
	}
	sealed, err := first.Seal("op", schemas.Payload{PasswordHash: "hash"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := dir.secret("", true)
	if err != nil {
		t.Fatalf("secret() = %v, want a sealer", err)
	}
	if p, err := second.Open("op", sealed); err != nil || p.PasswordHash != "hash" {
		t.Errorf("Open() = %v, %v, want what was sealed", p, err)
	}
}

func TestAStoreWithoutItsSecretKeyIsRefused(t *testing.T) {
	t.Parallel()
	dir := mustOpen(t, filepath.Join(t.TempDir(), "data"))
	write(t, dir.file(storeFile), "")
	if _, err := dir.secret("", true); err == nil || !strings.Contains(err.Error(), "put the file back") {
		t.Errorf("secret() = %v, want an error that says what to do", err)
	}
}

func TestADamagedSecretKeyIsRefused(t *testing.T) {
	t.Parallel()
	dir := mustOpen(t, filepath.Join(t.TempDir(), "data"))
	for _, text := range []string{"", "abcd\n", strings.Repeat("z", 64)} {
		path := dir.file("operators.key")
		write(t, path, text)
		if _, err := dir.secret(path, true); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("secret() with %q = %v, want an error that names the file", text, err)
		}
	}
}

func TestASocketPathThatIsTooLongIsExplained(t *testing.T) {
	t.Parallel()
	if _, err := socketPath("/" + strings.Repeat("x", 200)); err == nil || !strings.Contains(err.Error(), "shorter --data") {
		t.Errorf("socketPath() = %v, want an error that says what to do", err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(here, strings.Repeat("x", 90))
	if path, err := socketPath(long); err != nil || len(path) > maxSocketPath {
		t.Errorf("socketPath(%q) = %q, %v, want a relative one", long, path, err)
	}
}

func TestInventoriesAreComparedWithRows(t *testing.T) {
	t.Parallel()
	report := storage.Report{
		Checked: map[string]int64{},
		Copies: []schemas.Reservation{
			{Host: 1, Server: 10, Copy: 1}, {Host: 1, Server: 11, Copy: 1}, {Host: 2, Server: 12, Copy: 2},
		},
	}
	broken := compare(&report, map[schemas.HostID][]hosts.Machine{
		1: {{Server: 10, Copy: 1}, {Server: 99, Copy: 1}},
		2: {{Server: 12, Copy: 2}, {Server: 11, Copy: 1}},
	}, true)
	want := []string{
		"copy 1 of server 11 on host 1 is reserved and not there",
		"copy 1 of server 11 on host 2 is there and no row names it",
		"copy 1 of server 99 on host 1 is there and no row names it",
	}
	if len(broken) != len(want) || report.Checked[LawInventory] != 3 {
		t.Fatalf("compare() found %v in %d rows, want %q in 3", broken, report.Checked[LawInventory], want)
	}
	for i, v := range broken {
		if v.Law != LawInventory || v.What != want[i] {
			t.Errorf("violation %d = %v, want %q", i, v, want[i])
		}
	}
}

func TestOnlyHostsWhoseMachinesAreHereAreCompared(t *testing.T) {
	t.Parallel()
	report := storage.Report{Checked: map[string]int64{}, Copies: []schemas.Reservation{{Host: 1, Server: 10}, {Host: 2, Server: 11}}}
	here := map[schemas.HostID][]hosts.Machine{2: nil} // it has lost them
	if broken := compare(&report, here, false); len(broken) != 1 || report.Checked[LawInventory] != 1 {
		t.Errorf("compare() found %v in %d rows, want server 11 in 1", broken, report.Checked[LawInventory])
	}
	if broken := compare(&report, here, true); len(broken) != 2 {
		t.Errorf("compare() of all hosts found %v, want both", broken)
	}
}

func mustOpen(t *testing.T, path string) *dataDir {
	t.Helper()
	dir, err := openDir(path)
	if err != nil {
		t.Fatalf("openDir(%q) = %v, want nil", path, err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheMarkOfASharedStoreIsKept(t *testing.T) {
	t.Parallel()
	dir, err := openDir(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	if got := dir.mark(); got != "" {
		t.Errorf("mark() of a new directory = %q, want none", got)
	}
	if err := writeWhole(dir.file(markFile), "abc 0/1F\n"); err != nil {
		t.Fatal(err)
	}
	if got := dir.mark(); got != "abc 0/1F" {
		t.Errorf("mark() = %q, want what was written", got)
	}
}
