package outside_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// twoClusters are the clusters of a node with two, as tenants can tell them apart: by their public addresses.
var twoClusters = []netip.Prefix{netip.MustParsePrefix("198.18.0.0/16"), netip.MustParsePrefix("198.19.0.0/16")}

// clusterOf is the number of the cluster that a server is in.
func clusterOf(t *testing.T, s client.Server) int {
	t.Helper()
	ip, err := netip.ParseAddr(s.Addresses.Public[0])
	if err != nil {
		t.Fatal(err)
	}
	return 1 + slices.IndexFunc(twoClusters, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// TestACreateGoesWhereThereIsRoom fills two clusters of one host each, which has room for two servers.
func TestACreateGoesWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--hosts", "sim:2", "--clusters", "2", "--sim-ram", "1")
		c := nodetest.Client(t, n, "user")
		count := map[int]int{}
		for range 4 {
			s, r, err := c.CreateServer(t.Context(), "n", 1, 2)
			expect(t, "create", r, err, http.StatusAccepted, "")
			await(t, c, r, "succeeded")
			count[clusterOf(t, s)]++
		}
		if count[1] != 2 || count[2] != 2 {
			t.Errorf("servers by cluster: %v, want two in each", count)
		}
		_, r, err := c.CreateServer(t.Context(), "n", 1, 1)
		expect(t, "create in a full cloud", r, err, http.StatusServiceUnavailable, "serverCapacityUnavailable")
		nodetest.Audit(t, n)
	})
}

// TestAGroupStaysInItsCluster launches more servers into a group than its cluster has room for.
func TestAGroupStaysInItsCluster(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--hosts", "sim:2", "--clusters", "2", "--sim-ram", "1")
		c := nodetest.Client(t, n, "user")
		g := makeGroup(t, c, 0)
		replies := make(chan *client.Reply)
		for range 4 { // at once, and none of them is told to come back later: all follow the one that is placed first
			go func() { replies <- launch(t, c, g.ID, "") }()
		}
		home := map[int]bool{}
		for range 4 {
			r := <-replies
			expect(t, "launch", r, nil, http.StatusAccepted, "")
			var s client.Server
			if err := r.Decode("server", &s); err != nil {
				t.Fatal(err)
			}
			await(t, c, r, "succeeded")
			home[clusterOf(t, s)] = true
		}
		if len(home) != 1 {
			t.Errorf("the servers of a group are in the clusters %v, want one", home)
		}
		expect(t, "launch where no room is left", launch(t, c, g.ID, ""), nil, http.StatusServiceUnavailable, "serverCapacityUnavailable")
		s, r, err := c.CreateServer(t.Context(), "elsewhere", 1, 1)
		expect(t, "create", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		if home[clusterOf(t, s)] {
			t.Errorf("a server beside the group is in its full cluster")
		}
		nodetest.Audit(t, n)
	})
}

// TestAReleasedAddressRests has a cloud with four public addresses, two in each cluster.
func TestAReleasedAddressRests(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		const quarantine = 4 * time.Second
		n := w.start(t, "--hosts", "sim:2", "--clusters", "2", "--public-pool", "198.18.0.0/29", "--quarantine", quarantine.String())
		c := nodetest.Client(t, n, "user")
		list := many(t, c, 4)
		full := func(what string) {
			t.Helper()
			_, r, err := c.CreateServer(t.Context(), "n", 1, 1)
			expect(t, what, r, err, http.StatusServiceUnavailable, "serverCapacityUnavailable")
		}
		full("create without an address left")
		r, err := c.Do(t.Context(), http.MethodDelete, path(list[2].ID), nil)
		expect(t, "delete", r, err, http.StatusAccepted, "")
		began := time.Now()
		await(t, c, r, "succeeded")
		for time.Since(began) < quarantine/2 {
			full("create while the address rests")
		}
		for {
			s, r, err := c.CreateServer(t.Context(), "n", 1, 1)
			if err != nil && (r == nil || r.Status != http.StatusServiceUnavailable) {
				t.Fatal(err)
			}
			if err != nil {
				continue
			}
			if took := time.Since(began); took < quarantine || !slices.Equal(s.Addresses.Public, list[2].Addresses.Public) {
				t.Errorf("after %v a new server has %v, want %v after %v", took, s.Addresses.Public, list[2].Addresses.Public, quarantine)
			}
			await(t, c, r, "succeeded")
			break
		}
		nodetest.Audit(t, n)
	})
}

// TestACloudKeepsItsClusters starts a node anew with another number: hosts and addresses stay where they are.
func TestACloudKeepsItsClusters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := nodetest.StartIn(t, dir, "--hosts", "sim:2", "--clusters", "2")
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	n = nodetest.StartIn(t, dir, "--hosts", "sim:4", "--clusters", "3")
	list, err := n.Run(t.Context(), "host", "list", "--data", dir)
	if err != nil {
		t.Fatal(err)
	}
	list = strings.Join(strings.Fields(list), " ")
	for _, row := range []string{"1 sim-1 1 up", "2 sim-2 2 up", "3 sim-3 1 up", "4 sim-4 2 up"} {
		if !strings.Contains(list, row) {
			t.Errorf("ozone host list: %s, want %q in it", list, row)
		}
	}
}
