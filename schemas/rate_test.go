package schemas

import (
	"encoding/json"
	"maps"
	"testing"
)

func TestRateLimitsHaveAText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"on", "off", "post=20/minute", "servers=500/day;delete=off", "post=1/hour;put=2147483647/day"} {
		l, err := ParseRateLimits(text)
		if err != nil || l.String() != text {
			t.Errorf("ParseRateLimits(%q) = %v, %v, want the same text", text, l, err)
		}
		doc, err := json.Marshal(l)
		if err != nil || string(doc) != `"`+text+`"` {
			t.Errorf("JSON of %q is %s, %v", text, doc, err)
		}
		var again RateLimits
		if err := json.Unmarshal(doc, &again); err != nil || !maps.Equal(again, l) {
			t.Errorf("Unmarshal(%s) = %v, %v, want %v", doc, again, err, l)
		}
	}
	for _, text := range []string{
		"yes", "post", "post=", "post=off;post=off", "get=1/minute", "post=0/minute", "post=-1/minute", "post=1/week", "post=1",
		"post=2147483648/day", "post=1/minute;", "post=1/minute,put=1/minute",
	} {
		if l, err := ParseRateLimits(text); err == nil {
			t.Errorf("ParseRateLimits(%q) = %v, want an error", text, l)
		}
	}
}

func TestOwnRateLimitsGoBeforeTheUsual(t *testing.T) {
	t.Parallel()
	usual := RateLimits{RatePost: {10, RateMinute}, RatePut: {5, RateMinute}, RateDelete: {}}
	own := RateLimits{RatePost: {}, RateServers: {1, RateDay}}
	want := RateLimits{RateServers: {1, RateDay}, RatePut: {5, RateMinute}}
	if got := own.Over(usual); !maps.Equal(got, want) {
		t.Errorf("Over() = %v, want %v", got, want)
	}
	if got := NoRateLimits().Over(DefaultRateLimits()); len(got) != 0 {
		t.Errorf("no limits over the usual ones are %v", got)
	}
	if got := RateLimits(nil).Over(DefaultRateLimits()); !maps.Equal(got, DefaultRateLimits()) {
		t.Errorf("nothing over the usual limits is %v", got)
	}
}
