package outside_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// refuses starts a node that must not start, and checks what its last words say.
func refuses(t *testing.T, dir string, words []string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	all := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", dir}, args...)
	_, err := node.Run(ctx, nodetest.Binary(t), nil, all...)
	if err == nil || ctx.Err() != nil {
		t.Fatalf("the node started in %s with %v, or went on for ever: %v", dir, args, err)
	}
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		t.Fatal(err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v; want %q in it", err, w)
		}
	}
	if strings.Contains(err.Error(), "goroutine ") {
		t.Errorf("a stack instead of words: %v", err)
	}
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
	dir := smallDisk(t)
	n := nodetest.StartIn(t, dir)
	c := nodetest.Client(t, n, "full")
	load := newCreators(c)
	have := load.waitFor(t, 50)
	filler := fill(t, dir)
	<-time.After(3 * time.Second) // let the full disk last
	empty(t, filler)
	have = load.waitFor(t, have+50) // it goes on by itself
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
	load.waitFor(t, have+50)
	keys := load.stop()
	t.Logf("%d accepted, %d answers of another kind", len(keys), len(load.trouble))
	for key, operation := range keys {
		o, err := c.Await(t.Context(), operation)
		if err != nil || o.State != "succeeded" {
			t.Fatalf("operation %s of key %s: %+v, %v", operation, key, o, err)
		}
	}
	if list, err := c.Servers(t.Context()); err != nil || len(list) != len(keys) {
		t.Errorf("%d servers, %v, want one for each of %d keys", len(list), err, len(keys))
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

// creators create servers from several goroutines, each with a key of its own that is repeated until it is accepted.
type creators struct {
	client *client.Client
	end    context.CancelFunc
	done   sync.WaitGroup

	mu       sync.Mutex
	accepted map[string]string // operation by key; guarded by mu
	trouble  []string          // what else came; guarded by mu
}

func newCreators(c *client.Client) *creators {
	ctx, cancel := context.WithCancel(context.Background())
	l := &creators{client: c, end: cancel, accepted: map[string]string{}}
	for i := range 8 {
		l.done.Go(func() {
			for j := 0; ctx.Err() == nil; j++ {
				l.create(context.WithoutCancel(ctx), fmt.Sprintf("w%d-%d", i, j))
			}
		})
	}
	return l
}

// create repeats one create until it is accepted; it gives up after a minute.
func (l *creators) create(ctx context.Context, key string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		_, r, err := l.client.CreateServer(ctx, key, 1, 1, "Idempotency-Key", key)
		l.mu.Lock()
		if err == nil {
			l.accepted[key] = r.Operation()
			l.mu.Unlock()
			return
		}
		l.trouble = append(l.trouble, err.Error())
		l.mu.Unlock()
		<-time.After(50 * time.Millisecond)
	}
}

func (l *creators) waitFor(t *testing.T, n int) int {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		l.mu.Lock()
		have := len(l.accepted)
		l.mu.Unlock()
		if have >= n {
			return have
		}
		if time.Now().After(end) {
			t.Fatalf("%d creates accepted in a minute, want %d; trouble: %v", have, n, l.trouble)
		}
	}
}

func (l *creators) stop() map[string]string {
	l.end()
	l.done.Wait()
	return l.accepted
}
