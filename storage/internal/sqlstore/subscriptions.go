package sqlstore

import (
	"context"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	selectSubscriptions = `SELECT bus_user, name, account, types, server, created FROM subscription WHERE account = $1 ORDER BY bus_user, name`
	insertSubscription  = `INSERT INTO subscription (bus_user, name, account, types, server, created) VALUES ($1, $2, $3, $4, $5, $6)`
	deleteSubscription  = `DELETE FROM subscription WHERE account = $1 AND bus_user = $2 AND name = $3`
	deleteSubscriptions = `DELETE FROM subscription WHERE bus_user = $1`
)

type subscriptionRow struct {
	User    string `db:"bus_user"`
	Name    string `db:"name"`
	Account int64  `db:"account"`
	Types   string `db:"types"`
	Server  int64  `db:"server"`
	Created int64  `db:"created"`
}

func (r *subscriptionRow) subscription() storage.Subscription {
	s := storage.Subscription{Account: schemas.AccountID(r.Account), Created: instant(r.Created), Subscription: schemas.Subscription{
		User: r.User, Name: r.Name, Server: schemas.ServerID(r.Server),
	}}
	if r.Types != "" {
		s.Types = strings.Split(r.Types, ",")
	}
	return s
}

// Subscriptions lists those of an account by user and name.
func (s *Store) Subscriptions(ctx context.Context, account schemas.AccountID) ([]storage.Subscription, error) {
	return reading(s, "list subscriptions", func() ([]storage.Subscription, error) {
		rows, err := list[subscriptionRow](ctx, s, selectSubscriptions, int64(account))
		if err != nil {
			return nil, err
		}
		subscriptions := make([]storage.Subscription, len(rows))
		for i := range rows {
			subscriptions[i] = rows[i].subscription()
		}
		return subscriptions, nil
	})
}

// CreateSubscription keeps a subscription of an account.
func (s *Store) CreateSubscription(
	ctx context.Context, account schemas.AccountID, wanted schemas.Subscription,
) (kept storage.Subscription, err error) {
	row := subscriptionRow{wanted.User, wanted.Name, int64(account), strings.Join(wanted.Types, ","), int64(wanted.Server), micros(s.now())}
	err = s.writing(ctx, "create subscription", func(tx *sqlx.Tx) error {
		if err := s.lockCatalogue(ctx, tx); err != nil {
			return err
		}
		var rows []subscriptionRow
		if err := tx.SelectContext(ctx, &rows, selectSubscriptions, row.Account); err != nil {
			return err
		}
		for _, r := range rows {
			if r.User != row.User || r.Name != row.Name {
				continue
			}
			if r.Types != row.Types || r.Server != row.Server {
				return schemas.Errorf(schemas.KindConflict, "Another subscription of the name %q exists.", row.Name)
			}
			row = r
			return nil
		}
		if len(rows) >= storage.MaxSubscriptions {
			return schemas.Errorf(schemas.KindLimit, "The account has %d subscriptions: there may be no more.", len(rows))
		}
		_, err := tx.ExecContext(ctx, insertSubscription, row.User, row.Name, row.Account, row.Types, row.Server, row.Created)
		return err
	})
	return row.subscription(), err
}

// DeleteSubscription forgets a subscription of an account.
func (s *Store) DeleteSubscription(ctx context.Context, account schemas.AccountID, user, name string) error {
	return s.writing(ctx, "delete subscription", func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, deleteSubscription, int64(account), user, name)
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
