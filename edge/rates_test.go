package edge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/sqlite"
)

// counter tells what an edge asks of a store.
type counter struct {
	storage.Limits
	storage.Tokens

	n atomic.Int64
}

func (c *counter) CountRequest(ctx context.Context, a schemas.AccountID, rates schemas.RateLimits) ([]storage.RateWindow, error) {
	c.n.Add(1)
	return c.Limits.CountRequest(ctx, a, rates)
}

func (c *counter) TokenByHash(ctx context.Context, hash []byte) (storage.Token, error) {
	c.n.Add(1)
	return c.Tokens.TokenByHash(ctx, hash)
}

// limited is edges on one store whose clock the test moves. The account has the limits of v1.0.
type limited struct {
	edges []*rig
	store *sqlite.Store
	asked counter
	token string
	ahead atomic.Int64
}

func newLimited(t *testing.T, edges int) *limited {
	t.Helper()
	l := &limited{}
	now := func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) }
	l.store = realStore(t, now)
	l.asked.Limits, l.asked.Tokens = l.store, l.store
	for range edges {
		l.edges = append(l.edges, newRig(t, func(c *edge.Config) {
			c.Reader, c.Tokens, c.Limits, c.Now, c.RateLimits = l.store, &l.asked, &l.asked, now, schemas.DefaultRateLimits()
		}))
	}
	l.pass(0)
	return l
}

// pass moves the clock, and logs in: a token lives for a day.
func (l *limited) pass(d time.Duration) {
	l.ahead.Add(int64(d))
	l.token = l.edges[0].login("/v1.0", "real", "key").header.Get("X-Auth-Token")
}

// requests are one for each rule, in the order of GET /limits; each is answered without a fault.
var requests = []struct{ verb, path, body string }{
	{"POST", "/v1.0/1001/servers/12/action", `{"reboot":{"type":"HARD"}}`},
	{"POST", "/v1.0/1001/servers", `{"server":{"imageId":1,"flavorId":1}}`},
	{"PUT", "/v1.0/1001/servers/12", `{"server":{"name":"n"}}`},
	{"GET", "/v1.0/1001/servers?changes-since=1", ""},
	{"DELETE", "/v1.0/1001/servers/12", ""},
}

type rate struct {
	Value, Remaining, ResetTime int64
	Unit                        string
}

// rates are what GET /limits shows.
func (l *limited) rates(t *testing.T) []rate {
	t.Helper()
	res := l.edges[0].as(l.token, "GET", "/v1.0/1001/limits", "")
	var doc struct{ Limits struct{ Rate []rate } }
	if err := json.Unmarshal([]byte(res.body), &doc); err != nil || res.status != 200 {
		t.Fatalf("GET /limits = %d %s, %v", res.status, res.body, err)
	}
	return doc.Limits.Rate
}

func TestEachDefaultRateIsReachedAndReset(t *testing.T) {
	t.Parallel()
	values, windows := []int64{10, 50, 10, 3, 100}, []time.Duration{time.Minute, 24 * time.Hour, time.Minute, time.Minute, time.Minute}
	for i, q := range requests {
		t.Run(q.verb+" "+q.path, func(t *testing.T) {
			t.Parallel()
			l := newLimited(t, 1)
			e := l.edges[0]
			for round := range 2 {
				for n := range values[i] {
					if q.path == "/v1.0/1001/servers" && n%10 == 0 {
						l.pass(61 * time.Second) // every POST counts among ten a minute too
					}
					if res := e.as(l.token, q.verb, q.path, q.body); res.status >= 400 {
						t.Fatalf("request %d of round %d = %d %s", n+1, round+1, res.status, res.body)
					}
				}
				shown := l.rates(t)[i]
				if shown.Value != values[i] || shown.Remaining != 0 {
					t.Errorf("GET /limits shows %+v, want 0 of %d", shown, values[i])
				}
				if windows[i] > time.Minute {
					l.pass(61 * time.Second) // the other rule has room again
				}
				res := e.as(l.token, q.verb, q.path, q.body)
				wait, err := strconv.ParseInt(res.header.Get("Retry-After"), 10, 64)
				if res.status != 413 || err != nil || wait < 1 || time.Duration(wait)*time.Second > windows[i]+time.Second {
					t.Fatalf("one more = %d, %v %s", res.status, res.header, res.body)
				}
				var fault map[string]struct{ RetryAfter time.Time }
				if err := json.Unmarshal([]byte(res.body), &fault); err != nil || fault["overLimit"].RetryAfter.Unix() != shown.ResetTime {
					t.Errorf("the fault is %s, want a retryAfter of %s", res.body, time.Unix(shown.ResetTime, 0).UTC())
				}
				if got := res.header.Get("Reply-After"); got != res.header.Get("Retry-After") {
					t.Errorf("Reply-After is %q, Retry-After %d", got, wait)
				}
				l.pass(time.Duration(wait) * time.Second)
				if shown := l.rates(t)[i]; shown.Remaining != values[i] {
					t.Errorf("after its window GET /limits shows %+v", shown)
				}
			}
		})
	}
}

