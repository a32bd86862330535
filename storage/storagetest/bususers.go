package storagetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var busUserCases = []testCase{
	{"users of the bus belong to an account", testBusUsers},
	{"subscriptions belong to an account and a user", testSubscriptions},
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
	if u, err := s.BusUser(t.Context(), "b"); err != nil || u.Account != alice || u.RateLimits.String() != limits.String() {
		t.Errorf("BusUser() = %+v, %v, want b of %d with %s", u, err, alice, limits)
	}
	if err := s.DeleteBusUser(t.Context(), "a"); err != nil {
		t.Errorf("DeleteBusUser() = %v", err)
	}
	if u, err := s.BusUser(t.Context(), "a"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("BusUser() of one that is gone = %+v, %v, want ErrNotFound", u, err)
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

func testSubscriptions(r *rig) {
	t, s := r.t, r.s
	if _, err := s.CreateAccount(t.Context(), schemas.Account{ID: alice, Name: "a"}, "a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateBusUser(t.Context(), "shop", alice); err != nil {
		t.Fatal(err)
	}
	wanted := schemas.Subscription{User: "shop", Name: "errors", Types: []string{"server.*.error", "image"}, Server: 7}
	made, err := s.CreateSubscription(t.Context(), alice, wanted)
	if err != nil || made.Name != "errors" || made.Account != alice || made.Created.IsZero() || !slices.Equal(made.Types, wanted.Types) || made.Server != 7 {
		t.Errorf("CreateSubscription() = %+v, %v", made, err)
	}
	if again, err := s.CreateSubscription(t.Context(), alice, wanted); err != nil || !again.Created.Equal(made.Created) {
		t.Errorf("CreateSubscription() again = %+v, %v, want the first one", again, err)
	}
	wanted.Types = nil
	if _, err := s.CreateSubscription(t.Context(), alice, wanted); kindOf(err) != schemas.KindConflict {
		t.Errorf("CreateSubscription() of another one = %v, want a conflict", err)
	}
	for n := range storage.MaxSubscriptions - 1 {
		if _, err := s.CreateSubscription(t.Context(), alice, schemas.Subscription{User: "shop", Name: fmt.Sprint(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.CreateSubscription(t.Context(), alice, schemas.Subscription{User: "shop", Name: "one-more"}); kindOf(err) != schemas.KindLimit {
		t.Errorf("CreateSubscription() of one too many = %v, want a limit", err)
	}
	if err := s.DeleteSubscription(t.Context(), bob, "shop", "errors"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("DeleteSubscription() of another account's = %v, want ErrNotFound", err)
	}
	if err := s.DeleteSubscription(t.Context(), alice, "shop", "errors"); err != nil {
		t.Errorf("DeleteSubscription() = %v", err)
	}
	if list, err := s.Subscriptions(t.Context(), bob); err != nil || len(list) != 0 {
		t.Errorf("Subscriptions() of another account = %+v, %v, want none", list, err)
	}
	if list, err := s.Subscriptions(t.Context(), alice); err != nil || len(list) != storage.MaxSubscriptions-1 || list[0].Types != nil {
		t.Errorf("Subscriptions() = %+v, %v, want those without the one that was deleted", list, err)
	}
	if err := s.DeleteBusUser(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Subscriptions(t.Context(), alice); err != nil || len(list) != 0 {
		t.Errorf("Subscriptions() without their user = %+v, %v, want none", list, err)
	}
}

func kindOf(err error) schemas.Kind {
	if e, ok := errors.AsType[*schemas.Error](err); ok {
		return e.Kind
	}
	return ""
}
