package postgres_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/tests/rig"
)

// countEvents is how many events of a server there are.
func countEvents(tb testing.TB, db *sqlx.DB, id schemas.ServerID) int {
	tb.Helper()
	var n int
	if err := db.GetContext(tb.Context(), &n, `SELECT count(*) FROM event WHERE kind = 'server' AND source = $1`, int64(id)); err != nil {
		tb.Fatal(err)
	}
	return n
}

// blockCommit makes every COMMIT that wrote an event wait for an advisory lock of the test's own.
const blockCommit = `
	CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_advisory_xact_lock_shared(77); RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION wait()`

func TestACommitWhoseConnectionIsCutIsWrittenOnce(t *testing.T) {
	t.Parallel()
	for _, cut := range []struct {
		name   string
		before bool // that the transaction has committed
	}{{"before it takes effect", true}, {"after it took effect", false}} {
		t.Run(cut.name, func(t *testing.T) {
			t.Parallel()
			url := database(t)
			s, db := open(t, url), connect(t, url)
			defer func() { _ = s.Close() }()
			epoch := claim(t, s, schemas.ShardOf(account))
			if _, err := db.ExecContext(t.Context(), blockCommit); err != nil {
				t.Fatal(err)
			}
			gate, err := db.Connx(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = gate.Close() }()
			for number := int64(1); number <= 2; number++ { // the first commit of a committer has no row to lock yet
				if _, err := gate.ExecContext(t.Context(), `SELECT pg_advisory_lock(77)`); err != nil {
					t.Fatal(err)
				}
				b := storage.Batch{Committer: "a", Number: number, Units: []storage.Unit{unit(epoch, 1, number)}}
				first := make(chan error, 1)
				go func() { first <- s.Commit(t.Context(), b) }()
				waitBlocked(t, db, 1) // in COMMIT
				var pid int
				if err := db.GetContext(t.Context(), &pid, `SELECT pid FROM pg_stat_activity
					WHERE datname = current_database() AND wait_event_type = 'Lock'`); err != nil {
					t.Fatal(err)
				}
				second := make(chan error, 1)
				if cut.before {
					if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend($1)`, pid); err != nil {
						t.Fatal(err)
					}
					if err := <-first; err == nil {
						t.Fatal("Commit() over a cut connection = nil, want an error")
					}
				} else {
					// What a client does whose connection was cut without the server's knowledge.
					go func() { second <- s.Commit(t.Context(), b) }()
					waitBlocked(t, db, 2)
				}
				if _, err := gate.ExecContext(t.Context(), `SELECT pg_advisory_unlock(77)`); err != nil {
					t.Fatal(err)
				}
				if cut.before {
					second <- s.Commit(t.Context(), b)
				} else if err := <-first; err != nil {
					t.Fatalf("Commit() = %v", err)
				}
				if err := <-second; err != nil {
					t.Fatalf("Commit() of the repetition = %v", err)
				}
				wantVersion(t, s, 1, number)
				if n := countEvents(t, db, 1); n != int(number) {
					t.Errorf("%d events after commit %d, want one each", n, number)
				}
			}
		})
	}
}

func TestAForgottenTransactionIsEndedForItsShardsNextOwner(t *testing.T) {
	t.Parallel()
	url := database(t)
	s := open(t, url)
	defer func() { _ = s.Close() }()
	stopped := connect(t, url+"&idle_in_transaction_session_timeout=500")
	shard := schemas.ShardOf(account)
	h := holdClaim(t, stopped, shard)
	claim(t, s, shard) // returns because the server has ended the other one's
	if err := h.tx.Commit(); err == nil {
		t.Error("Commit() of a forgotten transaction = nil, want an error")
	}
	var timeout string
	db := connect(t, url)
	if err := db.GetContext(t.Context(), &timeout, `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'ozone'`); err != nil || timeout == "0" {
		t.Errorf("%s sessions are named ozone, %v", timeout, err)
	}
}

func TestCommittersWithTheSameKeysInOppositeOrderMeetNoDeadlock(t *testing.T) {
	t.Parallel()
	url := database(t)
	const rounds, keys = 60, 30
	var wg sync.WaitGroup
	for c := range 2 {
		s := open(t, url)
		defer func() { _ = s.Close() }()
		shard := schemas.Shard(c)
		u := storage.Unit{Shard: shard, Epoch: claim(t, s, shard)}
		wg.Go(func() {
			for n := range rounds {
				u.Keys, u.Addresses, u.Reservations = nil, nil, nil
				for k := range keys {
					if c == 1 {
						k = keys - 1 - k
					}
					u.Keys = append(u.Keys, storage.Key{Account: account, Hash: []byte{byte(k)}, Operation: "o", Expires: time.Unix(1, 0)})
					u.Addresses = append(u.Addresses, schemas.Address{IP: fmt.Sprintf("198.18.0.%d", k), Cluster: 1})
				}
				if err := s.Commit(t.Context(), storage.Batch{Committer: fmt.Sprint(c), Number: int64(n + 1), Units: []storage.Unit{u}}); err != nil {
					t.Errorf("Commit() = %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func TestOneRowThatTheServerRefusesHarmsOneUnit(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	// A rule of the server's own, that no check of the program knows.
	if _, err := db.ExecContext(t.Context(), `ALTER TABLE server ADD CHECK (id <> 3)`); err != nil {
		t.Fatal(err)
	}
	epoch := claim(t, s, schemas.ShardOf(account))
	var units []storage.Unit
	for id := range schemas.ServerID(5) {
		units = append(units, unit(epoch, id, 1))
	}
	long := "" // too much for an index, and random, so that it cannot be compressed
	for range 400 {
		long += rand.Text()
	}
	for name, spoil := range map[string]func(u *storage.Unit){
		"class 23": func(*storage.Unit) {},
		"class 22": func(u *storage.Unit) { u.Snapshots[0].Parent = 1 << 62; u.Snapshots[0].Ref.ID = 9 },
		"class 54": func(u *storage.Unit) {
			u.Snapshots[0].Ref.ID = 9
			u.Outbox = []storage.OutboxRow{{ID: long}}
		},
	} {
		if name == "class 22" {
			if _, err := db.ExecContext(t.Context(), `ALTER TABLE server ADD COLUMN sum INT GENERATED ALWAYS AS (CAST(parent AS INT)) STORED`); err != nil {
				t.Fatal(err)
			}
		}
		bad := unit(epoch, 3, 1)
		spoil(&bad)
		units[3] = bad
		err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 1, Units: units})
		if e, ok := err.(*storage.BadUnitError); !ok || e.Unit != 3 { //nolint:errorlint // it comes as it is
			t.Errorf("%s: Commit() = %v, want a BadUnitError of unit 3", name, err)
		}
		if name == "class 22" {
			if _, err := db.ExecContext(t.Context(), `ALTER TABLE server DROP COLUMN sum`); err != nil {
				t.Fatal(err)
			}
		}
	}
	units = append(units[:3], units[4])
	if err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 1, Units: units}); err != nil {
		t.Fatalf("Commit() without the bad unit = %v", err)
	}
	wantVersion(t, s, 4, 1)
}

func TestAKilledServerHasEveryCommitThatReturned(t *testing.T) {
	t.Parallel()
	p := rig.StartPostgres(t)
	url := p.Database(t)
	s := open(t, url)
	defer func() { _ = s.Close() }()
	epoch := claim(t, s, schemas.ShardOf(account))
	const kills, between, patience = 3, 40, time.Minute
	number, repeated := int64(0), 0
	for range kills {
		returned := make(chan int64, 1)
		done := make(chan struct{})
		go func() { // ends with done
			defer close(returned)
			for last := time.Now(); ; {
				b := storage.Batch{Committer: "a", Number: number + 1, Units: []storage.Unit{unit(epoch, 1, number+1)}}
				err := s.Commit(t.Context(), b)
				if err == nil {
					number++
					last = time.Now()
					select {
					case returned <- number:
					default:
					}
				} else if errors.Is(err, storage.ErrClosed) {
					return // the test has failed
				} else if repeated++; time.Since(last) > patience {
					t.Errorf("Commit(%d) = %v, for ever", b.Number, err)
					return
				}
				select {
				case <-done:
					if err == nil {
						return
					}
				default:
				}
			}
		}()
		for first := <-returned; <-returned < first+between; {
			if t.Failed() {
				return
			}
		}
		p.Kill9()
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		close(done)
		for range returned { // until the committer has ended
		}
		wantVersion(t, s, 1, number)
		if n := countEvents(t, connect(t, url), 1); n != int(number) {
			t.Errorf("%d events, want %d: each commit once", n, number)
		}
	}
	if repeated == 0 {
		t.Error("no commit failed: the server was not killed under commits")
	}
	t.Logf("%d commits, %d tries that failed", number, repeated)
}
