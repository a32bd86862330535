package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

func TestReadsOfEveryProcessSeeWhatOneHasCommitted(t *testing.T) {
	t.Parallel()
	url := database(t)
	writer := open(t, url)
	defer func() { _ = writer.Close() }()
	epoch := claim(t, writer, schemas.ShardOf(account))
	const servers, commits, readers = 4, 150, 8
	commit := func(number int64) {
		u := unit(epoch, 1, number)
		for id := schemas.ServerID(2); id <= servers; id++ {
			u.Snapshots = append(u.Snapshots, unit(epoch, id, number).Snapshots...)
		}
		if err := writer.Commit(t.Context(), storage.Batch{Committer: "a", Number: number, Units: []storage.Unit{u}}); err != nil {
			t.Errorf("Commit() = %v", err)
		}
	}
	commit(1)
	var committed atomic.Int64
	committed.Store(1)
	var wg sync.WaitGroup
	for range 2 {
		reader := open(t, url)
		defer func() { _ = reader.Close() }()
		for n := range readers {
			wg.Go(func() {
				for least := int64(0); least < commits && !t.Failed(); {
					least = committed.Load()
					wantAtLeast(t, reader, schemas.ServerID(1+n%servers), least)
				}
			})
		}
	}
	for number := int64(2); number <= commits && !t.Failed(); number++ {
		commit(number)
		committed.Store(number)
	}
	wg.Wait()
}

// lockServers makes every read of a server wait until the transaction ends.
func lockServers(t *testing.T, db *sqlx.DB) *sqlx.Tx {
	t.Helper()
	tx, err := db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `LOCK TABLE server IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestReadsThatWaitTakeFewConnections(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	epoch := claim(t, s, schemas.ShardOf(account))
	const servers, statements = 40, 2
	u := unit(epoch, 1, 1)
	for id := schemas.ServerID(2); id <= servers; id++ {
		u.Snapshots = append(u.Snapshots, unit(epoch, id, 1).Snapshots...)
	}
	if err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 1, Units: []storage.Unit{u}}); err != nil {
		t.Fatal(err)
	}
	wantVersion(t, s, 1, 1) // prepares the statement
	tx := lockServers(t, db)
	var wg sync.WaitGroup
	impatient, leave := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := s.Object(impatient, schemas.ActorServer, account, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Object() of who left = %v", err)
		}
	})
	waitBlocked(t, db, 1)
	leave()
	wg.Wait()             // although the table is locked
	waitBlocked(t, db, 0) // the server was told
	for id := range schemas.ServerID(servers) {
		wg.Go(func() { wantVersion(t, s, id+1, 1) })
	}
	waitBlocked(t, db, statements)
	if _, err := s.Operation(t.Context(), account, "o"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Operation() beside reads of servers that wait = %v, want ErrNotFound", err)
	}
	waitBlocked(t, db, statements)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
}

// TestGatheredReadsUseAnIndexOfATableThatHasGrown: plans are kept, and the first one is made for an empty table.
func TestGatheredReadsUseAnIndexOfATableThatHasGrown(t *testing.T) {
	t.Parallel()
	url := database(t)
	if err := open(t, url).Close(); err != nil { // the schema's indexes read the table too
		t.Fatal(err)
	}
	db := connect(t, url)
	scans := func(reads int) (n int) {
		until(t, "the server has counted", func() (bool, error) {
			var byIndex int
			err := db.QueryRowxContext(t.Context(), `SELECT seq_scan, coalesce(idx_scan, 0) FROM pg_stat_user_tables
				WHERE relname = 'server'`).Scan(&n, &byIndex)
			return n+byIndex >= reads, err
		})
		return n
	}
	before := scans(1)
	s := open(t, url)
	defer func() { _ = s.Close() }()
	wantVersion(t, s, 1, 0)
	if _, err := db.ExecContext(t.Context(), `INSERT INTO server (id, account, shard, epoch, version, v, name, parent, status, state,
		rendered, created, updated) SELECT n, 1001, 1, 1, 1, 1, 'n', 0, 'ACTIVE', '{}', '{"version":1}', 0, 0 FROM generate_series(1, 2000) AS n`); err != nil {
		t.Fatal(err)
	}
	wantVersion(t, s, 1, 1)
	if err := s.Close(); err != nil { // sessions tell what they counted when they end
		t.Fatal(err)
	}
	if n := scans(before + 2); n != before {
		t.Errorf("the whole table was read %d times", n-before)
	}
}

func wantAtLeast(t *testing.T, s storage.Reader, id schemas.ServerID, least int64) {
	t.Helper()
	o, err := s.Object(t.Context(), schemas.ActorServer, account, int64(id))
	if err != nil {
		t.Errorf("Object(%d) = %v", id, err)
		return
	}
	var version int64
	if _, err := fmt.Sscanf(string(o.Rendered), `{"version":%d}`, &version); err != nil || version < least {
		t.Errorf("Object(%d) = %s, %v, after version %d was committed", id, o.Rendered, err, least)
	}
}
