package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// openLimited is a store whose writing connection the test has too.
func openLimited(t *testing.T) (s *sqlstore.Store, limit func(pages int)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ozone.db")
	write, err := connect(t.Context(), path, 1, writerCache, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), write.DB, false); err != nil {
		t.Fatal(err)
	}
	read, err := connect(t.Context(), path, readers, readerCache, true)
	if err != nil {
		t.Fatal(err)
	}
	s, err = sqlstore.New(t.Context(), sqlstore.Config{Write: write, Read: read, Dialect: dialect{}, Now: time.Now, CachedObjects: 10})
	if err != nil {
		t.Fatal(err)
	}
	return s, func(pages int) {
		t.Helper()
		if _, err := write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	s, limit := openLimited(t)
	const account = 1001
	shard := schemas.ShardOf(account)
	c, err := s.Claim(t.Context(), shard, "node")
	if err != nil {
		t.Fatal(err)
	}
	batch := func(n int64) storage.Batch {
		return storage.Batch{Committer: "c", Number: n, Units: []storage.Unit{{Shard: shard, Epoch: c.Epoch, Snapshots: []storage.Snapshot{{
			Ref: schemas.ServerID(n).Ref(), Account: account, Shard: shard, Version: 1, State: []byte(`{}`),
			Rendered: []byte(strings.Repeat("x", 20_000)),
		}}}}}
	}
	limit(1) // as many as there are
	n := int64(1)
	for err = s.Commit(t.Context(), batch(n)); err == nil && n < 100; err = s.Commit(t.Context(), batch(n)) {
		n++
	}
	if err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Fatalf("Commit() on a full disk = %v, want it to say so", err)
	}
	if err := s.Commit(t.Context(), batch(n)); err == nil {
		t.Error("Commit() on a disk that is still full = nil")
	}
	if _, err := s.Object(t.Context(), schemas.ActorServer, account, n); err == nil {
		t.Errorf("Object() of a failed commit = nil")
	}
	limit(1 << 30)
	if err := s.Commit(t.Context(), batch(n)); err != nil {
		t.Fatalf("Commit() of the same batch once there is room = %v", err)
	}
	for id := range n {
		if _, err := s.Object(t.Context(), schemas.ActorServer, account, id+1); err != nil {
			t.Errorf("Object(%d) = %v", id+1, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}
