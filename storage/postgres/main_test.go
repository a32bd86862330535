package postgres_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/postgres"
	"github.com/ozonecloud/ozone/storage/storagetest"
	"github.com/ozonecloud/ozone/tests/rig"
)

// sharedServer names the environment variable with the URL of the server for all tests that leave it alone. It is also
// for a test binary that a test starts, and can be set to try another server.
const sharedServer = "OZONE_TEST_POSTGRES"

func TestMain(m *testing.M) { os.Exit(runWithServer(m)) }

func runWithServer(m *testing.M) int {
	if os.Getenv(sharedServer) != "" {
		return m.Run()
	}
	p, err := rig.NewPostgres(context.Background())
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer p.Close()
	if err := os.Setenv(sharedServer, p.URL()); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// database is a new one on the shared server.
func database(tb testing.TB) string {
	tb.Helper()
	return rig.NewDatabase(tb, os.Getenv(sharedServer))
}

func open(tb testing.TB, url string) *postgres.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), postgres.Config{URL: url, Now: time.Now})
	if err != nil {
		tb.Fatalf("Open() = %v", err)
	}
	return s
}

func connect(tb testing.TB, url string) *sqlx.DB {
	tb.Helper()
	db, err := sqlx.Open("postgres", url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	at := func(t *testing.T, place string) storage.Store {
		t.Helper()
		note := filepath.Join(place, "url")
		if url, err := os.ReadFile(note); err == nil {
			alone(t, string(url))
			return open(t, string(url))
		}
		url := database(t)
		if err := os.WriteFile(note, []byte(url), 0o600); err != nil {
			t.Fatal(err)
		}
		return open(t, url)
	}
	storagetest.Run(t, storagetest.Traits{At: at}, func(t *testing.T) storage.Store {
		t.Helper()
		return open(t, database(t))
	})
}

// alone waits until the server has noticed the death of everybody else who used the database.
func alone(tb testing.TB, url string) {
	tb.Helper()
	db := connect(tb, url)
	until(tb, "the other sessions have ended", func() (bool, error) {
		var n int
		err := db.GetContext(tb.Context(), &n, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
		return n == 0, err
	})
}

// until polls what can only be polled: the server's own view.
func until(tb testing.TB, what string, is func() (bool, error)) {
	tb.Helper()
	const patience = 20 * time.Second
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		ok, err := is()
		if err != nil {
			tb.Fatal(err)
		}
		if ok {
			return
		}
		<-ticker.C
	}
	tb.Fatalf("waited %v in vain until %s", patience, what)
}

func BenchmarkPostgres(b *testing.B) {
	storagetest.Benchmark(b, func(b *testing.B) storage.Store {
		b.Helper()
		return open(b, database(b))
	})
}
