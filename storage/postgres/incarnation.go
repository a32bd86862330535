package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
)

// By how much the numbers rise that others may have seen higher than the store now has them. Source: docs/adr/0016.
const (
	// epochLeap: each claim is a commit to the disk, so no shard can have been claimed that often since any backup. Hosts
	// compare the epoch of a step first, so what they have of the lost time is older than all that comes now.
	epochLeap = 1 << 40
	// idLeap: more servers, images and hosts than were made since. Ids have 31 bits, so it is no more than a million.
	idLeap = 1 << 20
)

const (
	// The first 8 digits of a segment's name are the timeline, which a promoted server or one restored to a point in time
	// has a new one of. A dump that is loaded makes new tables, and in another server or database also those numbers are new.
	selectCluster = `SELECT system_identifier || '/' || CASE WHEN pg_is_in_recovery() THEN ''
		ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
		|| '.' || CAST(CAST('store' AS REGCLASS) AS OID) FROM pg_control_system()`
	selectIncarnationOf = `SELECT cluster FROM store FOR UPDATE`
	nameCluster         = `UPDATE store SET cluster = $1`
	nextIncarnation     = `UPDATE store SET cluster = $1, incarnation = replace(gen_random_uuid()::TEXT, '-', '')`
	lockShards          = `SELECT pg_advisory_xact_lock($1, shard) FROM generate_series(0, $2 - 1) AS s (shard)`
	leapEpochs          = `UPDATE shard SET epoch = epoch + $1`
	leapIDs             = `UPDATE id_source SET next = next + least($1, ($2 - next) / 2)`
	forgetBlocks        = `DELETE FROM id_block`
	// What another server wrote has that server's numbers of transactions: they would be in the future of this one.
	settleEvents = `UPDATE event SET xact = '0' WHERE xact >= pg_snapshot_xmin(pg_current_snapshot())`
	selectMark   = `SELECT incarnation || ' ' || pg_current_wal_flush_lsn() FROM store`
	// A mark of another incarnation says nothing: whoever gave the store the new one has done what is needed.
	selectWentBack = `SELECT EXISTS (SELECT 1 FROM store WHERE incarnation = $1 AND pg_current_wal_insert_lsn() < CAST($2 AS PG_LSN))`
)

// keepIncarnation gives the store a new incarnation when it may have gone back in time: it was restored or failed over, or
// is behind what a process has seen of it. Epochs and ids leap ahead of what hosts have seen, and whoever owned a shard is fenced.
func keepIncarnation(ctx context.Context, conn *sqlx.Conn, log *slog.Logger, mark string) error {
	var now string
	if err := conn.GetContext(ctx, &now, selectCluster); err != nil {
		return fmt.Errorf("read system identifier: %w", err)
	}
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	r, err := renew(ctx, tx, now, mark)
	if err != nil {
		return errors.Join(fmt.Errorf("keep incarnation: %w", err), tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep incarnation: %w", err)
	}
	if r.renewed {
		log.Warn("the store was restored or failed over; it has a new incarnation", "from", r.was, "to", now, "behind", r.wentBack)
	}
	return nil
}

// renewal is what became of the incarnation.
type renewal struct {
	was      string // the cluster of before; "": the store is new
	wentBack bool
	renewed  bool
}

func renew(ctx context.Context, tx *sqlx.Tx, now, mark string) (r renewal, err error) {
	if err := tx.GetContext(ctx, &r.was, selectIncarnationOf); err != nil {
		return r, err
	}
	if r.was == "" {
		_, err = tx.ExecContext(ctx, nameCluster, now)
		return r, err
	}
	if r.wentBack, err = wentBack(ctx, tx, mark); err != nil || r.was == now && !r.wentBack {
		return r, err
	}
	r.renewed = true
	statements := []statement{
		{nextIncarnation, []any{now}},
		{lockShards, []any{lockClass, schemas.Shards}},
		{leapEpochs, []any{epochLeap}},
		{leapIDs, []any{idLeap, schemas.MaxID}},
		{forgetBlocks, nil},
	}
	if loaded(r.was, now) {
		statements = append(statements, statement{settleEvents, nil})
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s.text, s.args...); err != nil {
			return r, err
		}
	}
	return r, nil
}

type statement struct {
	text string
	args []any
}

// loaded tells whether a store came from a dump: it is of another server or database, not only of another timeline.
func loaded(was, now string) bool {
	server, _, _ := strings.Cut(was, "/")
	return !strings.HasPrefix(now, server+"/") || was[strings.LastIndex(was, "/")+1:] != now[strings.LastIndex(now, "/")+1:]
}

// wentBack tells whether the store is of the mark's incarnation and behind it. The log of a server only grows.
func wentBack(ctx context.Context, tx *sqlx.Tx, mark string) (back bool, err error) {
	incarnation, lsn, _ := strings.Cut(mark, " ")
	var high, low uint32
	if n, _ := fmt.Sscanf(lsn, "%X/%X", &high, &low); n != 2 {
		return false, nil
	}
	err = tx.GetContext(ctx, &back, selectWentBack, incarnation, lsn)
	return back, err
}

// Mark is how far the store has come, as a holder saw it last; "" before that. It is to be kept where no restore of the database
// reaches, and given to the next Open.
func (s *Store) Mark() string {
	mark, _ := s.mark.Load().(string)
	return mark
}

// look takes the mark of a store whose incarnation this process has seen kept.
func (s *Store) look(ctx context.Context, conn *sqlx.Conn) error {
	var mark string
	err := conn.GetContext(ctx, &mark, selectMark)
	if err == nil {
		s.mark.Store(mark)
	}
	return err
}
