package ozone

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/sqlite"
)

func TestNumbersOfHostsAreLeasedOnceAndKept(t *testing.T) {
	t.Parallel()
	store := openSQLite(t)
	one, other := mustOpen(t, t.TempDir()+"/one"), mustOpen(t, t.TempDir()+"/other")
	for _, c := range []struct {
		dir   *dataDir
		store storage.Store
		hosts string
		want  []schemas.HostID
	}{
		{one, store, "sim:3", []schemas.HostID{1, 2, 3}},
		{other, store, "sim:2", []schemas.HostID{4, 5}},
		{one, store, "sim:3", []schemas.HostID{1, 2, 3}},
		{one, store, "sim:4", []schemas.HostID{1, 2, 3, 6}},
		{one, store, "sim:2", []schemas.HostID{1, 2}},
		{one, nil, "sim:4", []schemas.HostID{1, 2, 3, 6}},
		{one, nil, "sim:70-72", []schemas.HostID{70, 71, 72}},
		{other, store, "sim:3", []schemas.HostID{4, 5, 7}},
	} {
		n := &Node{cfg: Config{Hosts: c.hosts}, dir: c.dir, store: c.store}
		if got, err := n.hostNumbers(t.Context()); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("hostNumbers() with %s in %s = %v, %v, want %v", c.hosts, c.dir.path, got, err, c.want)
		}
	}
	info, err := os.Stat(one.file(numbersFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s = %v, %v, want mode 0600", numbersFile, info, err)
	}
	n := &Node{cfg: Config{Hosts: "sim:5"}, dir: one, roles: roles{host: true}}
	if _, err := n.hostNumbers(t.Context()); err == nil || !strings.Contains(err.Error(), "--hosts sim:5 with --roles host") {
		t.Errorf("hostNumbers() without a store = %v, want an error that names the settings", err)
	}
	write(t, one.file(numbersFile), "{")
	n.store = store
	if _, err := n.hostNumbers(t.Context()); err == nil || !strings.Contains(err.Error(), one.file(numbersFile)) {
		t.Errorf("hostNumbers() of a damaged file = %v, want an error that names it", err)
	}
}

func openSQLite(t *testing.T) storage.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: t.TempDir() + "/ozone.db", Now: time.Now})
	if err != nil {
		t.Fatalf("Open() = %v, want a store", err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}