func TestARefusalByRateIsTheSameInXML(t *testing.T) {
	t.Parallel()
	l := newLimited(t, 1)
	for range 3 {
		l.edges[0].as(l.token, "GET", requests[3].path, "")
	}
	res := l.edges[0].as(l.token, "GET", requests[3].path, "", "Accept: application/xml")
	if res.status != 413 || !strings.Contains(res.body, `<overLimit xmlns="`+namespace+`" code="413" retryAfter="`) || res.header.Get("Reply-After") == "" {
		t.Errorf("in XML: %d %v %s", res.status, res.header, res.body)
	}
}

// TestFaultsDoNotCount makes every kind of fault, from the edge and from actors, more often than the rates allow.
func TestFaultsDoNotCount(t *testing.T) {
	t.Parallel()
	l := newLimited(t, 1)
	e := l.edges[0]
	e.answers(func(cmd *schemas.Command) *schemas.Answer {
		return &schemas.Answer{V: 1, Operation: cmd.ID, Fault: schemas.Errorf(schemas.KindConflict, "no")}
	})
	for range 12 {
		for _, q := range append(requests[:3:3], requests[4]) {
			if res := e.as(l.token, q.verb, q.path, q.body); res.status != 409 {
				t.Fatalf("%s %s = %d %s, want 409", q.verb, q.path, res.status, res.body)
			}
		}
		for status, q := range map[int][]string{
			415: {"POST", "/v1.0/1001/servers", "x"}, 400: {"PUT", "/v1.0/1001/servers/12", "{"},
			404: {"DELETE", "/v1.0/1001/servers/x", ""}, 405: {"DELETE", "/v1.0/1001/servers", ""},
		} {
			kind := "Content-Type: application/json"
			if status == 415 {
				kind = "Content-Type: text/plain"
			}
			if res := e.as(l.token, q[0], q[1], q[2], kind); res.status != status {
				t.Fatalf("%v = %d %s, want %d", q, res.status, res.body, status)
			}
		}
		if res := e.as(l.token, "GET", "/v1.0/1001/servers/99?changes-since=1", ""); res.status != 404 {
			t.Fatalf("a server that is not there = %d %s", res.status, res.body)
		}
	}
	for i, shown := range l.rates(t) {
		if shown.Remaining != shown.Value {
			t.Errorf("rule %d shows %+v after faults only", i, shown)
		}
	}
}

func TestEdgesCountTogether(t *testing.T) {
	t.Parallel()
	l := newLimited(t, 2)
	var count [2]atomic.Int64
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			for range 3 {
				switch res := l.edges[i%2].as(l.token, "PUT", requests[2].path, requests[2].body); res.status {
				case 204:
					count[0].Add(1)
				case 413:
					count[1].Add(1)
				default:
					t.Errorf("PUT = %d %s", res.status, res.body)
				}
			}
		})
	}
	all.Wait()
	if count[0].Load() != 10 || count[1].Load() != 26 {
		t.Errorf("%d accepted and %d refused, want 10 and 26", count[0].Load(), count[1].Load())
	}
}

// TestWhatDoesNotCountCostsNothing looks at what is asked of the store: nothing but the token, once.
func TestWhatDoesNotCountCostsNothing(t *testing.T) {
	t.Parallel()
	l := newLimited(t, 1)
	e := l.edges[0]
	before := l.asked.n.Load()
	for _, path := range []string{"/servers", "/flavors?limit=1", "/images/detail?changes_since=0", "/limits"} {
		if res := e.as(l.token, "GET", "/v1.0/1001"+path, ""); res.status != 200 {
			t.Errorf("GET %s = %d %s", path, res.status, res.body)
		}
	}
	if n := l.asked.n.Load() - before; n != 0 {
		t.Errorf("GETs without a rule asked %d times", n)
	}
	if err := l.store.SetRateLimits(t.Context(), account, schemas.NoRateLimits()); err != nil {
		t.Fatal(err)
	}
	l.ahead.Add(int64(5 * time.Second)) // the edge trusts what it knows of the token for so long
	before = l.asked.n.Load()
	for range 20 {
		if res := e.as(l.token, "PUT", requests[2].path, requests[2].body); res.status != 204 {
			t.Fatalf("PUT with the limits off = %d %s", res.status, res.body)
		}
	}
	if n := l.asked.n.Load() - before; n != 1 {
		t.Errorf("an account whose limits are off asked %d times, want once for the token", n)
	}
	if got := l.rates(t); len(got) != 0 {
		t.Errorf("GET /limits shows the rates %+v of an account whose limits are off", got)
	}
}

func TestAnAccountHasItsOwnRates(t *testing.T) {
	t.Parallel()
	l := newLimited(t, 1)
	own := schemas.RateLimits{schemas.RatePut: {Value: 2, Unit: schemas.RateHour}, schemas.RateDelete: {}}
	if err := l.store.SetRateLimits(t.Context(), account, own); err != nil {
		t.Fatal(err)
	}
	l.ahead.Add(int64(5 * time.Second)) // the edge trusts what it knows of the token for so long
	var got []string
	for range 3 {
		got = append(got, strconv.Itoa(l.edges[0].as(l.token, "PUT", requests[2].path, requests[2].body).status))
	}
	if fmt.Sprint(got) != "[204 204 413]" {
		t.Errorf("three PUTs of two an hour = %v", got)
	}
	shown := l.rates(t)
	if len(shown) != 4 || shown[2].Value != 2 || shown[2].Unit != "HOUR" {
		t.Errorf("GET /limits shows %+v, want two PUTs an hour and no rule for DELETE", shown)
	}
}
