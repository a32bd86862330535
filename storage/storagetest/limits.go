package storagetest

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var limitCases = []testCase{
	{"a request is counted under all rates or under none", testCountRequest},
	{"what is taken back can be used again", testUncountRequest},
	{"as many requests are counted at once as a rate allows", testCountAtOnce},
	{"the rate limits of an account come with its tokens", testSetRateLimits},
}

// perMinute are rates of one rule.
func perMinute(rule schemas.RateRule, n int64) schemas.RateLimits {
	return schemas.RateLimits{rule: {Value: n, Unit: schemas.RateMinute}}
}

// used is how many requests are counted by rule.
func (r *rig) used(account schemas.AccountID) map[schemas.RateRule]int64 {
	r.t.Helper()
	windows, err := r.s.RateWindows(r.t.Context(), account)
	if err != nil {
		r.t.Fatalf("RateWindows() = %v", err)
	}
	n := map[schemas.RateRule]int64{}
	for _, w := range windows {
		n[w.Rule] = w.Used
	}
	return n
}

func testCountRequest(r *rig) {
	t, s := r.t, r.s
	both := schemas.RateLimits{schemas.RatePost: {Value: 3, Unit: schemas.RateMinute}, schemas.RateServers: {Value: 2, Unit: schemas.RateDay}}
	for i := range 2 {
		began := r.now()
		windows, err := s.CountRequest(t.Context(), alice, both)
		if err != nil || len(windows) != 2 {
			t.Fatalf("request %d: CountRequest() = %v, %v", i+1, windows, err)
		}
		for _, w := range windows {
			least := began.Add(both[w.Rule].Unit.Window() - time.Minute/2)
			if w.Used != int64(i+1) || w.Until.Before(least) || w.Until.After(least.Add(time.Minute)) || !w.Until.Equal(w.Until.Truncate(time.Second)) {
				t.Errorf("request %d: the window of %s is %+v", i+1, w.Rule, w)
			}
		}
	}
	_, err := s.CountRequest(t.Context(), alice, both)
	full, ok := errors.AsType[*storage.OverRateError](err)
	if !ok || full.Full.Rule != schemas.RateServers || full.Full.Used != 2 || full.Full.Until.Before(r.now().Add(23*time.Hour)) {
		t.Errorf("a third request: CountRequest() = %v, want an OverRateError of %s", err, schemas.RateServers)
	}
	if got, want := r.used(alice), map[schemas.RateRule]int64{schemas.RatePost: 2, schemas.RateServers: 2}; !maps.Equal(got, want) {
		t.Errorf("after a refusal there are %v requests, want %v", got, want)
	}
	if _, err := s.CountRequest(t.Context(), alice, perMinute(schemas.RatePost, 3)); err != nil {
		t.Errorf("a request under the rule that has room: %v", err)
	}
	if _, err := s.CountRequest(t.Context(), alice, perMinute(schemas.RatePost, 4)); err != nil {
		t.Errorf("a request after the rate was raised: %v", err)
	}
	if _, err := s.CountRequest(t.Context(), bob, both); err != nil {
		t.Errorf("another account: %v", err)
	}
}

func testUncountRequest(r *rig) {
	t, s := r.t, r.s
	for i := range 5 { // of 1
		windows, err := s.CountRequest(t.Context(), alice, perMinute(schemas.RatePut, 1))
		if err != nil {
			t.Fatalf("request %d: CountRequest() = %v", i+1, err)
		}
		other := windows[0]
		other.Until = other.Until.Add(-time.Minute)
		if err := s.UncountRequest(t.Context(), alice, []storage.RateWindow{other}); err != nil {
			t.Errorf("UncountRequest() of a window that ended = %v", err)
		}
		if got := r.used(alice)[schemas.RatePut]; got != 1 {
			t.Errorf("a window that ended took back: %d are counted, want 1", got)
		}
		for range 2 { // twice is harmless
			if err := s.UncountRequest(t.Context(), alice, windows); err != nil {
				t.Errorf("UncountRequest() = %v", err)
			}
		}
	}
}

func testCountAtOnce(r *rig) {
	both := perMinute(schemas.RatePost, 40)
	both[schemas.RateServers] = schemas.Rate{Value: 20, Unit: schemas.RateDay}
	var counted, refused atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				_, err := r.s.CountRequest(r.t.Context(), alice, both)
				switch _, full := errors.AsType[*storage.OverRateError](err); {
				case full:
					refused.Add(1)
				case err != nil:
					r.t.Errorf("CountRequest() = %v", err)
				default:
					counted.Add(1)
				}
			}
		})
	}
	all.Wait()
	if counted.Load() != 20 || refused.Load() != 60 {
		r.t.Errorf("%d counted and %d refused, want 20 and 60", counted.Load(), refused.Load())
	}
	if got, want := r.used(alice), map[schemas.RateRule]int64{schemas.RatePost: 20, schemas.RateServers: 20}; !maps.Equal(got, want) {
		r.t.Errorf("%v are counted, want %v", got, want)
	}
}

func testSetRateLimits(r *rig) {
	t, s := r.t, r.s
	account, err := s.CreateAccount(t.Context(), schemas.Account{RAMLimitMiB: 7}, "u", []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	token := storage.Token{Hash: []byte("hash"), User: "u", Account: account, Generation: 1, Expires: r.now().Add(time.Hour)}
	if err := s.SaveToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "off", "post=7/hour;put=off", "on"} {
		limits, err := schemas.ParseRateLimits(text)
		if err != nil {
			t.Fatal(err)
		}
		if text != "" { // an account has none of its own at first
			if _, err := s.CountRequest(t.Context(), account, perMinute(schemas.RatePut, 1)); err != nil {
				t.Errorf("%s: a new window: %v", text, err)
			}
			if err := s.SetRateLimits(t.Context(), account, limits); err != nil {
				t.Errorf("SetRateLimits(%s) = %v", text, err)
			}
		}
		if got, err := s.TokenByHash(t.Context(), token.Hash); err != nil || !maps.Equal(got.RateLimits, limits) {
			t.Errorf("TokenByHash() = %+v, %v, want the limits %s", got, err, limits)
		}
		if got, err := s.User(t.Context(), "u"); err != nil || !maps.Equal(got.RateLimits, limits) {
			t.Errorf("User() = %+v, %v, want the limits %s", got, err, limits)
		}
		if rows, err := s.Accounts(t.Context()); err != nil || len(rows) != 1 || rows[0].RateLimits.String() != limits.String() {
			t.Errorf("Accounts() = %+v, %v, want the limits %s", rows, err, limits)
		}
		if got := r.used(account); len(got) != 0 {
			t.Errorf("%s: windows %v go on", text, got)
		}
	}
	if err := s.SetRateLimits(t.Context(), 7, nil); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("SetRateLimits() of no account = %v, want ErrNotFound", err)
	}
	if got, err := s.Account(t.Context(), account); err != nil || got.RAMLimitMiB != 7 {
		t.Errorf("Account() = %+v, %v", got, err)
	}
	if _, err := s.Account(t.Context(), 7); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Account(7) = %v, want ErrNotFound", err)
	}
}
