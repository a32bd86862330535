package storage

import (
	"context"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Limits is the edge's: what an account may use and how many requests it made.
type Limits interface {
	// Account is the state of an account, or ErrNotFound.
	Account(ctx context.Context, id schemas.AccountID) (schemas.Account, error)
	// CountRequest counts one request of an account under each of the rates, at least one, or under none of them when one is
	// used up: *OverRateError. It is exact, however many edges count. The windows are for UncountRequest.
	CountRequest(ctx context.Context, account schemas.AccountID, rates schemas.RateLimits) ([]RateWindow, error)
	// UncountRequest takes back what CountRequest counted; a window that has ended since is left alone.
	UncountRequest(ctx context.Context, account schemas.AccountID, counted []RateWindow) error
	// RateWindows is how many requests an account made under each rule in a window that has not ended.
	RateWindows(ctx context.Context, account schemas.AccountID) ([]RateWindow, error)
}

// LimitSetter is for whoever runs the cloud.
type LimitSetter interface {
	// SetRateLimits says where the rate limits of an account differ from the usual, and ends its windows; ErrNotFound
	// without such an account.
	SetRateLimits(ctx context.Context, account schemas.AccountID, limits schemas.RateLimits) error
}

// RateWindow is a while in which requests are counted under a rule. It begins with the first of them.
type RateWindow struct {
	Rule  schemas.RateRule
	Used  int64     // requests that were counted
	Until time.Time // its end, a whole second
}

// OverRateError says that a rate is used up. Nothing was counted.
type OverRateError struct{ Full RateWindow }

// Error names the rule.
func (e *OverRateError) Error() string {
	return "storage: the rate of " + string(e.Full.Rule) + " is used up"
}
