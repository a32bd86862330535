package edge_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/tests/golden"
)

func (r *rig) login(path, user, key string) response {
	r.tb.Helper()
	return r.as("", "GET", path, "", "X-Auth-User: "+user, "X-Auth-Key: "+key)
}

func TestLoginAnswersWithFourHeadersInExactCase(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, path := range []string{"/", "/v1.0", "/v1.0/", "//v1.0//", "/v1.0?fresh=1"} {
		res := r.login(path, "demo", "key-of-demo")
		if res.status != 204 || res.body != "" {
			t.Fatalf("GET %s = %d %q, want 204 without a body", path, res.status, res.body)
		}
		for _, line := range []string{
			"X-Auth-Token: " + res.header.Get("X-Auth-Token"),
			"X-Server-Management-Url: http://cloud.example:8774/v1.0/1001",
			"X-Storage-Url: http://cloud.example:8774/storage/v1/Ozone_1001",
			"X-CDN-Management-Url: http://cloud.example:8774/cdn/v1/Ozone_1001",
		} {
			if !slices.Contains(strings.Split(res.raw, "\r\n"), line) {
				t.Errorf("GET %s has no line %q:\n%s", path, line, res.raw)
			}
		}
		token := res.header.Get("X-Auth-Token")
		if len(token) < 43 {
			t.Errorf("token %q is shorter than 256 bits", token)
		}
		if got := r.as(token, "GET", "/v1.0/1001/servers", ""); got.status != 200 {
			t.Errorf("the new token gets %d %s", got.status, got.body)
		}
	}
}

func TestLoginGivesALiveTokenAgain(t *testing.T) {
	t.Parallel()
	r, ahead := aheadRig(t)
	first := r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token")
	if again := r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token"); again != first {
		t.Error("a second login gave another token")
	}
	ahead.Store(int64(59 * time.Minute))
	if later := r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token"); later != first {
		t.Error("a login after 59 minutes gave another token")
	}
	ahead.Store(int64(61 * time.Minute))
	next := r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token")
	if next == first {
		t.Error("a token older than an hour was given again")
	}
	if got := r.as(first, "GET", "/v1.0/1001/servers", ""); got.status != 200 {
		t.Errorf("a new token ended the old one: %d", got.status)
	}
	ahead.Store(int64(24*time.Hour + time.Minute))
	if got := r.as(first, "GET", "/v1.0/1001/servers", ""); got.status != 401 {
		t.Errorf("a token of more than 24 hours gets %d, want 401", got.status)
	}
}

func TestEveryWayToFailALoginLooksTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	want := r.login("/v1.0", "demo", "wrong")
	if want.status != 401 || want.header.Get("Content-Type") == "" {
		t.Fatalf("a wrong key = %d %s", want.status, want.raw)
	}
	golden.Compare(t, "fault_login.json", want.body)
	for name, res := range map[string]response{
		"unknown user": r.login("/v1.0", "nobody", "key-of-demo"),
		"other's key":  r.login("/v1.0", "demo", "key-of-other"),
		"no user":      r.as("", "GET", "/v1.0", "", "X-Auth-Key: key-of-demo"),
		"no key":       r.as("", "GET", "/v1.0", "", "X-Auth-User: demo"),
		"bad UTF-8":    r.login("/v1.0", "de\xffmo", "key-of-demo"),
		"long user":    r.login("/v1.0", strings.Repeat("d", 5000), "key-of-demo"),
	} {
		if res.status != want.status || res.body != want.body {
			t.Errorf("%s = %d %s, want %d %s", name, res.status, res.body, want.status, want.body)
		}
	}
}

// aheadRig is a rig whose clock is as far ahead as the test says, in nanoseconds.
func aheadRig(t *testing.T) (*rig, *atomic.Int64) {
	t.Helper()
	ahead := new(atomic.Int64)
	return newRig(t, func(c *edge.Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } }), ahead
}

// rotate gives a user's key a new generation.
func (r *rig) rotate(user string) {
	r.rows.mu.Lock()
	defer r.rows.mu.Unlock()
	u := r.rows.users[user]
	u.Generation++
	r.rows.users[user] = u
}

func TestRotatedKeyEndsItsTokensWithinSeconds(t *testing.T) {
	t.Parallel()
	r, ahead := aheadRig(t)
	token := r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token")
	r.rotate("demo")
	ahead.Store(int64(5*time.Second + time.Millisecond))
	if got := r.as(token, "GET", "/v1.0/1001/servers", ""); got.status != 401 {
		t.Errorf("an old key's token gets %d after 5 s, want 401", got.status)
	}
	if again := r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token"); again == token {
		t.Error("an old key's token was given again")
	}
}

func TestRotatedKeysTokenEndsAlsoWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	r, ahead := aheadRig(t)
	ahead.Store(int64(30 * time.Minute))
	token := r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token")
	r.rotate("demo")
	ahead.Store(0)
	if got := r.as(token, "GET", "/v1.0/1001/servers", ""); got.status != 401 {
		t.Errorf("an old key's token gets %d, want 401", got.status)
	}
}

func TestATokenThatTheStoreHasLostIsNotGivenAgain(t *testing.T) {
	t.Parallel()
	r, ahead := aheadRig(t)
	lost := r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token")
	r.rows.mu.Lock()
	clear(r.rows.tokens)
	r.rows.mu.Unlock()
	ahead.Store(int64(5*time.Second + time.Millisecond))
	token := r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token")
	if got := r.as(token, "GET", "/v1.0/1001/servers", ""); token == lost || got.status != 200 {
		t.Errorf("the next login gives the token %q again: %t, which gets %d", token, token == lost, got.status)
	}
}

// TestTenantWall asks every private route with every kind of token: only the account's own gets past 401,
// and nobody else can tell anything from the answer.
func TestTenantWall(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	want := r.as("", "GET", "/v1.0/1001/servers", "").body
	golden.Compare(t, "fault_token.json", want)
	if !strings.Contains(want, "Please renew") {
		t.Errorf("an old client does not log in again after %s", want)
	}
	for _, route := range r.server.Routes() {
		if !strings.Contains(route.Path, "{account}") {
			continue
		}
		path := strings.NewReplacer("{account}", "1001", "{id}", "12", "{operation}", "0", "{address}", "198.18.0.7", "{queue}", "events.shop.one").Replace(route.Path)
		for kind, token := range map[string]string{"none": "", "other's": r.tokens[other], "forged": "x", "two": r.tokens[account] + "\r\nX-Auth-Token: x"} {
			if res := r.as(token, route.Verb, path, ""); res.status != 401 || res.body != want {
				t.Errorf("%s %s with token %s = %d %s", route.Verb, path, kind, res.status, res.body)
			}
		}
		if res := r.do(route.Verb, path, ""); res.status == 401 {
			t.Errorf("%s %s with the own token = 401", route.Verb, path)
		}
	}
	for _, path := range []string{"/v1.0/1001/nothing", "/v1.0/1001", "/v1.0/abc/servers", "/v1.0/01001/servers", "/v1.0/0/servers", "/ozone/v1", "/ozone/v1/1001", "/v1.0/1001/servers/1/2/3/4/5/6/7/8/9/10/11/12/13"} {
		if res := r.as(r.tokens[other], "GET", path, ""); res.status != 401 || res.body != want {
			t.Errorf("GET %s with another's token = %d %s, want 401", path, res.status, res.body)
		}
	}
}
