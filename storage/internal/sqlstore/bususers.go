package sqlstore

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	selectBusUsers = `SELECT u.name, u.account, u.created, coalesce(l.limits, '') AS limits
		FROM bus_user u LEFT JOIN rate_limit l ON l.account = u.account ORDER BY u.name`
	countBusUser  = `SELECT count(*) FROM bus_user WHERE name = $1`
	insertBusUser = `INSERT INTO bus_user (name, account, created) VALUES ($1, $2, $3)`
	deleteBusUser = `DELETE FROM bus_user WHERE name = $1`
)

type busUserRow struct {
	Name    string `db:"name"`
	Account int64  `db:"account"`
	Created int64  `db:"created"`
	Limits  string `db:"limits"`
}

// BusUsers lists the users of the tenants' bus by name.
func (s *Store) BusUsers(ctx context.Context) ([]storage.BusUser, error) {
	return reading(s, "list bus users", func() ([]storage.BusUser, error) {
		rows, err := list[busUserRow](ctx, s, selectBusUsers)
		if err != nil {
			return nil, err
		}
		users := make([]storage.BusUser, len(rows))
		for i, r := range rows {
			users[i] = storage.BusUser{Name: r.Name, Account: schemas.AccountID(r.Account), Created: instant(r.Created)}
			if users[i].RateLimits, err = schemas.ParseRateLimits(r.Limits); err != nil {
				return nil, fmt.Errorf("rate limits of account %d: %w", r.Account, err)
			}
		}
		return users, nil
	})
}

// CreateBusUser makes a user of the tenants' bus for an account.
func (s *Store) CreateBusUser(ctx context.Context, name string, account schemas.AccountID) error {
	return s.writing(ctx, "create bus user", func(tx *sqlx.Tx) error {
		if err := s.lockCatalogue(ctx, tx); err != nil {
			return err
		}
		var n int64
		if err := tx.GetContext(ctx, &n, countBusUser, name); err != nil {
			return err
		}
		if n > 0 {
			return schemas.Errorf(schemas.KindConflict, "bus user %q exists", name)
		}
		if err := tx.GetContext(ctx, &n, countAccount, int64(account)); err != nil {
			return err
		}
		if n == 0 {
			return storage.ErrNotFound
		}
		_, err := tx.ExecContext(ctx, insertBusUser, name, int64(account), micros(s.now()))
		return err
	})
}

// DeleteBusUser ends a user, with its subscriptions.
func (s *Store) DeleteBusUser(ctx context.Context, name string) error {
	return s.writing(ctx, "delete bus user", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, deleteSubscriptions, name); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, deleteBusUser, name)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			err = storage.ErrNotFound
		}
		return err
	})
}
