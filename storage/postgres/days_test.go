package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// operationAt is an operation whose id was made at a time.
func operationAt(at time.Time, state schemas.OperationState) storage.OperationRow {
	ms := fmt.Sprintf("%012x", at.UnixMilli())
	id := schemas.OperationID(ms[:8] + "-" + ms[8:] + "-7000-8000-000000000000")
	return storage.OperationRow{
		Operation: schemas.Operation{ID: id, Account: account, Action: schemas.ServerReboot, State: state, Created: at, Updated: at},
		Shard:     schemas.ShardOf(account),
	}
}

// eventAt is event n of server 1, at a time.
func eventAt(at time.Time, n int64) storage.EventRow {
	return storage.EventRow{
		Ref: schemas.ServerID(1).Ref(), Sequence: n, Account: account, Shard: schemas.ShardOf(account), Type: "x", Time: at, Body: []byte("{}"),
	}
}

// days is what parts a table has, by their names without the table's.
func days(tb testing.TB, db *sqlx.DB, table string) []string {
	tb.Helper()
	var names []string
	const query = `SELECT replace(inhrelid::regclass::TEXT, $1 || '_', '') FROM pg_inherits WHERE inhparent = to_regclass($1) ORDER BY 1`
	if err := db.SelectContext(tb.Context(), &names, query, table); err != nil {
		tb.Fatal(err)
	}
	return names
}

func TestRowsOfAnyDayAreStored(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	u := storage.Unit{Shard: schemas.ShardOf(account), Epoch: claim(t, s, schemas.ShardOf(account))}
	for i, at := range []time.Time{time.Unix(0, 0), time.Date(2024, 2, 29, 23, 59, 59, 999e6, time.UTC), time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)} {
		u.Operations = append(u.Operations, operationAt(at, schemas.OperationRunning))
		u.Events = append(u.Events, eventAt(at, int64(i+1)))
	}
	if err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 1, Units: []storage.Unit{u}}); err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	for _, o := range u.Operations {
		if got, err := s.Operation(t.Context(), account, o.ID); err != nil || got.ID != o.ID {
			t.Errorf("Operation(%s) = %v, %v, want it", o.ID, got.ID, err)
		}
	}
	for _, table := range []string{"operation", "event"} {
		if got, want := days(t, db, table), []string{"19700101", "20240229", "20240301"}; !slices.Equal(got, want) {
			t.Errorf("%s has the parts %v, want %v", table, got, want)
		}
	}
	odd := storage.Unit{Shard: u.Shard, Epoch: u.Epoch, Operations: []storage.OperationRow{operationAt(time.Now(), schemas.OperationRunning)}}
	odd.Operations[0].ID = "no UUIDv7"
	err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 2, Units: []storage.Unit{odd}})
	if _, ok := errors.AsType[*storage.BadUnitError](err); !ok {
		t.Errorf("Commit(an id without a day) = %v, want a BadUnitError", err)
	}
}

func TestOldDaysAreDropped(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	epoch := claim(t, s, schemas.ShardOf(account))
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	late := operationAt(ago(33), schemas.OperationFailed)
	late.Updated = ago(29) // it took its time
	u := storage.Unit{
		Shard: schemas.ShardOf(account), Epoch: epoch,
		Operations: []storage.OperationRow{
			operationAt(ago(40), schemas.OperationRunning), operationAt(ago(35), schemas.OperationSucceeded), late,
			operationAt(ago(30), schemas.OperationSucceeded), operationAt(ago(1), schemas.OperationSucceeded),
		},
		Events: []storage.EventRow{eventAt(ago(40), 1), eventAt(ago(15), 2), eventAt(ago(14), 3), eventAt(now, 4)},
	}
	if err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 1, Units: []storage.Unit{u}}); err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	if n, err := s.Sweep(t.Context(), now); err != nil || n != 3 {
		t.Errorf("Sweep() = %d, %v, want 3 rows dropped", n, err)
	}
	ahead := []string{"20261125", "20261126", "20261127"}
	for table, want := range map[string][]string{
		"operation": {"20261016", "20261023", "20261026", "20261124"},
		"event":     {"20261111"},
	} {
		if got := days(t, db, table); !slices.Equal(got, append(want, ahead...)) {
			t.Errorf("%s has the parts %v, want %v and %v", table, got, want, ahead)
		}
	}
	// What was dropped may come again.
	u.Events = nil
	u.Operations = []storage.OperationRow{operationAt(ago(40), schemas.OperationSucceeded), operationAt(ago(35), schemas.OperationRunning)}
	if err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 2, Units: []storage.Unit{u}}); err != nil {
		t.Errorf("Commit(an operation of a day that was dropped) = %v", err)
	}
	if n, err := s.Sweep(t.Context(), now); err != nil || n != 1 {
		t.Errorf("Sweep() = %d, %v, want the operation that ended since to be dropped", n, err)
	}
	if _, err := s.Operation(t.Context(), account, u.Operations[1].ID); err != nil {
		t.Errorf("Operation(unfinished) = %v, want it", err)
	}
}

