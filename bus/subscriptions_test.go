package bus_test

import (
	"slices"
	"testing"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

func TestASubscriptionIsBoundByItsTypesAndItsServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		types  []string
		server schemas.ServerID
		want   []string
	}{
		{nil, 0, []string{"#"}},
		{nil, 7, []string{"server.7.#"}},
		{[]string{"server.resize"}, 7, []string{"server.7.resize.#"}},
		{[]string{"*.error", "server.end", "ozone.server.resize.end"}, 0, []string{"*.*.*.error", "server.*.*.end", "server.*.resize.end"}},
		{[]string{"image", "*.*.error", "server.resize.end"}, 0, []string{"image.*.#", "*.*.*.error", "server.*.resize.end"}},
	} {
		if got := bus.SubscriptionKeys(schemas.Subscription{Types: c.types, Server: c.server}); !slices.Equal(got, c.want) {
			t.Errorf("SubscriptionKeys(%v, %d) = %v, want %v", c.types, c.server, got, c.want)
		}
	}
}
