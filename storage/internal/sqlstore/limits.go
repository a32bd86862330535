package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	selectAccount = `SELECT state FROM account WHERE id = $1`
	// A row that has room is locked by the same statement that counts, so that nobody counts beyond it in between.
	countConflict = ` ON CONFLICT (account, rule) DO UPDATE SET
			used = CASE WHEN rate.until > $2 THEN rate.used + 1 ELSE 1 END,
			until = CASE WHEN rate.until > $2 THEN rate.until ELSE excluded.until END,
			value = excluded.value
		WHERE rate.until <= $2 OR rate.used < excluded.value
		RETURNING rule, used, until`
	uncountRequest = `UPDATE rate SET used = used - 1 WHERE account = $1 AND rule = $2 AND until = $3 AND used > 0`
	selectWindows  = `SELECT rule, used, until FROM rate WHERE account = $1 AND until > $2 ORDER BY rule`
	dropWindows    = `DELETE FROM rate WHERE account = $1`
	putLimits      = `INSERT INTO rate_limit (account, limits) SELECT id, $2 FROM account WHERE id = $1
		ON CONFLICT (account) DO UPDATE SET limits = excluded.limits`
	selectLimits = `SELECT account, limits FROM rate_limit`
)

// countRequest is the text that counts under so many rules at once: there are never more than two. $1 is the account, $2 the time.
func countRequest(rules int) string {
	rows := make([]string, rules)
	for i := range rows {
		rows[i] = fmt.Sprintf("($1, $%d, 1, $%d, $%d)", 3*i+3, 3*i+4, 3*i+5)
	}
	return "INSERT INTO rate (account, rule, used, value, until) VALUES " + strings.Join(rows, ", ") + countConflict
}

type windowRow struct {
	Rule  string `db:"rule"`
	Used  int64  `db:"used"`
	Until int64  `db:"until"`
}

func (r *windowRow) window() storage.RateWindow {
	return storage.RateWindow{Rule: schemas.RateRule(r.Rule), Used: r.Used, Until: instant(r.Until)}
}

func windows(rows []windowRow) []storage.RateWindow {
	list := make([]storage.RateWindow, len(rows))
	for i := range rows {
		list[i] = rows[i].window()
	}
	return list
}

// Account is the state of an account, or ErrNotFound.
func (s *Store) Account(ctx context.Context, id schemas.AccountID) (schemas.Account, error) {
	return reading(s, "read account", func() (schemas.Account, error) {
		var account schemas.Account
		state, err := get[[]byte](ctx, s, selectAccount, int64(id))
		if err == nil {
			err = json.Unmarshal(state, &account)
		}
		return account, err
	})
}

// CountRequest counts one request of an account under each of the rates, or under none of them.
func (s *Store) CountRequest(ctx context.Context, account schemas.AccountID, rates schemas.RateLimits) ([]storage.RateWindow, error) {
	// Nearly all that are refused are refused here: whoever asks too much holds up nobody who writes.
	open, err := s.RateWindows(ctx, account)
	if err != nil {
		return nil, err
	}
	if full, ok := usedUp(open, rates); ok {
		return nil, &storage.OverRateError{Full: full}
	}
	now := s.now()
	args := []any{int64(account), micros(now)}
	for _, rule := range schemas.RateRules() { // in one order: two that count wait for one another at the first row
		if rate, ok := rates[rule]; ok {
			args = append(args, string(rule), rate.Value, micros(windowEnd(now, rate.Unit)))
		}
	}
	var counted []windowRow
	err = s.writing(ctx, "count request", func(tx *sqlx.Tx) error {
		if err := s.prepared(ctx, tx, countRequest(len(rates))).SelectContext(ctx, &counted, args...); err != nil {
			return err
		}
		if len(counted) == len(rates) {
			return nil
		}
		return lateRefusal(ctx, tx, account, now, rates, counted)
	})
	if err != nil {
		return nil, err
	}
	return windows(counted), nil
}

// windowEnd is a whole second, so that who is told the second finds room at it.
func windowEnd(now time.Time, unit schemas.RateUnit) time.Time {
	return now.Add(unit.Window() + time.Second - 1).Truncate(time.Second)
}

// usedUp is the window without room that has none for the longest; ok is false when each of the rates has room.
func usedUp(open []storage.RateWindow, rates schemas.RateLimits) (full storage.RateWindow, ok bool) {
	for _, w := range open {
		if rate, asked := rates[w.Rule]; asked && w.Used >= rate.Value && w.Until.After(full.Until) {
			full, ok = w, true
		}
	}
	return full, ok
}

// lateRefusal is the error for a request that others have left no room since it looked: under some of the rates it was not counted.
func lateRefusal(
	ctx context.Context, tx *sqlx.Tx, account schemas.AccountID, now time.Time, rates schemas.RateLimits, counted []windowRow,
) error {
	refused := maps.Clone(rates)
	for _, w := range counted {
		delete(refused, schemas.RateRule(w.Rule))
	}
	var rows []windowRow
	if err := tx.SelectContext(ctx, &rows, selectWindows, int64(account), micros(now)); err != nil {
		return err
	}
	full, ok := usedUp(windows(rows), refused)
	if !ok {
		return errors.New("a request was not counted although there is room")
	}
	return &storage.OverRateError{Full: full}
}

// UncountRequest takes back what CountRequest counted.
func (s *Store) UncountRequest(ctx context.Context, account schemas.AccountID, counted []storage.RateWindow) error {
	return s.writing(ctx, "take back the count of a request", func(tx *sqlx.Tx) error {
		for _, w := range counted {
			if _, err := tx.ExecContext(ctx, uncountRequest, int64(account), string(w.Rule), micros(w.Until)); err != nil {
				return err
			}
		}
		return nil
	})
}

// RateWindows is how many requests an account made under each rule in a window that has not ended.
func (s *Store) RateWindows(ctx context.Context, account schemas.AccountID) ([]storage.RateWindow, error) {
	return reading(s, "read rates", func() ([]storage.RateWindow, error) {
		rows, err := list[windowRow](ctx, s, selectWindows, int64(account), micros(s.now()))
		return windows(rows), err
	})
}

// SetRateLimits says where the rate limits of an account differ from the usual, and ends its windows.
func (s *Store) SetRateLimits(ctx context.Context, account schemas.AccountID, limits schemas.RateLimits) error {
	return s.writing(ctx, "set rate limits", func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, putLimits, int64(account), limits.String())
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			return storage.ErrNotFound
		}
		_, err = tx.ExecContext(ctx, dropWindows, int64(account))
		return err
	})
}

type limitsRow struct {
	Account int64  `db:"account"`
	Limits  string `db:"limits"`
}

// allRateLimits are those of every account that has some of its own.
func (s *Store) allRateLimits(ctx context.Context) (map[schemas.AccountID]schemas.RateLimits, error) {
	rows, err := list[limitsRow](ctx, s, selectLimits)
	if err != nil {
		return nil, err
	}
	all := make(map[schemas.AccountID]schemas.RateLimits, len(rows))
	for _, r := range rows {
		if all[schemas.AccountID(r.Account)], err = schemas.ParseRateLimits(r.Limits); err != nil {
			return nil, fmt.Errorf("rate limits of account %d: %w", r.Account, err)
		}
	}
	return all, nil
}
