package v10

import (
	"context"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
)

// rateForms are the rules as v1.0 describes them, in its order. Source: API guide v1.0, "Rate Limits".
var rateForms = []struct {
	rule             schemas.RateRule
	verb, uri, regex string
}{
	{schemas.RatePost, "POST", "*", ".*"},
	{schemas.RateServers, "POST", "*/servers", "^/servers"},
	{schemas.RatePut, "PUT", "*", ".*"},
	{schemas.RateChanges, "GET", "*changes-since*", "changes-since"},
	{schemas.RateDelete, "DELETE", "*", ".*"},
}

type limitsView struct {
	Rate     []rateView   `json:"rate"`
	Absolute absoluteView `json:"absolute"`
}

type rateView struct {
	Verb      string           `json:"verb"`
	URI       string           `json:"URI"`
	Regex     string           `json:"regex"`
	Value     int64            `json:"value"`
	Remaining int64            `json:"remaining"`
	Unit      schemas.RateUnit `json:"unit"`
	ResetTime int64            `json:"resetTime"` // when all of value remains again
}

// absoluteView has what old clients insist on.
type absoluteView struct {
	MaxTotalRAMSize   int64 `json:"maxTotalRAMSize"`
	MaxIPGroups       int64 `json:"maxIPGroups"`
	MaxIPGroupMembers int64 `json:"maxIPGroupMembers"`
}

func (m *module) getLimits(ctx context.Context, r *edge.Request) (edge.Response, error) {
	account, err := m.Limits.Account(ctx, r.Account)
	if err != nil {
		return edge.Response{}, err
	}
	rates, err := m.rates(ctx, r)
	if err != nil {
		return edge.Response{}, err
	}
	return edge.Response{Body: plain(map[string]limitsView{"limits": {rates, absoluteView{
		account.RAMLimitMiB, schemas.MaxGroups, schemas.MaxGroupMembers,
	}}})}, nil
}

// rates shows the rates that count. Without any there is nothing to read.
func (m *module) rates(ctx context.Context, r *edge.Request) ([]rateView, error) {
	views := []rateView{}
	if len(r.RateLimits) == 0 {
		return views, nil
	}
	windows, err := m.Limits.RateWindows(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	used, until := map[schemas.RateRule]int64{}, map[schemas.RateRule]time.Time{}
	for _, w := range windows {
		used[w.Rule], until[w.Rule] = w.Used, w.Until
	}
	for _, f := range rateForms {
		rate, ok := r.RateLimits[f.rule]
		if !ok {
			continue
		}
		reset, running := until[f.rule]
		if !running {
			reset = m.Now()
		}
		views = append(views, rateView{
			Verb: f.verb, URI: f.uri, Regex: f.regex, Value: rate.Value, Remaining: max(rate.Value-used[f.rule], 0),
			Unit: rate.Unit, ResetTime: reset.Unix(),
		})
	}
	return views, nil
}
