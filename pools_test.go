package ozone

import (
	"net/netip"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

func TestClustersHaveEqualPartsOfThePools(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		clusters        int
		at              schemas.ClusterID
		public, private string
	}{
		{1, 1, "198.18.0.0/15", "10.0.0.0/8"},
		{2, 1, "198.18.0.0/16", "10.0.0.0/9"},
		{2, 2, "198.19.0.0/16", "10.128.0.0/9"},
		{3, 3, "198.19.0.0/17", "10.128.0.0/10"},
		{64, 64, "198.19.248.0/21", "10.252.0.0/14"},
	} {
		cfg := Defaults()
		cfg.Clusters = c.clusters
		list, err := cfg.clusters()
		if err != nil || len(list) != c.clusters {
			t.Fatalf("%d clusters: %v, %v", c.clusters, list, err)
		}
		if got := list[c.at-1]; got.ID != c.at || got.Public.CIDR != c.public || got.Private.CIDR != c.private {
			t.Errorf("of %d clusters the one with number %d is %+v, want %s and %s", c.clusters, c.at, got, c.public, c.private)
		}
		for i := range list {
			for _, other := range list[:i] {
				if netip.MustParsePrefix(list[i].Public.CIDR).Overlaps(netip.MustParsePrefix(other.Public.CIDR)) {
					t.Errorf("clusters %d and %d of %d have addresses in common", other.ID, list[i].ID, c.clusters)
				}
			}
		}
	}
}

func TestHostsAreSpreadOverTheClusters(t *testing.T) {
	t.Parallel()
	for host, want := range map[schemas.HostID]schemas.ClusterID{1: 1, 2: 2, 3: 3, 4: 1, 9: 3} {
		if got := homeCluster(host, 3); got != want {
			t.Errorf("host %d is in cluster %d, want %d", host, got, want)
		}
	}
}
