package edge_test

import (
	"crypto/sha256"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/sqlite"
)

func TestTokensAndReadsWorkOnARealStore(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), sqlite.Config{
		Path: filepath.Join(t.TempDir(), "ozone.db"), Now: time.Now, Log: slog.New(slog.DiscardHandler),
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
	r := newRig(t, func(c *edge.Config) { c.Reader, c.Tokens = store, store })
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
