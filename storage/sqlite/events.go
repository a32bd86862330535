package sqlite

import (
	"context"
	"encoding/json"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// pageSpan is how many events, of all accounts, one page looks at: without an index by account, which would cost
// every commit something, a reader of few events among many asks again. Source: docs/numbers.md.
const pageSpan = 4096

const (
	selectEnds = `SELECT coalesce((SELECT min(position) FROM event), 1) AS first, coalesce((SELECT max(position) FROM event), 0) AS last`
	selectPage = `SELECT 0 AS xact, ` + sqlstore.EventColumns + ` FROM event
		WHERE position > $1 AND position <= $2 AND account IN (SELECT value FROM json_each($3)) ORDER BY position LIMIT $4`
	selectTime = `SELECT time FROM event WHERE position = $1`
)

type ends struct {
	First int64 `db:"first"`
	Last  int64 `db:"last"`
}

// Page reads events by their positions, which ascend without gaps in the order of the commits.
func (dialect) Page(ctx context.Context, tx *sqlx.Tx, accounts []int64, after sqlstore.Place, limit int) (sqlstore.LogPage, error) {
	var page sqlstore.LogPage
	var log ends
	if err := tx.GetContext(ctx, &log, selectEnds); err != nil {
		return page, err
	}
	if after.Position > log.Last { // the file was put back
		return page, storage.ErrCursorGone
	}
	from := max(after.Position, log.First-1)
	upto := min(from+pageSpan, log.Last)
	wanted, err := json.Marshal(accounts)
	if err != nil {
		return page, err
	}
	if err := tx.SelectContext(ctx, &page.Rows, selectPage, from, upto, string(wanted), limit); err != nil {
		return page, err
	}
	page.Next.Position = upto
	if len(page.Rows) == limit {
		page.Next.Position = page.Rows[limit-1].Position
	}
	if page.More = page.Next.Position < log.Last; !page.More {
		return page, nil
	}
	return page, tx.GetContext(ctx, &page.Time, selectTime, page.Next.Position)
}

// End is the last position.
func (dialect) End(ctx context.Context, tx *sqlx.Tx) (sqlstore.Place, error) {
	var log ends
	err := tx.GetContext(ctx, &log, selectEnds)
	return sqlstore.Place{Position: log.Last}, err
}
