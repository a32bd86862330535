package edge_test

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/sqlite"
)

// realStore has the account of the tests, with the user "real" and the key "key".
func realStore(t *testing.T, now func() time.Time) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{
		Path: filepath.Join(t.TempDir(), "ozone.db"), Now: now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Seed(t.Context(), storage.Catalogue{Flavors: schemas.DefaultFlavors()}); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte("key"))
	if _, err := store.CreateAccount(t.Context(), schemas.Account{V: 1, ID: account, Name: "real"}, "real", hash[:]); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestTokensAndReadsWorkOnARealStore(t *testing.T) {
	t.Parallel()
	store := realStore(t, time.Now)
	r := newRig(t, func(c *edge.Config) { c.Reader, c.Tokens, c.Limits = store, store, store })
	token := r.login("/v1.0", "real", "key").header.Get("X-Auth-Token")
	for path, want := range map[string]string{
		"/v1.0/1001/servers": `{"servers":[]}`, "/v1.0/1001/images/detail": `{"images":[]}`, "/ozone/v1/1001/operations": `{"operations":[]}`,
		"/v1.0/1001/flavors/1": `{"flavor":{"id":1,"name":"256 MB Server","ram":256,"disk":10}}`, "/v1.0/1001/servers/7": "Not Found",
	} {
		if res := r.as(token, "GET", path, ""); !strings.Contains(res.body, want) {
			t.Errorf("GET %s = %d %s, want %s", path, res.status, res.body, want)
		}
	}
	if res := r.login("/v1.0", "real", "wrong"); res.status != 401 {
		t.Errorf("a wrong key = %d", res.status)
	}
	next := sha256.Sum256([]byte("next"))
	if err := store.RotateKey(t.Context(), "real", next[:]); err != nil {
		t.Fatal(err)
	}
	if res := r.login("/v1.0", "real", "key"); res.status != 401 {
		t.Errorf("the old key = %d", res.status)
	}
	if again := r.login("/v1.0", "real", "next").header.Get("X-Auth-Token"); again == "" || again == token {
		t.Errorf("the new key gives the token %q", again)
	}
}

// savedTokens counts what an edge saves.
type savedTokens struct {
	storage.Tokens

	n atomic.Int64
}

func (s *savedTokens) SaveToken(ctx context.Context, t storage.Token) error {
	s.n.Add(1)
	return s.Tokens.SaveToken(ctx, t)
}

func TestEdgesShareTokensUntilTheKeyIsRotated(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	store := realStore(t, now)
	var edges [2]*rig
	var saved [2]savedTokens
	var tokens [2]string
	for i := range edges {
		saved[i].Tokens = store
		edges[i] = newRig(t, func(c *edge.Config) { c.Reader, c.Tokens, c.Limits, c.Now = store, &saved[i], store, now })
	}
	for _, at := range []time.Duration{0, time.Minute, 59 * time.Minute} {
		ahead.Store(int64(at))
		for i, e := range edges {
			token := e.login("/v1.0", "real", "key").header.Get("X-Auth-Token")
			if tokens[i] == "" {
				tokens[i] = token
			}
			if token == "" || token != tokens[i] {
				t.Errorf("edge %d gave %q after %v, want %q again", i, token, at, tokens[i])
			}
		}
	}
	if a, b := saved[0].n.Load(), saved[1].n.Load(); a != 1 || b != 1 {
		t.Errorf("the edges saved %d and %d tokens within an hour, want one each", a, b)
	}
	all := func(want int) {
		t.Helper()
		for i, e := range edges {
			for j, token := range tokens {
				if got := e.as(token, "GET", "/v1.0/1001/servers", ""); got.status != want {
					t.Errorf("edge %d answers the token of edge %d with %d, want %d", i, j, got.status, want)
				}
			}
		}
	}
	all(200)
	next := sha256.Sum256([]byte("next"))
	if err := store.RotateKey(t.Context(), "real", next[:]); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(5 * time.Second))
	all(401)
	for i, e := range edges {
		if res := e.login("/v1.0", "real", "key"); res.status != 401 {
			t.Errorf("edge %d answers the old key with %d", i, res.status)
		}
		tokens[i] = e.login("/v1.0", "real", "next").header.Get("X-Auth-Token")
	}
	all(200)
}
