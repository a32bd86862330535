package schemas

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RateRule is one of the rules by which requests are counted.
type RateRule string

// The rules. Source: API guide v1.0, "Rate Limits".
const (
	RatePost    RateRule = "post"    // every POST
	RateServers RateRule = "servers" // POST /servers, beside RatePost
	RatePut     RateRule = "put"     // every PUT
	RateChanges RateRule = "changes" // every GET with changes-since
	RateDelete  RateRule = "delete"  // every DELETE
)

// RateRules lists the rules.
func RateRules() []RateRule {
	return []RateRule{RatePost, RateServers, RatePut, RateChanges, RateDelete}
}

// RateUnit is what the window of a rule lasts.
type RateUnit string

// The units of v1.0.
const (
	RateMinute RateUnit = "MINUTE"
	RateHour   RateUnit = "HOUR"
	RateDay    RateUnit = "DAY"
)

// Window is how long a window of the unit lasts; 0 for a unit that is none.
func (u RateUnit) Window() time.Duration {
	switch u {
	case RateMinute:
		return time.Minute
	case RateHour:
		return time.Hour
	case RateDay:
		return 24 * time.Hour
	default:
		return 0
	}
}

// Rate is how many requests fit into a window, which begins with the first of them. Zero: they are not counted.
type Rate struct {
	Value int64
	Unit  RateUnit
}

// RateLimits are rates by rule; what a rule is when it is not there depends on whose they are. Their text is on when there
// are none, off when no rule counts, else such as post=20/minute;delete=off.
type RateLimits map[RateRule]Rate

// DefaultRateLimits are those of the reference. Source: API guide v1.0, "Rate Limits".
func DefaultRateLimits() RateLimits {
	return RateLimits{
		RatePost: {10, RateMinute}, RateServers: {50, RateDay}, RatePut: {10, RateMinute},
		RateChanges: {3, RateMinute}, RateDelete: {100, RateMinute},
	}
}

// NoRateLimits say of every rule that it does not count.
func NoRateLimits() RateLimits {
	l := RateLimits{}
	for _, rule := range RateRules() {
		l[rule] = Rate{}
	}
	return l
}

// Over are the rates that count when usual holds where l says nothing.
func (l RateLimits) Over(usual RateLimits) RateLimits {
	all := RateLimits{}
	for _, rule := range RateRules() {
		rate, own := l[rule]
		if !own {
			rate = usual[rule]
		}
		if rate.Value > 0 {
			all[rule] = rate
		}
	}
	return all
}

const (
	limitsOn  = "on"
	limitsOff = "off"
)

// String is the text of the limits.
func (l RateLimits) String() string {
	var parts []string
	off := 0
	for _, rule := range RateRules() {
		rate, own := l[rule]
		switch {
		case !own:
		case rate.Value == 0:
			parts = append(parts, string(rule)+"="+limitsOff)
			off++
		default:
			parts = append(parts, fmt.Sprintf("%s=%d/%s", rule, rate.Value, strings.ToLower(string(rate.Unit))))
		}
	}
	switch {
	case len(parts) == 0:
		return limitsOn
	case off == len(RateRules()):
		return limitsOff
	default:
		return strings.Join(parts, ";")
	}
}

// MarshalText is String.
func (l RateLimits) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is ParseRateLimits.
func (l *RateLimits) UnmarshalText(text []byte) (err error) {
	*l, err = ParseRateLimits(string(text))
	return err
}

// ParseRateLimits reads the text of limits; "" is on.
func ParseRateLimits(text string) (RateLimits, error) {
	switch text {
	case "", limitsOn:
		return RateLimits{}, nil
	case limitsOff:
		return NoRateLimits(), nil
	}
	l := RateLimits{}
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		rule := RateRule(name)
		if !slices.Contains(RateRules(), rule) {
			return nil, Errorf(KindInvalid, "rate limit %q: want on, off or a rule like post=20/minute of %v", part, RateRules())
		}
		if _, twice := l[rule]; twice {
			return nil, Errorf(KindInvalid, "rate limit %q: the rule is there twice", part)
		}
		rate, ok := parseRate(value)
		if !ok {
			return nil, Errorf(KindInvalid, "rate limit %q: want %s=NUMBER/minute, hour or day, or %[2]s=off", part, name)
		}
		l[rule] = rate
	}
	return l, nil
}

// maxRate bounds a rate: v1.0 has it in 32 bits.
const maxRate = 1<<31 - 1

func parseRate(text string) (Rate, bool) {
	if text == limitsOff {
		return Rate{}, true
	}
	number, unit, _ := strings.Cut(text, "/")
	value, err := strconv.ParseInt(number, 10, 64)
	rate := Rate{value, RateUnit(strings.ToUpper(unit))}
	return rate, err == nil && value > 0 && value <= maxRate && rate.Unit.Window() > 0
}
