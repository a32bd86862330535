package outside_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
)

// rated is a tenant whose account has these rate limits and so much RAM.
func (w *way) rated(t *testing.T, limits string, ramMB int64) *client.Client {
	t.Helper()
	n := w.cloud(t)
	a, err := n.Account(t.Context(), "rated-"+strconv.FormatInt(time.Now().UnixNano(), 36), ramMB)
	if err != nil {
		t.Fatal(err)
	}
	out, err := n.Run(t.Context(), "account", "set-limits", "--data", n.Dir(), itoa(a.ID), limits)
	if err != nil || !strings.Contains(out, limits) {
		t.Fatalf("account set-limits %d %s: %q, %v", a.ID, limits, out, err)
	}
	c := client.New(n.URL(), a.User, a.Key)
	if err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// overRate checks a refusal that says when to come back, within most.
func overRate(t *testing.T, r *client.Reply, err error, most time.Duration) {
	t.Helper()
	expect(t, "beyond the rate", r, err, http.StatusRequestEntityTooLarge, "overLimit")
	seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil || seconds < 1 || time.Duration(seconds)*time.Second > most+time.Second || r.Header.Get("Reply-After") != r.Header.Get("Retry-After") {
		t.Errorf("Retry-After %q, Reply-After %q, want both within %v", r.Header.Get("Retry-After"), r.Header.Get("Reply-After"), most)
	}
	if _, err := time.Parse(time.RFC3339, r.Fault().RetryAfter); err != nil {
		t.Errorf("retryAfter: %v", err)
	}
}

func TestRateLimitsAreKeptAndShown(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.rated(t, "on", 1024)
		r, err := get(t, c, "/limits")
		expect(t, "limits", r, err, http.StatusOK, "")
		var limits struct {
			Rate []struct {
				Verb, URI, Regex, Unit      string
				Value, Remaining, ResetTime int64
			}
			Absolute map[string]int64
		}
		read := func() {
			t.Helper()
			r, err := get(t, c, "/limits")
			if err == nil {
				err = r.Decode("limits", &limits)
			}
			if err != nil || len(limits.Rate) != 5 {
				t.Fatalf("limits: %v %s", err, r.Body)
			}
		}
		read()
		if a := limits.Absolute; len(a) != 3 || a["maxTotalRAMSize"] != 1024 || a["maxIPGroups"] != 25 || a["maxIPGroupMembers"] != 25 {
			t.Errorf("absolute limits %v", a)
		}
		s, r, err := c.CreateServer(t.Context(), "n", 1, 1)
		expect(t, "create", r, err, http.StatusAccepted, "")
		for range 12 { // faults do not count
			_, r, err := c.CreateServer(t.Context(), "n", 99999, 1)
			expect(t, "create of an unknown image", r, err, http.StatusNotFound, "itemNotFound")
		}
		rename := func() (*client.Reply, error) {
			return c.Do(t.Context(), http.MethodPut, path(s.ID), `{"server":{"name":"m"}}`)
		}
		await(t, c, r, "succeeded")
		began := time.Now()
		for range 10 {
			r, err = rename()
			expect(t, "rename", r, err, http.StatusNoContent, "")
		}
		r, err = rename()
		if time.Since(began) > 50*time.Second {
			t.Fatal("ten requests took most of a minute: nothing can be said about their rate")
		}
		overRate(t, r, err, time.Minute)
		r, err = c.Do(t.Context(), http.MethodPut, path(s.ID)+".xml", `{"server":{"name":"m"}}`)
		if err != nil || r.Status != http.StatusRequestEntityTooLarge || !strings.Contains(string(r.Body), `<overLimit xmlns="`) || !strings.Contains(string(r.Body), ` retryAfter="`) {
			t.Errorf("in XML: %v %s", err, r.Body)
		}
		read()
		for i, want := range []int64{9, 49, 0, 3, 100} {
			if got := limits.Rate[i]; got.Remaining != want {
				t.Errorf("%s %s: %+v, want %d to remain", got.Verb, got.URI, got, want)
			}
		}
	})
}

func TestOtherRateLimitsHoldWithinSeconds(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.rated(t, "post=1/day", node.Unlimited)
		_, r, err := c.CreateServer(t.Context(), "n", 1, 1)
		expect(t, "the first", r, err, http.StatusAccepted, "")
		_, r, err = c.CreateServer(t.Context(), "n", 1, 1)
		overRate(t, r, err, 24*time.Hour)
		n := w.cloud(t)
		if _, err := n.Run(t.Context(), "account", "set-limits", "--data", n.Dir(), c.Account(), "off"); err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(6 * time.Second); ; <-tick.C {
			r, err = get(t, c, "/limits")
			expect(t, "limits", r, err, http.StatusOK, "")
			if strings.Contains(string(r.Body), `"rate":[]`) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("6 s after the limits were taken off: %s", r.Body)
			}
		}
		for range 3 {
			_, r, err = c.CreateServer(t.Context(), "n", 1, 1)
			expect(t, "without limits", r, err, http.StatusAccepted, "")
		}
		for _, args := range [][]string{{"7", "off"}, {c.Account(), "sometimes"}} {
			if out, err := n.Run(t.Context(), append([]string{"account", "set-limits", "--data", n.Dir()}, args...)...); err == nil {
				t.Errorf("set-limits %v was taken: %s", args, out)
			}
		}
	})
}

// TestTheLastRoomGoesToOne has 100 creates at once for the RAM of one server, then for the last request of a rate.
func TestTheLastRoomGoesToOne(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		for limit, c := range map[string]*client.Client{
			"RAM":  w.limited(t, 2*256),
			"rate": w.rated(t, "post=off;servers=2/day", node.Unlimited),
		} {
			_, r, err := c.CreateServer(t.Context(), "n", 1, 1)
			expect(t, limit+": all but one", r, err, http.StatusAccepted, "")
			const tries = 100
			var mu sync.Mutex
			count := map[int]int{} // guarded by mu
			var all sync.WaitGroup
			for range tries {
				all.Go(func() {
					_, r, err := c.CreateServer(context.WithoutCancel(t.Context()), "n", 1, 1)
					if r == nil {
						t.Errorf("%s: %v", limit, err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					count[r.Status]++
				})
			}
			all.Wait()
			if count[http.StatusAccepted] != 1 || count[http.StatusRequestEntityTooLarge] != tries-1 {
				t.Errorf("%s: answers %v, want one 202 and %d of 413", limit, count, tries-1)
			}
		}
	})
}
