package core

import (
	"reflect"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

func TestADryRunAsksTheClustersThatACreateWouldAsk(t *testing.T) {
	t.Parallel()
	rules := &Rules{Clusters: []schemas.ClusterID{1, 2, 3}}
	for name, c := range map[string]struct {
		cursor schemas.Cursor
		want   []schemas.ClusterID
	}{
		"a create":             {schemas.Cursor{Action: schemas.ServerCreate, Cluster: 2}, []schemas.ClusterID{2, 3, 1}},
		"a create in a group":  {schemas.Cursor{Action: schemas.ServerCreate, Cluster: 2, Pinned: true}, []schemas.ClusterID{2}},
		"a resize stays there": {schemas.Cursor{Action: schemas.ServerResize, Cluster: 3}, []schemas.ClusterID{3}},
	} {
		if got := ClustersFor(&schemas.Server{Cursor: &c.cursor}, rules); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: clusters %v, want %v", name, got, c.want)
		}
	}
	if got := ClustersFor(&schemas.Server{}, rules); got != nil {
		t.Errorf("a server that waits for no place asks %v", got)
	}
}

func TestADryRunGoesOnToTheNextClusterAndTakesNothing(t *testing.T) {
	t.Parallel()
	small, big := newRig(t, hostUp(1, 128, 1000)), newRig(t, hostUp(2, 512, 1000))
	m := &schemas.DryRun{
		V: 1, ReplyTo: "ozone.replies.e1", Clusters: []schemas.ClusterID{1, 2}, Forecast: &schemas.Forecast{Action: schemas.ServerCreate},
		Place: &schemas.Allocate{V: 1, Operation: "op", Cluster: 1, Account: 1001, Server: schemas.DryRunID, Copy: 1, Flavor: small.rules.Flavors[1], Addresses: true},
	}
	e := small.tell(m)
	if len(e.Letters) != 1 || len(e.Forecasts) != 0 {
		t.Fatalf("the full cluster decides %+v, want that it asks the next one", e)
	}
	on, _ := e.Letters[0].Message.(*schemas.DryRun)
	if on == nil || on.To() != schemas.ClusterID(2).Ref() || m.Place.Cluster != 1 {
		t.Fatalf("it asks %+v of %+v", on, m)
	}
	for range 3 { // were something taken, the second one would find no room
		e = big.tell(on)
		if len(e.Forecasts) != 1 || e.Forecasts[0].Answer.Fault != nil || !e.Forecasts[0].Answer.Forecast.Placed || m.Forecast.Placed {
			t.Fatalf("the cluster with room answers %+v", e.Forecasts)
		}
		if len(e.Reservations)+len(e.Addresses)+len(e.Letters) != 0 || e.Save {
			t.Fatalf("a dry run takes %+v", e)
		}
	}
	on.Place.Flavor = big.rules.Flavors[5]
	if e = big.tell(on); len(e.Forecasts) != 1 || e.Forecasts[0].Answer.Fault == nil || e.Forecasts[0].Answer.Fault.Kind != schemas.KindCapacity {
		t.Fatalf("the last cluster answers %+v, want that it has no room", e.Forecasts)
	}
	if len(e.Reservations) != 0 {
		t.Errorf("a dry run leaves %+v", e.Reservations)
	}
}
