package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	account schemas.AccountID = 1001
	// lockClass is the first half of the key of a shard's advisory lock.
	lockClass = 0x4f7a
)

// held is a claim by a connection of the test's own, held open between its lock and its new epoch.
type held struct {
	tb    testing.TB
	tx    *sqlx.Tx
	shard schemas.Shard
}

func holdClaim(tb testing.TB, db *sqlx.DB, shard schemas.Shard) *held {
	tb.Helper()
	tx, err := db.BeginTxx(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := tx.ExecContext(tb.Context(), `SELECT pg_advisory_xact_lock($1, $2)`, lockClass, int(shard)); err != nil {
		tb.Fatal(err)
	}
	return &held{tb, tx, shard}
}

// finish raises the epoch and commits.
func (h *held) finish() {
	h.tb.Helper()
	if _, err := h.tx.ExecContext(h.tb.Context(), `UPDATE shard SET epoch = epoch + 1 WHERE id = $1`, int(h.shard)); err != nil {
		h.tb.Fatal(err)
	}
	if err := h.tx.Commit(); err != nil {
		h.tb.Fatal(err)
	}
}

// waitBlocked returns when n sessions of the database wait for a lock.
func waitBlocked(tb testing.TB, db *sqlx.DB, n int) {
	tb.Helper()
	until(tb, fmt.Sprintf("%d sessions wait for a lock", n), func() (bool, error) {
		var waiting int
		err := db.GetContext(tb.Context(), &waiting,
			`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
		return waiting == n, err
	})
}

func claim(tb testing.TB, s storage.Store, shard schemas.Shard) schemas.Epoch {
	tb.Helper()
	c, err := s.Claim(tb.Context(), shard, "node")
	if err != nil {
		tb.Fatalf("Claim() = %v", err)
	}
	return c.Epoch
}

// unit changes a server of account to version.
func unit(epoch schemas.Epoch, id schemas.ServerID, version int64) storage.Unit {
	shard, now := schemas.ShardOf(account), time.Unix(1_800_000_000, 0)
	return storage.Unit{
		Shard: shard, Epoch: epoch,
		Snapshots: []storage.Snapshot{{
			Ref: id.Ref(), Account: account, Shard: shard, Epoch: epoch, Version: version, V: 1, State: []byte("{}"),
			Rendered: fmt.Appendf(nil, `{"version":%d}`, version), Created: now, Updated: now,
		}},
		Events: []storage.EventRow{{
			Ref: id.Ref(), Sequence: version, Account: account, Shard: shard, Type: "x", Time: now, Body: []byte("{}"),
		}},
	}
}

func wantVersion(tb testing.TB, s storage.Store, id schemas.ServerID, version int64) {
	tb.Helper()
	o, err := s.Object(tb.Context(), schemas.ActorServer, account, int64(id))
	if version == 0 {
		if !errors.Is(err, storage.ErrNotFound) {
			tb.Errorf("Object(%d) = %s, %v, want ErrNotFound", id, o.Rendered, err)
		}
		return
	}
	if want := fmt.Sprintf(`{"version":%d}`, version); err != nil || string(o.Rendered) != want {
		tb.Errorf("Object(%d) = %s, %v, want %s", id, o.Rendered, err, want)
	}
}

func TestALateWriterIsFencedByAClaimItWaitedFor(t *testing.T) {
	t.Parallel()
	url := database(t)
	zombie, db := open(t, url), connect(t, url)
	defer func() { _ = zombie.Close() }()
	shard := schemas.ShardOf(account)
	epoch := claim(t, zombie, shard)
	commit := func(number int64, u storage.Unit) error {
		return zombie.Commit(t.Context(), storage.Batch{Committer: "zombie", Number: number, Units: []storage.Unit{u}})
	}
	if err := commit(1, unit(epoch, 2, 1)); err != nil { // the late one shall not have to make its day's tables and come again
		t.Fatal(err)
	}
	h := holdClaim(t, db, shard)
	result := make(chan error, 1)
	go func() { result <- commit(2, unit(epoch, 1, 1)) }()
	waitBlocked(t, db, 1)
	h.finish()
	err := <-result
	if fenced, ok := errors.AsType[*storage.FencedError](err); !ok || !slices.Equal(fenced.Shards, []schemas.Shard{shard}) {
		t.Fatalf("Commit() = %v, want a FencedError of shard %d", err, shard)
	}
	wantVersion(t, zombie, 1, 0)
	if _, err := zombie.LeaseIDs(t.Context(), shard, epoch, schemas.ActorServer); err == nil {
		t.Error("LeaseIDs(old epoch) = nil, want a FencedError")
	}
}

// This is why the fence is two statements in READ COMMITTED: each other way compares with a state from before the wait.
func TestAFenceInOneStatementLetsALateWriterThrough(t *testing.T) {
	t.Parallel()
	const (
		lock    = `SELECT pg_advisory_xact_lock_shared($1, $2)`
		compare = `SELECT epoch FROM shard WHERE id = $1`
		both    = `SELECT epoch FROM shard, (SELECT pg_advisory_xact_lock_shared($2, $1)) AS locked WHERE id = $1`
	)
	shard := schemas.ShardOf(account)
	for name, c := range map[string]struct {
		begin   string
		fence   func(tx *sqlx.Tx, epoch *schemas.Epoch) error
		planted bool // is fooled
	}{
		"two statements in READ COMMITTED": {"READ COMMITTED", func(tx *sqlx.Tx, epoch *schemas.Epoch) error {
			if _, err := tx.ExecContext(t.Context(), lock, lockClass, int(shard)); err != nil {
				return err
			}
			return tx.GetContext(t.Context(), epoch, compare, int(shard))
		}, false},
		"one statement": {"READ COMMITTED", func(tx *sqlx.Tx, epoch *schemas.Epoch) error {
			return tx.GetContext(t.Context(), epoch, both, int(shard), lockClass)
		}, true},
		"two statements in REPEATABLE READ": {"REPEATABLE READ", func(tx *sqlx.Tx, epoch *schemas.Epoch) error {
			if _, err := tx.ExecContext(t.Context(), lock, lockClass, int(shard)); err != nil {
				return err
			}
			return tx.GetContext(t.Context(), epoch, compare, int(shard))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database(t)
			s, db := open(t, url), connect(t, url)
			defer func() { _ = s.Close() }()
			mine := claim(t, s, shard)
			h := holdClaim(t, db, shard)
			seen := make(chan schemas.Epoch, 1)
			go func() {
				defer close(seen)
				tx, err := db.BeginTxx(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = tx.Rollback() }()
				if _, err := tx.ExecContext(t.Context(), "SET TRANSACTION ISOLATION LEVEL "+c.begin); err != nil {
					t.Error(err)
				}
				var epoch schemas.Epoch
				if err := c.fence(tx, &epoch); err != nil {
					t.Error(err)
				}
				seen <- epoch
			}()
			waitBlocked(t, db, 1)
			h.finish()
			if fooled := <-seen == mine; fooled != c.planted {
				t.Errorf("the late writer got past the fence: %t, want %t", fooled, c.planted)
			}
		})
	}
}

func TestAClaimWaitsForACommitUnderWay(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	shard := schemas.ShardOf(account)
	epoch := claim(t, s, shard)
	// A commit that has passed the fence: it waits for a row that the test holds.
	if err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 1, Units: []storage.Unit{unit(epoch, 1, 1)}}); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `SELECT 1 FROM server WHERE id = 1 FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	committed, claimed := make(chan error, 1), make(chan storage.Claim, 1)
	second := unit(epoch, 1, 2)
	second.Snapshots[0].WakeAt = time.Unix(1_900_000_000, 0)
	go func() {
		committed <- s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 2, Units: []storage.Unit{second}})
	}()
	waitBlocked(t, db, 1)
	go func() {
		c, err := s.Claim(t.Context(), shard, "another")
		if err != nil {
			t.Error(err)
		}
		claimed <- c
	}()
	waitBlocked(t, db, 2)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-committed; err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	c := <-claimed
	if c.Epoch != epoch+1 || len(c.Snapshots) != 1 || c.Snapshots[0].Version != 2 {
		t.Errorf("Claim() = epoch %d, snapshots %+v, want epoch %d and version 2, which was committed before", c.Epoch, c.Snapshots, epoch+1)
	}
}
