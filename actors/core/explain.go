package core

import (
	"cmp"
	"slices"

	"github.com/ozonecloud/ozone/schemas"
)

// Verdict is what keeps one host from taking a copy of a flavor, for operators: tenants are told reasons without hosts.
type Verdict struct {
	Host    schemas.HostID    `json:"host"`
	Cluster schemas.ClusterID `json:"cluster"`
	Name    string            `json:"name"`
	// FreeRAMMiB and FreeDiskGB are what nothing holds of it.
	FreeRAMMiB int64 `json:"free_ram"`
	FreeDiskGB int64 `json:"free_disk"`
	// Reason is "" when there is room.
	Reason string `json:"reason"`
	// Largest is the largest flavor that fits there now, 0 for none.
	Largest schemas.FlavorID `json:"largest"`
}

// Explain looks at every host of a cluster as a placement would now, by number. It reads committed rows: what is being decided is not
// in them yet.
func Explain(c schemas.ClusterID, hosts []schemas.Host, held []schemas.Reservation, flavors map[schemas.FlavorID]schemas.Flavor, f schemas.Flavor) []Verdict {
	x := NewIndex(schemas.Cluster{ID: c}, hosts, held, nil)
	names := make(map[schemas.HostID]string, len(hosts))
	for _, h := range hosts {
		names[h.ID] = h.Name
	}
	verdicts := make([]Verdict, 0, len(x.hosts))
	for i := range x.hosts {
		h := &x.hosts[i]
		best, _ := largest(x.hosts[i:i+1], flavors)
		verdicts = append(verdicts, Verdict{
			Host: h.id, Cluster: c, Name: names[h.id], FreeRAMMiB: max(0, h.ram-h.usedRAM), FreeDiskGB: max(0, h.disk-h.usedDisk),
			Reason: lackText[h.lack(f)], Largest: best,
		})
	}
	slices.SortFunc(verdicts, func(a, b Verdict) int { return cmp.Compare(a.Host, b.Host) })
	return verdicts
}
