package edge

import (
	"context"
	"errors"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// changesSince is the parameter that makes a GET count.
const changesSince = "changes-since"

// errOverRate says that a rule is used up; when it has room again comes with it.
var errOverRate = schemas.Errorf(schemas.KindLimit, "Too many requests: the rate limit of the account is reached.")

// rateOfVerb is the rule that counts every request of a verb.
var rateOfVerb = map[string]schemas.RateRule{
	"POST": schemas.RatePost, "PUT": schemas.RatePut, "DELETE": schemas.RateDelete,
}

// ratesOf are those of the account's that count a request under rules. Most requests have none, which costs nothing.
func ratesOf(limits schemas.RateLimits, rules ...schemas.RateRule) schemas.RateLimits {
	var found schemas.RateLimits
	for _, rule := range rules {
		if rate, ok := limits[rule]; ok {
			if found == nil {
				found = make(schemas.RateLimits, 1)
			}
			found[rule] = rate
		}
	}
	return found
}

// verbRate is the rule that counts a request whatever its path; "": none does.
func (r *Request) verbRate(route *Route) schemas.RateRule {
	if rule, ok := rateOfVerb[route.Verb]; ok {
		return rule
	}
	if r.http.QueryArgs().Has(changesSince) {
		return schemas.RateChanges
	}
	return ""
}

// count counts a request, or refuses it when one of its rates is used up.
func (s *Server) count(ctx context.Context, r *Request, route *Route) (err error) {
	if len(r.RateLimits) > 0 {
		r.counted, err = s.countUnder(ctx, r.Account, ratesOf(r.RateLimits, r.verbRate(route), route.Rate))
	}
	return err
}

// countUnder counts one request of an account under each of the rates, or refuses it when one is used up.
func (s *Server) countUnder(ctx context.Context, account schemas.AccountID, rates schemas.RateLimits) ([]storage.RateWindow, error) {
	if len(rates) == 0 {
		return nil, nil
	}
	counted, err := s.config.Limits.CountRequest(ctx, account, rates)
	if over, ok := errors.AsType[*storage.OverRateError](err); ok {
		rate := rates[over.Full.Rule]
		return nil, errOverRate.Because("%s: %d in a %s", over.Full.Rule, rate.Value, rate.Unit).After(over.Full.Until.Sub(s.config.Now()))
	}
	return counted, err
}

// uncount takes back what was counted: a request that ends in a fault does not count. It is done before the answer leaves, so
// that the next request finds the room.
func (s *Server) uncount(ctx context.Context, account schemas.AccountID, counted []storage.RateWindow) {
	if len(counted) == 0 {
		return
	}
	if err := s.config.Limits.UncountRequest(ctx, account, counted); err != nil {
		s.config.Log.Warn("request that failed stays counted", "account", int64(account), "error", err)
	}
}
