package rig_test

import (
	"database/sql"
	"testing"

	"github.com/ozonecloud/ozone/tests/rig"
)

func TestPostgresKeepsWhatItHasThroughAKillAndAStop(t *testing.T) {
	t.Parallel()
	p := rig.StartPostgres(t)
	db, err := sql.Open("postgres", p.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE t (n INT)`); err != nil {
		t.Fatal(err)
	}
	for i, end := range []func(){p.Kill9, p.Stop} {
		if _, err := db.ExecContext(t.Context(), `INSERT INTO t VALUES (1)`); err != nil {
			t.Fatal(err)
		}
		end()
		if err := db.PingContext(t.Context()); err == nil {
			t.Error("Ping() of a dead server = nil, want an error")
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM t`).Scan(&n); err != nil || n != i+1 {
			t.Errorf("after the end %d rows are there, %v, want %d", n, err, i+1)
		}
	}
}
