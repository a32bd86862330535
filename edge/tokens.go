package edge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// TokenLife is how long an auth token works. Source: API guide v1.0, "Authentication" (24 hours).
const TokenLife = 24 * time.Hour

const (
	// tokenReuse is how old a token may be to be given out again. Source: docs/numbers.md.
	tokenReuse = time.Hour
	// tokenTrust is how long a token is taken for good without asking the store: a rotated key's tokens die within it, and
	// other rate limits count.
	tokenTrust = 5 * time.Second
	// maxTokens bounds each map below; a full one forgets everything, which costs a read of the store each.
	maxTokens = 1 << 16
)

type tokenHash = [sha256.Size]byte

// tokens gives out tokens and recognizes them.
type tokens struct {
	store storage.Tokens
	usual schemas.RateLimits // of accounts that have none of their own
	now   func() time.Time
	// looks is by generation and user: of logins at the same time one finds or makes the token.
	looks singleflight.Group

	mu      sync.RWMutex
	trusted map[tokenHash]trust // guarded by mu
	issued  map[string]issue    // by user; guarded by mu. The only place where a token is kept in clear
}

// trust holds from since on, until until: a clock that was set back ends it too.
type trust struct {
	account      schemas.AccountID
	limits       schemas.RateLimits // the rates that count; not to be changed
	since, until time.Time
}

func (t *trust) holds(now time.Time) bool { return !now.Before(t.since) && now.Before(t.until) }

type issue struct {
	token      string
	generation int64
	born       time.Time
}

func newTokens(store storage.Tokens, usual schemas.RateLimits, now func() time.Time) *tokens {
	return &tokens{store: store, usual: usual, now: now, trusted: map[tokenHash]trust{}, issued: map[string]issue{}}
}

// owner is whose token it is; errToken when it is nobody's or no longer.
func (t *tokens) owner(ctx context.Context, token []byte) (trust, error) {
	if len(token) == 0 {
		return trust{}, errToken
	}
	hash, now := sha256.Sum256(token), t.now()
	t.mu.RLock()
	known, ok := t.trusted[hash]
	t.mu.RUnlock()
	if ok && known.holds(now) {
		return known, nil
	}
	row, err := t.store.TokenByHash(ctx, hash[:])
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return trust{}, errToken
	case err != nil:
		return trust{}, fmt.Errorf("check token: %w", err)
	case !now.Before(row.Expires):
		return trust{}, errToken
	}
	return t.trust(hash, row, now), nil
}

// trust takes a token for good from since on, when the store had its generation or had not been asked yet.
func (t *tokens) trust(hash tokenHash, row storage.Token, since time.Time) trust {
	until := since.Add(tokenTrust)
	if row.Expires.Before(until) {
		until = row.Expires
	}
	owner := trust{row.Account, row.RateLimits.Over(t.usual), since, until}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.trusted) >= maxTokens {
		clear(t.trusted)
	}
	t.trusted[hash] = owner
	return owner
}

// login checks a user's key and gives a token that works for a while: one given before, or a new one.
// Every way to fail does the same work and looks the same.
func (t *tokens) login(ctx context.Context, user, key string) (token string, account schemas.AccountID, err error) {
	if !schemas.CleanText(user) {
		user = ""
	}
	asked := t.now()
	row, err := t.store.User(ctx, user)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return "", 0, fmt.Errorf("log in: %w", err)
	}
	hash := sha256.Sum256([]byte(key))
	same := subtle.ConstantTimeCompare(hash[:], row.KeyHash) == 1
	if err != nil || !same || user == "" {
		return "", 0, errLogin
	}
	token, err = t.tokenOf(ctx, row, asked)
	return token, row.Account, err
}

// tokenOf is a live token of the user for the key that it had when the store was asked: a young one of this edge, or a new one.
func (t *tokens) tokenOf(ctx context.Context, u storage.User, asked time.Time) (string, error) {
	ctx = context.WithoutCancel(ctx) // others may wait for it
	found, err, _ := t.looks.Do(strconv.FormatInt(u.Generation, 10)+" "+u.Name, func() (any, error) {
		if token, ok := t.given(u); ok {
			// A store that was restored may not have it any more.
			if _, err := t.owner(ctx, []byte(token)); !errors.Is(err, errToken) {
				return token, err
			}
		}
		return t.give(ctx, u, asked)
	})
	token, _ := found.(string) // nothing else is returned above
	return token, err
}

// given is the token that this edge gave the user lately, for the key it has now.
func (t *tokens) given(u storage.User) (string, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	i, ok := t.issued[u.Name]
	age := t.now().Sub(i.born)
	return i.token, ok && i.generation == u.Generation && age >= 0 && age < tokenReuse
}

// give makes a token. It is trusted from when the store was asked for the key: that may have been rotated since.
func (t *tokens) give(ctx context.Context, u storage.User, asked time.Time) (string, error) {
	secret := make([]byte, 32) // 256 bits: nobody guesses it, so a plain hash of it is enough
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(token))
	row := storage.Token{
		Hash: hash[:], User: u.Name, Account: u.Account, RateLimits: u.RateLimits, Generation: u.Generation, Expires: asked.Add(TokenLife),
	}
	if err := t.store.SaveToken(ctx, row); err != nil {
		return "", fmt.Errorf("save token: %w", err)
	}
	t.trust(hash, row, asked)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.issued) >= maxTokens {
		clear(t.issued)
	}
	t.issued[u.Name] = issue{token, u.Generation, asked}
	return token, nil
}
