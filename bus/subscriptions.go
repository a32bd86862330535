package bus

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
)

// ErrForbidden says that the broker does not let nodes do it.
var ErrForbidden = errors.New("bus: the broker gives nodes no right to do it")

// Subscriptions are queues that nodes make for programs of tenants, beside those that an operator makes.
type Subscriptions interface {
	// Subscribe makes the queue of a subscription to the events of an account. One that is there stays. Errors: ErrForbidden.
	Subscribe(ctx context.Context, account schemas.AccountID, s schemas.Subscription) error
	// Unsubscribe ends it with what waits in it; one that is not there is none. Errors: ErrForbidden.
	Unsubscribe(ctx context.Context, a Address) error
}

// SubscriptionQueue is where the events of a subscription are found.
func SubscriptionQueue(s schemas.Subscription) Address {
	return EventsQueue(s.User) + "." + Address(s.Name)
}

// SubscriptionKeys are the routing keys, behind the account, of what is subscribed. A key is OBJECT.NUMBER.ACTION.PHASE, a type
// OBJECT.ACTION.PHASE.
func SubscriptionKeys(s schemas.Subscription) []string {
	types := s.Parts()
	switch {
	case len(types) == 0 && s.Server == 0:
		return []string{"#"}
	case len(types) == 0:
		types = [][]string{{"server"}}
	}
	number := "*"
	if s.Server != 0 {
		number = strconv.FormatInt(int64(s.Server), 10)
	}
	var keys []string
	for _, parts := range types {
		key := append([]string{parts[0], number}, parts[1:]...)
		if len(parts) < 3 {
			key = append(key, "#")
		}
		keys = append(keys, strings.Join(key, "."))
	}
	return keys
}
