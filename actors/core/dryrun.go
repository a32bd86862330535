package core

import "github.com/ozonecloud/ozone/schemas"

// ClustersFor lists the clusters that a server which waits for a place would ask, in order: the one that it asks now first. A
// resize stays in its cluster, and so does a server whose group is in one.
func ClustersFor(s *schemas.Server, r *Rules) []schemas.ClusterID {
	if s == nil || s.Cursor == nil {
		return nil
	}
	c := s.Cursor
	asked := []schemas.ClusterID{c.Cluster}
	for c.Action == schemas.ServerCreate && !c.Pinned && len(asked) < len(r.Clusters) {
		asked = append(asked, nextCluster(r.Clusters, asked[len(asked)-1]))
	}
	return asked
}

// dryRun tells whether there is a place: it is given out and forgotten. When there is none here the next cluster is asked.
func (d *cluster) dryRun(m *schemas.DryRun) {
	answer := schemas.Answer{Fault: d.wouldRefuse(m.Place)}
	if answer.Fault != nil && len(m.Clusters) > 1 {
		on, place := *m, *m.Place
		on.Clusters = m.Clusters[1:]
		place.Cluster = on.Clusters[0]
		on.Place = &place
		d.e.Letters = append(d.e.Letters, Letter{To: schemas.ShardOfCluster(place.Cluster), Type: schemas.TypeDryRun, Message: &on})
		return
	}
	if f := m.Forecast; answer.Fault == nil && f != nil {
		placed := *f
		placed.Placed = true
		answer.Forecast = &placed
	}
	d.e.Forecasts = append(d.e.Forecasts, ForecastFor{Of: m, Answer: answer})
}

// wouldRefuse is why an Allocate would get no place; nil: it would get one.
func (d *cluster) wouldRefuse(m *schemas.Allocate) *schemas.Error {
	scratch := &cluster{Cluster: d.Cluster, x: d.x, in: d.in}
	scratch.allocate(m)
	for _, l := range scratch.e.Letters {
		if answer, ok := l.Message.(*schemas.Allocated); ok {
			return answer.Refused
		}
	}
	return nil
}
