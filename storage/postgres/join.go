package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

var _ sqlstore.Joiner = dialect{}

// Begin sends its three statements in one message without parameters: the server runs each with a snapshot of its own,
// so the last one sees what was committed while the second one waited.
func (dialect) Begin(
	ctx context.Context, tx *sqlx.Tx, c sqlstore.Committer, shards []schemas.Shard,
) (epochs map[schemas.Shard]schemas.Epoch, moved bool, err error) {
	rows, err := tx.QueryxContext(ctx, step(c)+"; "+fence(shards))
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for result := range 2 {
		for rows.Next() { // the driver finds the next result only behind the last row
			moved = moved || result == 0
		}
		if !rows.NextResultSet() {
			return nil, moved, errors.Join(rows.Err(), errors.New("the server left out a result"))
		}
	}
	epochs = make(map[schemas.Shard]schemas.Epoch, schemas.Shards)
	for rows.Next() {
		var shard schemas.Shard
		var epoch schemas.Epoch
		if err := rows.Scan(&shard, &epoch); err != nil {
			return nil, moved, err
		}
		epochs[shard] = epoch
	}
	return epochs, moved, rows.Err()
}

// fenceApart locks shards, and reads the epochs of all in a statement of its own.
func fenceApart(shards []schemas.Shard) string {
	return lock(shards, false) + "; SELECT id, epoch FROM shard"
}

// step moves a committer by one and returns a row when it has. A repetition waits here for its first try.
func step(c sqlstore.Committer) string {
	id := pq.QuoteLiteral(c.ID)
	if c.Number == 1 {
		return fmt.Sprintf("INSERT INTO committer (id, n, updated) VALUES (%s, 1, %d) ON CONFLICT (id) DO NOTHING RETURNING n", id, c.Now)
	}
	return fmt.Sprintf("UPDATE committer SET n = %d, updated = %d WHERE id = %s AND n = %d RETURNING n", c.Number, c.Now, id, c.Number-1)
}

// Join makes each Write a part of one statement, which returns how many rows each wrote that may refuse some.
func (d dialect) Join(writes []*sqlstore.Write) string {
	parts, counts := make([]string, len(writes)), []string{"0"}
	first := 1
	for i, w := range writes {
		part := fmt.Sprintf("w%d AS (%s", i, d.statement(w, first))
		if w.Refused != "" {
			part += " RETURNING 1"
			counts = append(counts, fmt.Sprintf("(SELECT count(*) FROM w%d)", i))
		}
		parts[i] = part + ")"
		first += len(w.Columns)
	}
	return "WITH " + strings.Join(parts, ", ") + " SELECT ARRAY[" + strings.Join(counts, ", ") + "]::BIGINT[]"
}

// PutAll writes the rows of all writes at once.
func (d dialect) PutAll(ctx context.Context, stmt *sqlx.Stmt, writes []*sqlstore.Write, rows [][]sqlstore.Row) error {
	var args []any
	for i, w := range writes {
		more, err := arrays(w.Columns, len(rows[i]), func(row int) []any { return rows[i][row].Values })
		if err != nil {
			return fmt.Errorf("%s: %w", w.Table, err)
		}
		args = append(args, more...)
	}
	var counts pq.Int64Array
	err := stmt.QueryRowxContext(ctx, args...).Scan(&counts)
	if d.IsData(err) {
		return &sqlstore.RowError{Row: -1, Err: err}
	}
	if err != nil {
		return err
	}
	counts = counts[1:]
	for i, w := range writes {
		if w.Refused == "" {
			continue
		}
		if counts[0] < int64(len(rows[i])) {
			return &sqlstore.RowError{Row: -1, Err: fmt.Errorf("%s: %s", w.Table, w.Refused)}
		}
		counts = counts[1:]
	}
	return nil
}
