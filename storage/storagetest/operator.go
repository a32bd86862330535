package storagetest

import (
	"errors"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var operatorCases = []testCase{
	{"the key of payloads is recorded once", testSealedWith},
	{"accounts get the next free number, taken names and numbers are a conflict", testAccounts},
	{"a rotated key ends the user's tokens", testRotate},
	{"an expired token is no token", testTokens},
	{"a catalogue is stored once", testSeed},
	{"numbers of hosts are leased once, above those of known hosts", testLeaseHosts},
}

func testAccounts(r *rig) {
	t, s := r.t, r.s
	create := func(id schemas.AccountID, user string) (schemas.AccountID, error) {
		return s.CreateAccount(t.Context(), schemas.Account{ID: id, Name: "name", RAMLimitMiB: 51200}, user, []byte(user))
	}
	for _, c := range []struct {
		id   schemas.AccountID
		user string
		want schemas.AccountID // 0: a conflict
	}{{0, "a", 1001}, {1003, "b", 1003}, {0, "c", 1002}, {0, "d", 1004}, {0, "a", 0}, {1003, "e", 0}, {7, "f", 7}, {0, "g", 1005}} {
		got, err := create(c.id, c.user)
		if c.want != 0 {
			if err != nil || got != c.want {
				t.Errorf("CreateAccount(%d, %s) = %d, %v, want %d", c.id, c.user, got, err, c.want)
			}
			continue
		}
		if conflict, ok := errors.AsType[*schemas.Error](err); !ok || conflict.Kind != schemas.KindConflict {
			t.Errorf("CreateAccount(%d, %s) = %d, %v, want a conflict", c.id, c.user, got, err)
		}
	}
	u, err := s.User(t.Context(), "c")
	if err != nil || u.Account != 1002 || string(u.KeyHash) != "c" {
		t.Errorf("User(c) = %+v, %v, want account 1002", u, err)
	}
	for _, name := range []string{"nobody", "", "a\x00", "\xff"} {
		if _, err := s.User(t.Context(), name); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("User(%q) = %v, want ErrNotFound", name, err)
		}
	}
	rows, err := s.Accounts(t.Context())
	if err != nil || len(rows) != 6 || rows[0].Account.ID != 7 || rows[1].Account.RAMLimitMiB != 51200 || rows[1].Users[0] != "a" {
		t.Errorf("Accounts() = %+v, %v, want 6 accounts from 7", rows, err)
	}
	got, err := s.Load(t.Context(), schemas.ShardOf(1001), []schemas.Ref{schemas.AccountID(1001).Ref()})
	if err != nil || len(got) != 1 || got[0].Version != 1 || got[0].Account != 1001 {
		t.Errorf("Load(account 1001) = %+v, %v, want version 1", got, err)
	}
}

func testRotate(r *rig) {
	t, s := r.t, r.s
	account, err := s.CreateAccount(t.Context(), schemas.Account{}, "u", []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	save := func(hash string) {
		t.Helper()
		u, err := s.User(t.Context(), "u")
		if err != nil {
			t.Fatal(err)
		}
		token := storage.Token{Hash: []byte(hash), User: "u", Account: account, Generation: u.Generation, Expires: r.now().Add(time.Hour)}
		if err := s.SaveToken(t.Context(), token); err != nil {
			t.Fatalf("SaveToken() = %v", err)
		}
		got, err := s.TokenByHash(t.Context(), []byte(hash))
		if err != nil || got.User != "u" || got.Account != account || got.Generation != token.Generation || !got.Expires.Equal(token.Expires) {
			t.Errorf("TokenByHash() = %+v, %v, want %+v", got, err, token)
		}
	}
	save("first")
	if err := s.RotateKey(t.Context(), "u", []byte("new")); err != nil {
		t.Fatalf("RotateKey() = %v", err)
	}
	if _, err := s.TokenByHash(t.Context(), []byte("first")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("TokenByHash() after RotateKey() = %v, want ErrNotFound", err)
	}
	if u, err := s.User(t.Context(), "u"); err != nil || string(u.KeyHash) != "new" {
		t.Errorf("User() = %+v, %v, want the new key", u, err)
	}
	save("second")
	if err := s.RotateKey(t.Context(), "nobody", nil); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("RotateKey(nobody) = %v, want ErrNotFound", err)
	}
}

