package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/sqlite"
	"github.com/ozonecloud/ozone/storage/storagetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	at := func(t *testing.T, place string) storage.Store {
		t.Helper()
		return open(t, filepath.Join(place, "ozone.db"))
	}
	storagetest.Run(t, storagetest.Traits{At: at}, func(t *testing.T) storage.Store {
		t.Helper()
		return at(t, t.TempDir())
	})
}

func open(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), sqlite.Config{Path: path, Now: time.Now})
	if err != nil {
		tb.Fatalf("Open() = %v", err)
	}
	return s
}

func BenchmarkSQLite(b *testing.B) {
	storagetest.Benchmark(b, func(b *testing.B) storage.Store {
		b.Helper()
		return open(b, filepath.Join(b.TempDir(), "ozone.db"))
	})
}
