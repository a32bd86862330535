package ozone

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/ozonecloud/ozone/schemas"
)

// maxClusters bounds the clusters of a cloud. Source: docs/numbers.md.
const maxClusters = 64

// smallestPool is the longest prefix of a pool: four addresses.
const smallestPool = 30

// clusters are those of a new cloud, 1 to Clusters. Each has its part of the pools: an address is in one cluster.
func (c Config) clusters() ([]schemas.Cluster, error) {
	public, err := netip.ParsePrefix(c.PublicPool)
	if err != nil {
		return nil, err
	}
	private, err := netip.ParsePrefix(c.PrivatePool)
	if err != nil {
		return nil, err
	}
	list := make([]schemas.Cluster, c.Clusters)
	for i := range list {
		list[i] = schemas.Cluster{
			V: schemas.StateV, ID: schemas.ClusterID(i + 1),
			Public:  schemas.Pool{CIDR: part(public, c.Clusters, i).String()},
			Private: schemas.Pool{CIDR: part(private, c.Clusters, i).String()},
		}
	}
	return list, nil
}

// partBits is how much longer the prefixes are when a range is cut into equal parts: as many as a power of two has.
func partBits(parts int) int { return bits.Len(uint(parts - 1)) }

// part is the i-th of the equal parts of an IPv4 range.
func part(pool netip.Prefix, parts, i int) netip.Prefix {
	length := pool.Bits() + partBits(parts)
	base := pool.Addr().As4()
	binary.BigEndian.PutUint32(base[:], binary.BigEndian.Uint32(base[:])+uint32(i)<<(32-length)) //nolint:gosec // below 2^partBits
	return netip.PrefixFrom(netip.AddrFrom4(base), length)
}

// homeCluster spreads the simulated hosts over the clusters by their numbers, so that each stays where it is.
func homeCluster(host schemas.HostID, clusters int) schemas.ClusterID {
	return schemas.ClusterID((int64(host)-1)%int64(clusters) + 1)
}
