package edge_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// fewerFlavors is a reader whose first flavor goes.
type fewerFlavors struct {
	storage.Reader

	fewer atomic.Bool
}

func (f *fewerFlavors) Flavors(ctx context.Context) ([]schemas.Flavor, error) {
	list, err := f.Reader.Flavors(ctx)
	if f.fewer.Load() {
		list = slices.Clone(list[1:])
	}
	return list, err
}

func TestFlavorsAreListedToAPollWhenTheyChanged(t *testing.T) {
	t.Parallel()
	began := time.Now()
	var ahead atomic.Int64
	flavors := new(fewerFlavors)
	r := newRig(t, func(c *edge.Config) {
		flavors.Reader = c.Reader
		c.Reader, c.Now = flavors, func() time.Time { return began.Add(time.Duration(ahead.Load())) }
	})
	for _, x := range []struct {
		now, since time.Duration
		fewer      bool
		want       int
	}{
		{0, -time.Minute, false, 200},
		{0, 2 * time.Second, false, 304},
		{time.Hour / 2, time.Minute, false, 304},
		{time.Hour / 2, time.Minute, true, 304}, // it was read just now
		{time.Hour * 2 / 3, time.Minute, true, 200},
		{time.Hour * 2 / 3, time.Hour, true, 304},
	} {
		ahead.Store(int64(x.now))
		flavors.fewer.Store(x.fewer)
		for _, path := range []string{"/flavors", "/flavors/detail", "/flavors/2"} {
			res := r.do("GET", "/v1.0/1001"+path+"?changes-since="+itoa(int(began.Add(x.since).Unix())), "")
			if res.status != x.want || (res.body == "") != (x.want == 304) {
				t.Errorf("after %v: GET %s since %v = %d %q, want %d", x.now, path, x.since, res.status, res.body, x.want)
			}
		}
	}
}
