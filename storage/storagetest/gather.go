package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// What many readers read at the same time.
var gatherCases = []testCase{
	{"of many reads at the same time each gets its own row", testManyReads},
	{"many readers of many accounts see every commit from its return on", testManyReadersAreUpToDate},
}

const (
	crowd         = 32 // readers
	crowdAccounts = 12
	crowdServers  = 4 // of each account
	baseImage     = 3
)

// crowdAccount is the nth account.
func crowdAccount(n int) schemas.AccountID { return alice + schemas.AccountID(n) }

// crowdServer is the id of the nth server of an account; the account's image has the id of its first server and 1000.
func crowdServer(account schemas.AccountID, n int) int64 {
	return int64(account-alice)*crowdServers + int64(n) + 1
}

func crowdToken(account schemas.AccountID) []byte { return fmt.Appendf(nil, "token of %d", account) }

// fillCrowd stores for each account servers of which the last one is hidden, an image, an operation and a token.
func fillCrowd(r *rig) {
	r.t.Helper()
	var units []storage.Unit
	for n := range crowdAccounts {
		account := crowdAccount(n)
		user := fmt.Sprint("user of ", account)
		if _, err := r.s.CreateAccount(r.t.Context(), schemas.Account{ID: account}, user, []byte("key")); err != nil {
			r.t.Fatal(err)
		}
		token := storage.Token{Hash: crowdToken(account), User: user, Account: account, Generation: 1, Expires: r.now().Add(time.Hour)}
		if err := r.s.SaveToken(r.t.Context(), token); err != nil {
			r.t.Fatal(err)
		}
		u := r.of(account)
		for i := range crowdServers {
			u.Snapshots = append(u.Snapshots, r.server(account, crowdServer(account, i), 1))
		}
		image := r.snapshot(schemas.ImageID(crowdServer(account, 0)+1000).Ref(), account, 1, schemas.Image{})
		u.Snapshots = append(u.Snapshots, image)
		for i := range u.Snapshots {
			u.Snapshots[i].Name = fmt.Sprintf("%s of %d", u.Snapshots[i].Ref, account)
		}
		u.Snapshots[crowdServers-1].Rendered = nil
		u.Operations = []storage.OperationRow{r.operation(account, n, schemas.OperationRunning)}
		units = append(units, u)
	}
	r.commit(units...)
	images := []schemas.Image{{ID: baseImage, Name: "base", Status: schemas.ImageActive}}
	if err := r.s.Seed(r.t.Context(), storage.Catalogue{Images: images}); err != nil {
		r.t.Fatal(err)
	}
}

// testManyReads asks for every row in the name of its own account and of others.
func testManyReads(r *rig) {
	fillCrowd(r)
	const rounds = 60
	var wg sync.WaitGroup
	for range crowd {
		wg.Go(func() {
			for range rounds {
				asker, owner := crowdAccount(rand.N(crowdAccounts)), crowdAccount(rand.N(crowdAccounts)) //nolint:gosec // any will do
				readCrowdObject(r.t, r.s, asker, owner, rand.N(crowdServers))                            //nolint:gosec // any will do
				readCrowdRest(r.t, r.s, asker, owner)
			}
		})
	}
	wg.Wait()
}

func readCrowdObject(t *testing.T, s storage.Store, asker, owner schemas.AccountID, n int) {
	t.Helper()
	server, image := schemas.ServerID(crowdServer(owner, n)).Ref(), schemas.ImageID(crowdServer(owner, 0)+1000).Ref()
	for ref, want := range map[schemas.Ref]struct {
		name  string
		shown bool
	}{
		server:                           {fmt.Sprintf("%s of %d", server, owner), asker == owner && n < crowdServers-1},
		image:                            {fmt.Sprintf("%s of %d", image, owner), asker == owner},
		schemas.ImageID(baseImage).Ref(): {"base", true},
		schemas.ServerID(9999).Ref():     {},
	} {
		o, err := s.Object(t.Context(), ref.Kind, asker, ref.ID)
		if want.shown && (err != nil || o.Name != want.name || o.ID != ref.ID) {
			t.Errorf("Object(%s) for %d = %d %q, %v, want %q", ref, asker, o.ID, o.Name, err, want.name)
		}
		if !want.shown && !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Object(%s) for %d = %q, %v, want ErrNotFound", ref, asker, o.Name, err)
		}
	}
}

func readCrowdRest(t *testing.T, s storage.Store, asker, owner schemas.AccountID) {
	t.Helper()
	id := operationID(int(owner - alice))
	op, err := s.Operation(t.Context(), asker, id)
	if asker == owner && (err != nil || op.ID != id || op.Account != owner) || asker != owner && !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Operation(%s) for %d = %s of %d, %v", id, asker, op.ID, op.Account, err)
	}
	for _, id := range []schemas.OperationID{"", "\x00", "\xff"} {
		if op, err := s.Operation(t.Context(), asker, id); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Operation(%q) = %+v, %v, want ErrNotFound", id, op, err)
		}
	}
	if token, err := s.TokenByHash(t.Context(), crowdToken(owner)); err != nil || token.Account != owner {
		t.Errorf("TokenByHash() = a token of %d, %v, want %d", token.Account, err, owner)
	}
	if token, err := s.TokenByHash(t.Context(), []byte("\x00\xff")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("TokenByHash(of nobody) = %+v, %v, want ErrNotFound", token, err)
	}
}

// testManyReadersAreUpToDate changes a server and an operation of each account while a crowd reads them.
func testManyReadersAreUpToDate(r *rig) {
	t, s := r.t, r.s
	const commits = 30
	var committed [crowdAccounts]atomic.Int64
	commit := func(n int, version int64) {
		u := r.of(crowdAccount(n))
		u.Snapshots = []storage.Snapshot{r.server(crowdAccount(n), crowdServer(crowdAccount(n), 0), version)}
		op := r.operation(crowdAccount(n), n, schemas.OperationRunning)
		op.StepIndex = int(version)
		u.Operations = []storage.OperationRow{op}
		r.commit(u)
		committed[n].Store(version)
	}
	for n := range crowdAccounts {
		commit(n, 1)
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for range crowd {
		wg.Go(func() {
			for n := 0; !done.Load() && !t.Failed(); n = (n + 1) % crowdAccounts {
				wantAtLeast(t, s, n, committed[n].Load())
			}
		})
	}
	for version := int64(2); version <= commits; version++ {
		for n := range crowdAccounts {
			commit(n, version)
		}
	}
	done.Store(true)
	wg.Wait()
}

// wantAtLeast reads what the nth account has.
func wantAtLeast(t *testing.T, s storage.Store, n int, least int64) {
	t.Helper()
	account := crowdAccount(n)
	var version int64
	o, err := s.Object(t.Context(), schemas.ActorServer, account, crowdServer(account, 0))
	if err == nil {
		_, err = fmt.Sscanf(string(o.Rendered), `{"version":%d}`, &version)
	}
	if err != nil || version < least {
		t.Errorf("Object(%d) for %d = version %d, %v, after version %d was committed", o.ID, account, version, err, least)
	}
	op, err := s.Operation(t.Context(), account, operationID(n))
	if err != nil || int64(op.StepIndex) < least {
		t.Errorf("Operation(%d) for %d = version %d, %v, after version %d was committed", n, account, op.StepIndex, err, least)
	}
}
