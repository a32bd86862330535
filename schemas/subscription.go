package schemas

import (
	"regexp"
	"slices"
	"strings"
)

// Subscription is a queue of some events of an account, for a program of its own on the tenants' bus.
type Subscription struct {
	User   string // of the bus, who reads it
	Name   string
	Types  []string // of events, such as server, server.resize or *.*.error; none: all
	Server ServerID // of this server alone; 0: of everything
}

// eventPrefix is what types of events begin with, and types of subscriptions may.
const eventPrefix = "ozone."

// phases are the last words of types of events.
var phases = []string{"start", "progress", "end", "error", "cancelled"}

// Parts are the words of each type: object, action, phase, of which the last ones may be missing. Of a type like *.error they are
// *, * and error.
func (s *Subscription) Parts() [][]string {
	var all [][]string
	for _, t := range s.Types {
		parts := strings.Split(strings.TrimPrefix(t, eventPrefix), ".")
		if len(parts) == 2 && slices.Contains(phases, parts[1]) {
			parts = []string{parts[0], "*", parts[1]}
		}
		all = append(all, parts)
	}
	return all
}

// subscriptionWord is a name, and a part of a type.
var subscriptionWord = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// maxSubscriptionTypes bounds the types of a subscription: each is a binding in the broker. Source: docs/numbers.md.
const maxSubscriptionTypes = 16

// Check is nil for what can be subscribed.
func (s *Subscription) Check() error {
	bad := func(format string, args ...any) error { return Errorf(KindInvalid, format, args...) }
	switch {
	case !subscriptionWord.MatchString(s.Name):
		return bad("The name of a queue is up to 32 small letters, digits, - and _, not %.40q.", s.Name)
	case s.Name == "json" || s.Name == "xml":
		return bad("A queue cannot be named %q: at the end of a path that is a format.", s.Name)
	case len(s.Types) > maxSubscriptionTypes:
		return bad("%d types: at most %d are subscribed at once.", len(s.Types), maxSubscriptionTypes)
	}
	for i, parts := range s.Parts() {
		t := s.Types[i]
		if len(parts) > 3 || slices.ContainsFunc(parts, func(p string) bool { return p != "*" && !subscriptionWord.MatchString(p) }) {
			return bad("The type %.100q is not OBJECT, OBJECT.ACTION, OBJECT.PHASE or OBJECT.ACTION.PHASE, each a word or *.", t)
		}
		if s.Server != 0 && parts[0] != "server" {
			return bad("The type %.100q cannot be narrowed to one server: its events are of the object server.", t)
		}
	}
	return nil
}
