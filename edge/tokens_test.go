package edge

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/storage"
)

// slowTokens has one user, whose key is "key", and saves when the test says how that ends.
type slowTokens struct {
	storage.Tokens

	saving chan storage.Token
	end    chan error
}

func (s *slowTokens) User(context.Context, string) (storage.User, error) {
	hash := sha256.Sum256([]byte("key"))
	return storage.User{Name: "demo", Account: 1001, KeyHash: hash[:], Generation: 1}, nil
}

func (s *slowTokens) SaveToken(_ context.Context, t storage.Token) error {
	s.saving <- t
	return <-s.end
}

func TestLoginsAtTheSameTimeSaveOneToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const logins = 20
		store := &slowTokens{saving: make(chan storage.Token, logins), end: make(chan error)}
		tokens := newTokens(store, nil, time.Now)
		lost := errors.New("connection lost")
		for _, end := range []error{lost, nil} {
			var wg sync.WaitGroup
			var given [logins]string
			for i := range given {
				wg.Go(func() {
					var err error
					if given[i], _, err = tokens.login(t.Context(), "demo", "key"); !errors.Is(err, end) {
						t.Errorf("login() = %v, want %v", err, end)
					}
				})
			}
			synctest.Wait()
			if n := len(store.saving); n != 1 {
				t.Fatalf("%d logins save %d tokens", logins, n)
			}
			<-store.saving
			store.end <- end
			wg.Wait()
			for _, token := range given {
				if token != given[0] || (token == "") != (end != nil) {
					t.Errorf("login() = %q, another one %q", token, given[0])
				}
			}
		}
	})
}
