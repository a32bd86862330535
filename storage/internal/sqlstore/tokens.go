package sqlstore

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	selectUser = `SELECT users.name, users.account, users.generation, api_key.hash, ` + limitsColumn + ` FROM users
		JOIN api_key ON api_key.user_name = users.name
		LEFT JOIN rate_limit ON rate_limit.account = users.account WHERE users.name = $1`
	putToken = `INSERT INTO token (hash, user_name, account, generation, expires) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (hash) DO NOTHING`
	limitsColumn = `coalesce(rate_limit.limits, '') AS limits`
	liveColumns  = `token.hash, token.user_name, token.account, token.generation, token.expires, ` + limitsColumn
	liveToken    = `token JOIN users ON users.name = token.user_name AND users.generation = token.generation
		LEFT JOIN rate_limit ON rate_limit.account = token.account`
	selectToken = `SELECT ` + liveColumns + ` FROM ` + liveToken + ` WHERE token.hash = $1`
)

type userRow struct {
	Name       string `db:"name"`
	Account    int64  `db:"account"`
	Generation int64  `db:"generation"`
	Hash       []byte `db:"hash"`
	Limits     string `db:"limits"`
}

// User finds a user by name with its live key's hash, or ErrNotFound.
func (s *Store) User(ctx context.Context, name string) (storage.User, error) {
	return reading(s, "read user", func() (storage.User, error) {
		if !schemas.CleanText(name) {
			return storage.User{}, storage.ErrNotFound
		}
		row, err := get[userRow](ctx, s, selectUser, name)
		if err != nil {
			return storage.User{}, err
		}
		limits, err := schemas.ParseRateLimits(row.Limits)
		return storage.User{
			Name: row.Name, Account: schemas.AccountID(row.Account), RateLimits: limits, KeyHash: row.Hash, Generation: row.Generation,
		}, err
	})
}

// SaveToken stores a token.
func (s *Store) SaveToken(ctx context.Context, t storage.Token) error {
	return s.writing(ctx, "save token", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, putToken, t.Hash, t.User, int64(t.Account), t.Generation, micros(t.Expires))
		return err
	})
}

type tokenRow struct {
	Hash       []byte `db:"hash"`
	User       string `db:"user_name"`
	Account    int64  `db:"account"`
	Generation int64  `db:"generation"`
	Expires    int64  `db:"expires"`
	Limits     string `db:"limits"`
}

// TokenByHash finds a token that is not expired and whose generation is the user's, or ErrNotFound.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (storage.Token, error) {
	return reading(s, "read token", func() (storage.Token, error) {
		row, err := s.tokenRow(ctx, hash)
		if err == nil && row.Expires <= micros(s.now()) {
			err = storage.ErrNotFound
		}
		if err != nil {
			return storage.Token{}, err
		}
		limits, err := schemas.ParseRateLimits(row.Limits)
		return storage.Token{
			Hash: row.Hash, User: row.User, Account: schemas.AccountID(row.Account), RateLimits: limits,
			Generation: row.Generation, Expires: instant(row.Expires),
		}, err
	})
}

func (s *Store) tokenRow(ctx context.Context, hash []byte) (tokenRow, error) {
	if g := s.gathered.tokens; g != nil {
		return g.get(ctx, string(hash))
	}
	return get[tokenRow](ctx, s, selectToken, hash)
}
