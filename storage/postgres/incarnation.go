package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
)

// epochLeap is by how much the epochs rise when the store may have lost its last commits: more than were ever claimed since.
const epochLeap = 1 << 20

const (
	// The first 8 digits of a segment's name are the timeline; a restored or promoted server has a new one.
	selectCluster = `SELECT system_identifier || '/' || CASE WHEN pg_is_in_recovery() THEN ''
		ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END FROM pg_control_system()`
	selectIncarnationOf = `SELECT cluster FROM store FOR UPDATE`
	nameCluster         = `UPDATE store SET cluster = $1`
	nextIncarnation     = `UPDATE store SET cluster = $1, incarnation = replace(gen_random_uuid()::TEXT, '-', '')`
	lockShards          = `SELECT pg_advisory_xact_lock($1, shard) FROM generate_series(0, $2 - 1) AS s (shard)`
	leapEpochs          = `UPDATE shard SET epoch = epoch + $1`
)

// keepIncarnation gives the store a new incarnation when it was restored or failed over: it may have gone back in
// time, so all epochs leap ahead of what hosts have seen, and whoever owned a shard is fenced.
func keepIncarnation(ctx context.Context, conn *sqlx.Conn, log *slog.Logger) error {
	var now string
	if err := conn.GetContext(ctx, &now, selectCluster); err != nil {
		return fmt.Errorf("read system identifier: %w", err)
	}
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	was, err := replaceCluster(ctx, tx, now)
	if err != nil {
		return errors.Join(fmt.Errorf("keep incarnation: %w", err), tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep incarnation: %w", err)
	}
	if was != "" && was != now {
		log.Warn("the store was restored or failed over; it has a new incarnation", "from", was, "to", now)
	}
	return nil
}

// replaceCluster returns which one the store was of before; "" is none.
func replaceCluster(ctx context.Context, tx *sqlx.Tx, now string) (was string, err error) {
	if err := tx.GetContext(ctx, &was, selectIncarnationOf); err != nil || was == now {
		return was, err
	}
	if was == "" {
		_, err = tx.ExecContext(ctx, nameCluster, now)
		return was, err
	}
	if _, err := tx.ExecContext(ctx, nextIncarnation, now); err != nil {
		return was, err
	}
	if _, err := tx.ExecContext(ctx, lockShards, lockClass, schemas.Shards); err != nil {
		return was, err
	}
	_, err = tx.ExecContext(ctx, leapEpochs, epochLeap)
	return was, err
}
