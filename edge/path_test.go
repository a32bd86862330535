package edge

import (
	"bytes"
	"testing"
	"time"
)

func TestPreferencesAreReadAsTheRFCHasThem(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]preference{
		"":                            {},
		"return=minimal":              {},
		"respond-async":               {async: true, applied: "respond-async"},
		"Respond-Async;x=y":           {async: true, applied: "respond-async"},
		"wait=5, respond-async":       {async: true, applied: "respond-async"},
		"wait=5":                      {wait: 5 * time.Second, applied: "wait=5"},
		` WAIT = "7" `:                {wait: 7 * time.Second, applied: "wait=7"},
		"wait=600":                    {wait: MaxWait, applied: "wait=60"},
		"return=minimal, wait=3":      {wait: 3 * time.Second, applied: "wait=3"},
		"wait=0":                      {},
		"wait=-1":                     {},
		"wait=x":                      {},
		"wait=99999999999999999999":   {},
		"wait":                        {},
		"respond-async-but-different": {},
	} {
		if got := parsePreference(header); got != want {
			t.Errorf("parsePreference(%q) = %+v, want %+v", header, got, want)
		}
	}
}

// FuzzPath looks for targets that are read in two ways: what was accepted, written plainly, must be read the same.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a/b", "//a///b/", "/a/%62", "/a/..", "/a/%2e%2E/b", "/a/.json", "/a.xml?x", "http://h/a", "*", "/%zz", "/a/b.json/"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var first, second target
		if first.parse(bytes.Clone(raw)) != nil {
			return
		}
		var plain []byte
		for _, s := range first.parts() {
			if len(s) == 0 || string(s) == "." || string(s) == ".." || bytes.ContainsAny(s, "/\\\x00%?#") {
				t.Fatalf("parse(%q) has the segment %q", raw, s)
			}
			plain = append(append(plain, '/'), s...)
		}
		plain = append(plain, '/') // so that no suffix is cut a second time
		if err := second.parse(bytes.Clone(plain)); err != nil {
			t.Fatalf("parse(%q) = %q, which is refused: %v", raw, plain, err)
		}
		if got, want := bytes.Join(second.parts(), []byte("/")), bytes.Join(first.parts(), []byte("/")); !bytes.Equal(got, want) {
			t.Errorf("parse(%q) = %q, read again %q", raw, want, got)
		}
	})
}