// TestASweepStopsNobody holds a long reader against it, as an audit is.
func TestASweepStopsNobody(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	u := storage.Unit{Shard: schemas.ShardOf(account), Epoch: claim(t, s, schemas.ShardOf(account))}
	now := time.Now()
	commit := func(number int64, at time.Time) {
		t.Helper()
		u.Operations = []storage.OperationRow{operationAt(at, schemas.OperationSucceeded)}
		if err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: number, Units: []storage.Unit{u}}); err != nil {
			t.Fatalf("Commit() = %v", err)
		}
	}
	commit(1, now.AddDate(0, 0, -40))
	reader, err := db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.GetContext(t.Context(), &n, `SELECT count(*) FROM operation`); err != nil || n != 1 {
		t.Fatalf("the reader sees %d operations, %v, want 1", n, err)
	}
	swept := make(chan error, 1)
	go func() {
		_, err := s.Sweep(t.Context(), now)
		swept <- err
	}()
	waitBlocked(t, db, 1)
	commit(2, now)
	commit(3, now.AddDate(0, 0, 100)) // a part is made meanwhile
	if _, err := s.Operation(t.Context(), account, u.Operations[0].ID); err != nil {
		t.Errorf("Operation() beside a sweep = %v", err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-swept; err != nil {
		t.Errorf("Sweep() = %v", err)
	}
	if got := days(t, db, "operation"); slices.Contains(got, now.AddDate(0, 0, -40).UTC().Format("20060102")) {
		t.Errorf("operation has the parts %v, want the old one dropped", got)
	}
}

func TestASweepThatWasCutOffIsFinished(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	at := time.Now().AddDate(0, 0, -40)
	u := storage.Unit{
		Shard: schemas.ShardOf(account), Epoch: claim(t, s, schemas.ShardOf(account)),
		Operations: []storage.OperationRow{operationAt(at, schemas.OperationSucceeded)}, Events: []storage.EventRow{eventAt(at, 1)},
	}
	if err := s.Commit(t.Context(), storage.Batch{Committer: "a", Number: 1, Units: []storage.Unit{u}}); err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	date := at.UTC().Format("20060102")
	exec(t, url, `ALTER TABLE event DETACH PARTITION event_`+date) // and the process died
	if n, err := s.Sweep(t.Context(), time.Now()); err != nil || n != 2 {
		t.Errorf("Sweep() = %d, %v, want 2 rows dropped", n, err)
	}
	var left int
	if err := db.GetContext(t.Context(), &left, `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ $1`, date); err != nil || left != 0 {
		t.Errorf("%d tables of %s are left, %v, want none", left, date, err)
	}
}

// TestALookupOpensOneDay reads the plans: with every day in them each read would cost more with each day that is kept.
func TestALookupOpensOneDay(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	now := time.Now()
	if _, err := s.Sweep(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	conn, err := db.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	id := string(operationAt(now, schemas.OperationRunning).ID)
	for name, statements := range map[string][]string{
		"one": {
			`PREPARE one (BIGINT, TEXT) AS SELECT doc FROM operation WHERE account = $1 AND id = $2`,
			`EXPLAIN EXECUTE one (1001, '` + id + `')`,
		},
		"many": {
			`PREPARE many (BIGINT[], TEXT[], TEXT, TEXT) AS SELECT found.* FROM unnest($1, $2) AS new (account, id) CROSS JOIN LATERAL
				(SELECT doc FROM operation WHERE account = new.account AND id = new.id AND id BETWEEN $3 AND $4 LIMIT 1) AS found`,
			`EXPLAIN EXECUTE many ('{1001}', '{` + id + `}', '` + id + `', '` + id + `')`,
		},
	} {
		if _, err := conn.ExecContext(t.Context(), `SET plan_cache_mode = force_generic_plan`); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), statements[0]); err != nil {
			t.Fatal(err)
		}
		var plan []string
		if err := conn.SelectContext(t.Context(), &plan, statements[1]); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		if n := strings.Count(text, "Index Scan using operation_"); n != 1 {
			t.Errorf("the plan of %q opens %d days, want 1:\n%s", name, n, text)
		}
	}
}
