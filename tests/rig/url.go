package rig

import (
	"net/url"
	"testing"
)

// ChangeURL is the URL of a server with something else in it.
func ChangeURL(tb testing.TB, where string, change func(*url.URL)) string {
	tb.Helper()
	u, err := url.Parse(where)
	if err != nil {
		tb.Fatal(err)
	}
	change(u)
	return u.String()
}
