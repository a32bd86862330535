package storage

import (
	"context"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// BusUsers is for who serves the tenants' bus.
type BusUsers interface {
	// BusUsers lists the users of the tenants' bus by name.
	BusUsers(ctx context.Context) ([]BusUser, error)
}

// BusUserReader is for who must know whose a queue is at this moment.
type BusUserReader interface {
	// BusUser is one of them, or ErrNotFound.
	BusUser(ctx context.Context, name string) (BusUser, error)
}

// BusUserSetter is for whoever runs the cloud.
type BusUserSetter interface {
	// CreateBusUser makes a user of the tenants' bus for an account. A name that is taken is a *schemas.Error of KindConflict, an
	// account that is not there ErrNotFound.
	CreateBusUser(ctx context.Context, name string, account schemas.AccountID) error
	// DeleteBusUser ends a user, or is ErrNotFound.
	DeleteBusUser(ctx context.Context, name string) error
}

// BusUser is a program that may send the commands of an account and read its events.
type BusUser struct {
	Name       string
	Account    schemas.AccountID
	RateLimits schemas.RateLimits // of the account, where they differ from the usual
	Created    time.Time
}

// EventCursors is for who sends events to the tenants' bus.
type EventCursors interface {
	// SentEvents is how far the events of an account are sent; "": none are.
	SentEvents(ctx context.Context, account schemas.AccountID) (Cursor, error)
	// SaveSentEvents keeps that of some accounts.
	SaveSentEvents(ctx context.Context, upTo map[schemas.AccountID]Cursor) error
}

// Subscription is a queue of events that was ordered.
type Subscription struct {
	schemas.Subscription

	Account schemas.AccountID
	Created time.Time
}

// MaxSubscriptions is how many an account may have. Source: docs/numbers.md.
const MaxSubscriptions = 20

// Subscriptions is for who makes queues of events for the programs of an account.
type Subscriptions interface {
	// Subscriptions lists those of an account by user and name.
	Subscriptions(ctx context.Context, account schemas.AccountID) ([]Subscription, error)
	// CreateSubscription keeps one of an account, and returns the one that is kept. Again it changes nothing; another one of
	// the same user and name is a *schemas.Error of KindConflict, one too many of KindLimit.
	CreateSubscription(ctx context.Context, account schemas.AccountID, s schemas.Subscription) (Subscription, error)
	// DeleteSubscription forgets one of an account, or is ErrNotFound.
	DeleteSubscription(ctx context.Context, account schemas.AccountID, user, name string) error
}
