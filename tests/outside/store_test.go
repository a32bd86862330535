package outside_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// refuses starts a node that must not start, and checks what its last words say.
func refuses(t *testing.T, dir string, words []string, args ...string) {
	t.Helper()
	nodetest.Refuses(t, node.Config{Dir: dir, Args: args}, words...)
}

// used is a data directory with an account and a server in it, and no node.
func used(t *testing.T) string {
	t.Helper()
	n := nodetest.Start(t)
	c := nodetest.Client(t, n, "user")
	active(t, c, "kept")
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	return n.Dir()
}

func TestDamagedStoreIsRefusedInWords(t *testing.T) {
	dir := used(t)
	store := filepath.Join(dir, "ozone.db")
	good, err := os.ReadFile(store)
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) {
		t.Helper()
		for _, suffix := range []string{"-wal", "-shm"} {
			_ = os.Remove(store + suffix) // mostly gone already
		}
		if err := os.WriteFile(store, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte(strings.Repeat("this is no database ", 500)))
	refuses(t, dir, []string{store, "backup"})
	torn := append([]byte(nil), good...)
	for i := 8 << 10; i < len(torn); i += 4096 {
		copy(torn[i:], strings.Repeat("\xff", 2000))
	}
	write(torn)
	refuses(t, dir, []string{store, "damaged", "backup"})
	write(good[:len(good)/2])
	refuses(t, dir, []string{store, "backup"})
	write(good)
	nodetest.StartIn(t, dir)
}

func TestNewerStoreIsRefusedInWords(t *testing.T) {
	dir := used(t)
	store := filepath.Join(dir, "ozone.db")
	db, err := sql.Open("sqlite", store)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (999, 1, current_timestamp)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	refuses(t, dir, []string{store, "999", "newer"})
}

func TestSecondProcessIsRefusedInWords(t *testing.T) {
	n := nodetest.Start(t)
	c := nodetest.Client(t, n, "first")
	refuses(t, n.Dir(), []string{n.Dir(), "in use", fmt.Sprint(n.PID()), "--data"})
	active(t, c, "the first goes on")
}

func TestHostsOfADataDirectoryAreKnownToItsNodeOnly(t *testing.T) {
	n := nodetest.Start(t)
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Run(t.Context(), "host", "list", "--data", n.Dir()); err == nil {
		t.Error("host list without a node was answered")
	}
}

func TestOtherBadStartsAreRefusedInWords(t *testing.T) {
	n := nodetest.Start(t)
	address := strings.TrimPrefix(n.URL(), "http://")
	for _, x := range []struct {
		words []string
		args  []string
	}{
		{[]string{address, "--listen"}, []string{"--listen", address}},
		{[]string{"--insecure"}, []string{"--listen", "0.0.0.0:0"}},
		{[]string{"--demo"}, []string{"--listen", "0.0.0.0:0", "--insecure", "--demo"}},
		{[]string{"--bus"}, []string{"--bus", "pigeons"}},
		{[]string{"--store"}, []string{"--store", "drawer"}},
		{[]string{"--hosts"}, []string{"--hosts", "sim:0"}},
		{[]string{"--hosts"}, []string{"--hosts", "sim:x"}},
		{[]string{"--public-pool"}, []string{"--public-pool", "everything"}},
		{[]string{"--nonsense"}, []string{"--nonsense"}},
	} {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		refuses(t, dir, x.words, x.args...)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	refuses(t, open, []string{open, "chmod"})
	dir := used(t)
	if err := os.Remove(filepath.Join(dir, "secret.key")); err != nil {
		t.Fatal(err)
	}
	refuses(t, dir, []string{"secret.key", "--secret-key-file"})
}

// TestFullDiskLosesNothing fills the disk under a load twice: for a while, which is waited for, and until the node
// gives up and is started again. Everything that was accepted must be there.
func TestFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	n := nodetest.StartIn(t, dir)
	c := nodetest.Client(t, n, "full")
	load := nodetest.NewCreators(t, c, 8)
	load.More(t, 50)
	filler := fill(t, dir)
	<-time.After(3 * time.Second) // let the full disk last
	empty(t, filler)
	load.More(t, 50) // it goes on by itself
	filler = fill(t, dir)
	select {
	case <-n.Ended(): // after 10 s without a commit
	case <-time.After(time.Minute):
		t.Fatal("the node goes on although it cannot commit")
	}
	if !strings.Contains(n.Log(), "disk is full") {
		t.Error("the node did not say that the disk is full")
	}
	empty(t, filler)
	if _, err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	load.More(t, 50)
	made := load.Succeeded(t)
	if list, err := c.Servers(t.Context()); err != nil || len(list) != made {
		t.Errorf("%d servers, %v, want one for each of %d keys", len(list), err, made)
	}
	nodetest.Audit(t, n)
}

func empty(t *testing.T, filler string) {
	t.Helper()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
}

// smallDisk is a directory that can be filled. It needs the right to mount.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mount := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "none", dir)
	if out, err := mount.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("a small disk must be mounted here: %v %s", err, out)
		}
		t.Skipf("no right to mount a small disk: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// fill writes a file until the disk is full.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it is to be full, not whole
	for _, size := range []int{1 << 20, 4096, 1} {
		for block := make([]byte, size); ; {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
	}
	return path
}
