package storagetest

import (
	"errors"
	"slices"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var busUserCases = []testCase{
	{"users of the bus belong to an account", testBusUsers},
	{"how far events are sent is kept by account", testSentEvents},
}

func testBusUsers(r *rig) {
	t, s := r.t, r.s
	if err := s.CreateBusUser(t.Context(), "stranger", 999_999); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("CreateBusUser() of no account = %v, want ErrNotFound", err)
	}
	for name, account := range map[string]schemas.AccountID{"b": alice, "a": bob} {
		if _, err := s.CreateAccount(t.Context(), schemas.Account{ID: account, Name: name}, name, []byte(name)); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateBusUser(t.Context(), name, account); err != nil {
			t.Fatalf("CreateBusUser(%q) = %v", name, err)
		}
	}
	taken, ok := errors.AsType[*schemas.Error](s.CreateBusUser(t.Context(), "a", alice))
	if !ok || taken.Kind != schemas.KindConflict {
		t.Errorf("CreateBusUser() of a taken name = %v, want a conflict", taken)
	}
	limits := perMinute(schemas.RatePost, 3)
	if err := s.SetRateLimits(t.Context(), alice, limits); err != nil {
		t.Fatal(err)
	}
	users, err := s.BusUsers(t.Context())
	if err != nil || len(users) != 2 || users[0].Name != "a" || users[0].Account != bob || users[1].RateLimits.String() != limits.String() || users[1].Created.IsZero() {
		t.Errorf("BusUsers() = %+v, %v, want a of %d, then b of %d with %s", users, err, bob, alice, limits)
	}
	if err := s.DeleteBusUser(t.Context(), "a"); err != nil {
		t.Errorf("DeleteBusUser() = %v", err)
	}
	if err := s.DeleteBusUser(t.Context(), "a"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("DeleteBusUser() again = %v, want ErrNotFound", err)
	}
	users, err = s.BusUsers(t.Context())
	if err != nil || slices.ContainsFunc(users, func(u storage.BusUser) bool { return u.Name == "a" }) {
		t.Errorf("BusUsers() = %+v, %v, want none of the name a", users, err)
	}
}

func testSentEvents(r *rig) {
	t, s := r.t, r.s
	for _, upTo := range []map[schemas.AccountID]storage.Cursor{nil, {alice: "a.1"}, {bob: "b.1", alice: "a.2"}} {
		if err := s.SaveSentEvents(t.Context(), upTo); err != nil {
			t.Fatal(err)
		}
		for _, account := range []schemas.AccountID{alice, bob} {
			if got, err := s.SentEvents(t.Context(), account); err != nil || got != upTo[account] {
				t.Errorf("SentEvents(%d) = %q, %v, want %q", account, got, err, upTo[account])
			}
		}
	}
}
