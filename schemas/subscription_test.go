package schemas_test

import (
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

func TestWhatCanBeSubscribed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    schemas.Subscription
		want string // in the error; "": there is none
	}{
		{schemas.Subscription{Name: "all"}, ""},
		{schemas.Subscription{Name: "some", Types: []string{"server", "image.delete", "*.*.error"}}, ""},
		{schemas.Subscription{Name: "one", Types: []string{"server.resize.end"}, Server: 7}, ""},
		{schemas.Subscription{Name: "errors", Types: []string{"*.error", "ozone.server.resize.end"}}, ""},
		{schemas.Subscription{}, "name"},
		{schemas.Subscription{Name: "json"}, "json"},
		{schemas.Subscription{Name: "a.b"}, "name"},
		{schemas.Subscription{Name: strings.Repeat("a", 33)}, "name"},
		{schemas.Subscription{Name: "x", Types: []string{"a.b.c.d"}}, "a.b.c.d"},
		{schemas.Subscription{Name: "x", Types: []string{"#"}}, "#"},
		{schemas.Subscription{Name: "x", Types: []string{""}}, "type"},
		{schemas.Subscription{Name: "x", Types: []string{"image"}, Server: 7}, "image"},
		{schemas.Subscription{Name: "x", Types: make([]string, 17)}, "17"},
	} {
		err := c.s.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("Check(%+v) = %v, want %q", c.s, err, c.want)
		}
	}
}
