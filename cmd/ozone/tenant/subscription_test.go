package tenant

import (
	"testing"

	"github.com/ozonecloud/ozone/client"
)

func TestAQueueIsNamedAsItWasCreatedWhenNoOtherHasThatName(t *testing.T) {
	t.Parallel()
	all := []client.Subscription{{Queue: "events.shop.ends"}, {Queue: "events.shop.all-ends"}, {Queue: "events.shop.all"}, {Queue: "events.desk.all"}}
	for _, c := range []struct {
		word, want string
		code       int // of the error; 0: there is none
	}{
		{"ends", "events.shop.ends", 0},
		{"all-ends", "events.shop.all-ends", 0},
		{"all", "", exitRefused},
		{"shop", "", exitNotFound},
	} {
		got, err := wholeName(all, c.word)
		if got != c.want || (err == nil) != (c.code == 0) || err != nil && ExitCode(err) != c.code {
			t.Errorf("wholeName(%q) = %q, %v, want %q and code %d", c.word, got, err, c.want, c.code)
		}
	}
}
