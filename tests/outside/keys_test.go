package outside_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

func TestSameKeyIsTheSameCommand(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		first, one, err := c.CreateServer(t.Context(), "keyed", 1, 1, "Idempotency-Key", "k-1")
		expect(t, "create", one, err, http.StatusAccepted, "")
		again, two, err := c.CreateServer(t.Context(), "keyed", 1, 1, "Idempotency-Key", `"k-1"`)
		expect(t, "repeat", two, err, http.StatusAccepted, "")
		if again.ID != first.ID || two.Operation() != one.Operation() {
			t.Errorf("the repeat made server %d by %s, want %d by %s", again.ID, two.Operation(), first.ID, one.Operation())
		}
		if first.AdminPass == "" || again.AdminPass != "" {
			t.Errorf("adminPass %q at first and %q repeated, want it once", first.AdminPass, again.AdminPass)
		}
		_, other, err := c.CreateServer(t.Context(), "other", 1, 1, "Idempotency-Key", "k-1")
		expect(t, "another command with the key", other, err, http.StatusBadRequest, "badRequest")
		await(t, c, one, "succeeded")
		for range 2 {
			r, err := c.Action(t.Context(), first.ID, `{"reboot":{"type":"HARD"}}`, "Idempotency-Key", "k-2")
			expect(t, "reboot", r, err, http.StatusAccepted, "")
			await(t, c, r, "succeeded")
		}
		for range 2 { // the second answer is the first one's, although the server is gone
			r, err := c.Do(t.Context(), http.MethodDelete, path(first.ID), nil, "Idempotency-Key", "k-3")
			expect(t, "delete", r, err, http.StatusAccepted, "")
		}
		list, err := c.Operations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, o := range list {
			if o.Accepted() {
				count[o.Action]++
			}
		}
		if count["server.create"] != 1 || count["server.reboot"] != 1 || count["server.delete"] != 1 {
			t.Errorf("accepted operations %v, want one of each", count)
		}
	})
}

func TestRefusedCommandCanBeSentAgainWithItsKey(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.limited(t, 256)
		s, r, err := c.CreateServer(t.Context(), "n", 1, 1)
		expect(t, "create", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		_, r, err = c.CreateServer(t.Context(), "n", 1, 1, "Idempotency-Key", "again")
		expect(t, "above the quota", r, err, http.StatusRequestEntityTooLarge, "overLimit")
		if r, err = c.Do(t.Context(), http.MethodDelete, path(s.ID), nil); err != nil || !r.OK() {
			t.Fatal(err)
		}
		_, r, err = c.CreateServer(t.Context(), "n", 1, 1, "Idempotency-Key", "again")
		expect(t, "with room", r, err, http.StatusAccepted, "")
	})
}

// TestCreateThatFoundNoRoomCanBeSentAgainWithItsKey is the same for a refusal that comes from the cluster, one commit later.
func TestCreateThatFoundNoRoomCanBeSentAgainWithItsKey(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--hosts", "sim:1", "--sim-ram", "1")
		c := nodetest.Client(t, n, "user")
		s, r, err := c.CreateServer(t.Context(), "n", 1, 3)
		expect(t, "create", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		for range 3 {
			_, r, err = c.CreateServer(t.Context(), "n", 1, 3, "Idempotency-Key", "again")
			expect(t, "without room", r, err, http.StatusServiceUnavailable, "serverCapacityUnavailable")
		}
		r, err = c.Do(t.Context(), http.MethodDelete, path(s.ID), nil)
		expect(t, "delete", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		made, one, err := c.CreateServer(t.Context(), "n", 1, 3, "Idempotency-Key", "again")
		expect(t, "with room", one, err, http.StatusAccepted, "")
		again, two, err := c.CreateServer(t.Context(), "n", 1, 3, "Idempotency-Key", "again")
		expect(t, "repeated", two, err, http.StatusAccepted, "")
		if made.ID != again.ID || one.Operation() != two.Operation() {
			t.Errorf("the repeat made server %d by %s, want %d by %s", again.ID, two.Operation(), made.ID, one.Operation())
		}
		nodetest.Audit(t, n)
	})
}

func TestKeysAreAnAccountsOwn(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		a, b := w.tenant(t), w.tenant(t)
		x, r, err := a.CreateServer(t.Context(), "n", 1, 1, "Idempotency-Key", "shared")
		expect(t, "first account", r, err, http.StatusAccepted, "")
		y, r, err := b.CreateServer(t.Context(), "n", 1, 1, "Idempotency-Key", "shared")
		expect(t, "second account", r, err, http.StatusAccepted, "")
		if x.ID == y.ID {
			t.Errorf("both accounts got server %d", x.ID)
		}
	})
}

func TestBadKeysAreRefused(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		for _, key := range []string{strings.Repeat("k", 65), "a b", `""`, "é"} {
			_, r, err := c.CreateServer(t.Context(), "n", 1, 1, "Idempotency-Key", key)
			expect(t, "key "+key, r, err, http.StatusBadRequest, "badRequest")
		}
		_, r, err := c.CreateServer(t.Context(), "n", 1, 1, "Idempotency-Key", strings.Repeat("k", 64))
		expect(t, "the longest key", r, err, http.StatusAccepted, "")
	})
}

func TestParallelRepeatsMakeOneServer(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		const repeats = 24
		type made struct {
			server client.Server
			reply  *client.Reply
			err    error
		}
		got := make(chan made, repeats)
		for range repeats {
			go func() {
				s, r, err := c.CreateServer(t.Context(), "n", 1, 1, "Idempotency-Key", "rush")
				got <- made{s, r, err}
			}()
		}
		ids, passwords := map[int64]bool{}, 0
		for range repeats {
			m := <-got
			if m.err != nil {
				t.Fatal(m.err)
			}
			ids[m.server.ID] = true
			if m.server.AdminPass != "" {
				passwords++
			}
		}
		if list, err := c.Servers(t.Context()); err != nil || len(list) != 1 || len(ids) != 1 {
			t.Errorf("%d ids answered, %d servers, %v; want one", len(ids), len(list), err)
		}
		if passwords != 1 {
			t.Errorf("adminPass was shown %d times, want once", passwords)
		}
	})
}

func TestKeysOutliveTheProcess(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t)
		c := nodetest.Client(t, n, "keys")
		s, one, err := c.CreateServer(t.Context(), "n", 1, 1, "Idempotency-Key", "k")
		expect(t, "create", one, err, http.StatusAccepted, "")
		if err := n.Kill9(); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		again, two, err := c.CreateServer(t.Context(), "n", 1, 1, "Idempotency-Key", "k")
		expect(t, "repeat after kill -9", two, err, http.StatusAccepted, "")
		if again.ID != s.ID || two.Operation() != one.Operation() {
			t.Errorf("the repeat made server %d by %s, want %d by %s", again.ID, two.Operation(), s.ID, one.Operation())
		}
		await(t, c, one, "succeeded")
	})
}
