package postgres

import (
	"context"
	"strconv"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// Positions are given out before the commit, so one below those that were read may still come. Transactions below the
// oldest one that runs have all ended: of them nothing comes any more.
const (
	selectPage = `SELECT CAST(CAST(xact AS TEXT) AS BIGINT) AS xact, ` + sqlstore.EventColumns + ` FROM event
		WHERE account = $1 AND (xact, position) > (CAST($2 AS XID8), $3) AND xact < pg_snapshot_xmin(pg_current_snapshot())
		ORDER BY xact, position LIMIT $4`
	// Each account is looked up by itself: that is a few rows at the end of its part of an index.
	selectPageOfAll = `SELECT found.* FROM unnest($1::BIGINT[]) AS wanted (id) CROSS JOIN LATERAL (
		SELECT CAST(CAST(xact AS TEXT) AS BIGINT) AS xact, ` + sqlstore.EventColumns + ` FROM event
		WHERE account = wanted.id AND (event.xact, position) > (CAST($2 AS XID8), $3) AND event.xact < pg_snapshot_xmin(pg_current_snapshot())
		ORDER BY event.xact, position LIMIT $4) AS found ORDER BY xact, position LIMIT $4`
	selectOldest = `SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)`
)

// Page reads events by the transaction that wrote them, then by position.
func (dialect) Page(ctx context.Context, tx *sqlx.Tx, accounts []int64, after sqlstore.Place, limit int) (sqlstore.LogPage, error) {
	page := sqlstore.LogPage{Next: after}
	xact := strconv.FormatUint(after.Xact, 10)
	query, of := selectPageOfAll, any(pq.Array(accounts))
	if len(accounts) == 1 {
		query, of = selectPage, accounts[0]
	}
	if err := tx.SelectContext(ctx, &page.Rows, query, of, xact, after.Position, limit); err != nil {
		return page, err
	}
	if n := len(page.Rows); n > 0 {
		last := &page.Rows[n-1]
		page.Next, page.Time = sqlstore.Place{Xact: last.Xact, Position: last.Position}, last.Time
		page.More = n == limit
	}
	return page, nil
}

// End is before everything that a transaction which still runs, or a later one, has written.
func (dialect) End(ctx context.Context, tx *sqlx.Tx) (sqlstore.Place, error) {
	var oldest uint64
	err := tx.GetContext(ctx, &oldest, selectOldest)
	return sqlstore.Place{Xact: oldest}, err
}
