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

// rates are those of the account's that count this request. Most requests have none, which costs nothing.
func (r *Request) rates(route *Route) schemas.RateLimits {
	if len(r.RateLimits) == 0 {
		return nil
	}
	var found schemas.RateLimits
	for _, rule := range [...]schemas.RateRule{r.verbRate(route), route.Rate} {
		if rate, ok := r.RateLimits[rule]; ok {
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
func (s *Server) count(ctx context.Context, r *Request, route *Route) error {
	rates := r.rates(route)
	if len(rates) == 0 {
		return nil
	}
	counted, err := s.config.Limits.CountRequest(ctx, r.Account, rates)
	if over, ok := errors.AsType[*storage.OverRateError](err); ok {
		rate := rates[over.Full.Rule]
		return errOverRate.Because("%s: %d in a %s", over.Full.Rule, rate.Value, rate.Unit).After(over.Full.Until.Sub(s.config.Now()))
	}
	r.counted = counted
	return err
}

// uncount takes back what count counted: a request that ends in a fault does not count. It is done before the answer leaves, so
// that the next request finds the room.
func (s *Server) uncount(ctx context.Context, r *Request) {
	if len(r.counted) == 0 {
		return
	}
	if err := s.config.Limits.UncountRequest(ctx, r.Account, r.counted); err != nil {
		s.config.Log.Warn("request that failed stays counted", "account", int64(r.Account), "error", err)
	}
	r.counted = nil
}