func testTokens(r *rig) {
	t, s := r.t, r.s
	if _, err := s.CreateAccount(t.Context(), schemas.Account{}, "u", nil); err == nil {
		t.Error("CreateAccount() without a key = nil, want an error")
	}
	account, err := s.CreateAccount(t.Context(), schemas.Account{}, "u", []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	for hash, c := range map[string]struct {
		generation int64
		expires    time.Time
	}{"expired": {1, r.now().Add(-time.Second)}, "other generation": {2, r.now().Add(time.Hour)}} {
		token := storage.Token{Hash: []byte(hash), User: "u", Account: account, Generation: c.generation, Expires: c.expires}
		if err := s.SaveToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		if got, err := s.TokenByHash(t.Context(), []byte(hash)); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("TokenByHash(%s) = %+v, %v, want ErrNotFound", hash, got, err)
		}
	}
}

func testSeed(r *rig) {
	t, s := r.t, r.s
	cloud := storage.Catalogue{
		Flavors:  schemas.DefaultFlavors(),
		Images:   []schemas.Image{{ID: 1, Name: "base", Status: schemas.ImageActive}},
		Clusters: []schemas.Cluster{{ID: 1, Public: schemas.Pool{CIDR: "198.18.0.0/15"}}},
	}
	for range 2 {
		if err := s.Seed(t.Context(), cloud); err != nil {
			t.Fatalf("Seed() = %v", err)
		}
		cloud.Images[0].Name, cloud.Clusters[0].Public.CIDR = "changed", "changed" // what is there stays
		cloud.Clusters = append(cloud.Clusters, schemas.Cluster{ID: 2, Public: schemas.Pool{CIDR: "198.19.0.0/16"}})
	}
	flavors, err := s.Flavors(t.Context())
	if err != nil || len(flavors) != 7 || flavors[0] != schemas.DefaultFlavors()[0] {
		t.Errorf("Flavors() = %+v, %v, want the seven", flavors, err)
	}
	if o, err := s.Object(t.Context(), schemas.ActorImage, alice, 1); err != nil || o.Name != "base" {
		t.Errorf("Object(image 1) = %+v, %v, want base", o, err)
	}
	clusters, err := s.Clusters(t.Context())
	if err != nil || len(clusters) != 1 || clusters[0].Public.CIDR != "198.18.0.0/15" {
		t.Errorf("Clusters() = %+v, %v, want the first one", clusters, err)
	}
	r.cluster()
	hosts, err := s.Hosts(t.Context())
	if err != nil || len(hosts) != 1 || hosts[0].ID != 7 || hosts[0].RAMMiB != 4096 {
		t.Errorf("Hosts() = %+v, %v, want host 7", hosts, err)
	}
}

func testSealedWith(r *rig) {
	t := r.t
	for _, key := range []string{"first", "second", "first"} {
		if got, err := r.s.SealedWith(t.Context(), key); err != nil || got != "first" {
			t.Errorf("SealedWith(%q) = %q, %v, want the first", key, got, err)
		}
	}
}

func testLeaseHosts(r *rig) {
	t, s := r.t, r.s
	lease := func(count int, want schemas.HostID) {
		t.Helper()
		if got, err := s.LeaseHosts(t.Context(), count); err != nil || got != want {
			t.Errorf("LeaseHosts(%d) = %d, %v, want %d", count, got, err, want)
		}
	}
	lease(4, 1)
	lease(1, 5)
	r.cluster() // host 7 came with a number of its own
	lease(2, 8)
	var mu sync.Mutex
	taken := map[schemas.HostID]bool{} // guarded by mu
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			first, err := s.LeaseHosts(t.Context(), 3)
			if err != nil {
				t.Errorf("LeaseHosts(3) = %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for id := first; id < first+3; id++ {
				if taken[id] || id < 10 {
					t.Errorf("host %d was leased twice", id)
				}
				taken[id] = true
			}
		})
	}
	wg.Wait()
}
