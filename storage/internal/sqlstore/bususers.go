package sqlstore

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	busUsers = `SELECT u.name, u.account, u.created, coalesce(l.limits, '') AS limits
		FROM bus_user u LEFT JOIN rate_limit l ON l.account = u.account `
	selectBusUsers = busUsers + `ORDER BY u.name`
	selectBusUser  = busUsers + `WHERE u.name = $1`
	countBusUser   = `SELECT count(*) FROM bus_user WHERE name = $1`
	insertBusUser  = `INSERT INTO bus_user (name, account, created) VALUES ($1, $2, $3)`
	deleteBusUser  = `DELETE FROM bus_user WHERE name = $1`
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
		for i := range rows {
			if users[i], err = rows[i].user(); err != nil {
				return nil, err
			}
		}
		return users, nil
	})
}

// BusUser is a user of the tenants' bus, or ErrNotFound.
func (s *Store) BusUser(ctx context.Context, name string) (storage.BusUser, error) {
	return reading(s, "read bus user", func() (storage.BusUser, error) {
		row, err := get[busUserRow](ctx, s, selectBusUser, name)
		if err != nil {
			return storage.BusUser{}, err
		}
		return row.user()
	})
}

func (r *busUserRow) user() (u storage.BusUser, err error) {
	u = storage.BusUser{Name: r.Name, Account: schemas.AccountID(r.Account), Created: instant(r.Created)}
	if u.RateLimits, err = schemas.ParseRateLimits(r.Limits); err != nil {
		err = fmt.Errorf("rate limits of account %d: %w", r.Account, err)
	}
	return u, err
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
