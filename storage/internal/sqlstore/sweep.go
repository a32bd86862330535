package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
)

// Retention: how long rows are kept that nothing needs any more. Source: docs/numbers.md.
const (
	KeepEvents     = 14 * 24 * time.Hour
	KeepOperations = 30 * 24 * time.Hour
	keepSuspects   = 14 * 24 * time.Hour // as long as dead letters
	keepDeleted    = 30 * 24 * time.Hour
	keepCommitters = 30 * 24 * time.Hour
	// keepTombstones outlives every repetition of a request that was cancelled.
	keepTombstones = 24 * time.Hour
)

// sweepChunk is how many rows one transaction deletes: commits wait for it.
const sweepChunk = 500

// sweep is one kind of rows to forget: pick reads which, with the limit of time and the number of rows
// as arguments, drop deletes one of them by what pick read.
type sweep struct {
	what       string
	pick, drop string
	keep       time.Duration
}

// Keys go before the operations that they stand for.
var sweeps = []sweep{
	{
		"keys", `SELECT account AS a, hash AS b FROM idempotency WHERE expires <= $1 LIMIT $2`,
		`DELETE FROM idempotency WHERE account = $1 AND hash = $2`, 0,
	},
	{
		"tokens", `SELECT account AS a, hash AS b FROM token WHERE expires <= $1 LIMIT $2`,
		`DELETE FROM token WHERE account = $1 AND hash = $2`, 0,
	},
	{
		"tombstones", `SELECT server AS a, copy AS b FROM reservation WHERE released = 1 AND updated < $1 LIMIT $2`,
		`DELETE FROM reservation WHERE server = $1 AND copy = $2`, keepTombstones,
	},
	{
		"suspects", `SELECT shard AS a, id AS b FROM suspect WHERE updated < $1 LIMIT $2`,
		`DELETE FROM suspect WHERE shard = $1 AND id = $2`, keepSuspects,
	},
	{ // a running process may be idle, but it is the last one that committed
		"committers", `SELECT n AS a, id AS b FROM committer WHERE updated < $1
			AND updated < (SELECT max(updated) FROM committer) LIMIT $2`,
		`DELETE FROM committer WHERE n = $1 AND id = $2`, keepCommitters,
	},
}

const (
	// The order of the join makes it read old operations only, account by account.
	pickOperations = `SELECT operation.account AS a, operation.id AS b FROM account CROSS JOIN operation
		WHERE operation.account = account.id AND operation.id < $2
		AND operation.unfinished = 0 AND operation.updated < $1 LIMIT $3`
	dropOperation = `DELETE FROM operation WHERE account = $1 AND id = $2`
	pickEvents    = `SELECT position, time FROM event WHERE position < (SELECT max(position) FROM event)
		ORDER BY position LIMIT $1`
	dropEvents = `DELETE FROM event WHERE position <= $1`
	markEvents = `UPDATE store SET events_swept = $1 WHERE events_swept < $1`
)

// gone are the actors that nothing needs any more: deleted, and nothing waits for a host on their behalf.
var gone = []struct {
	kind schemas.ActorKind
	pick string
}{
	{schemas.ActorServer, `SELECT id FROM server WHERE status = 'DELETED' AND updated < $1 AND wake_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM reservation WHERE reservation.server = server.id AND reservation.released = 0)
		LIMIT $2`},
	{schemas.ActorImage, `SELECT id FROM image WHERE status = 'DELETED' AND updated < $1 AND wake_at IS NULL LIMIT $2`},
	// A group has these members of its state only while servers are leaving it or have an address of one that left.
	{schemas.ActorGroup, `SELECT id FROM shared_ip_group WHERE status = 'DELETED' AND updated < $1
		AND state NOT LIKE '%"members":%' AND state NOT LIKE '%"kept":%' LIMIT $2`},
}

var dropActor = perKindText(func(table string) string { return `DELETE FROM ` + table + ` WHERE id = $1` })

// Sweep deletes, in small transactions, what is older at now than its retention.
func (s *Store) Sweep(ctx context.Context, now time.Time) (int64, error) {
	var total int64
	for _, part := range []func(context.Context, time.Time) (int64, error){s.SweepRows, s.sweepOperations, s.sweepEvents} {
		n, err := part(ctx, now)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// SweepRows is Sweep of all that is never dropped in parts: not of operations and events.
func (s *Store) SweepRows(ctx context.Context, now time.Time) (int64, error) {
	var total int64
	for _, w := range sweeps {
		n, err := s.sweepPairs(ctx, w, now)
		total += n
		if err != nil {
			return total, fmt.Errorf("sweep %s: %w", w.what, err)
		}
	}
	for _, g := range gone {
		n, err := s.sweepActors(ctx, g.kind, g.pick, now)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// chunks picks and drops until pick finds less than a chunk. Picking reads beside the commits, only dropping stops them.
func chunks[T any](s *Store, pick func() ([]T, error), drop func([]T) error) (int64, error) {
	var total int64
	for {
		victims, err := reading(s, "sweep", pick)
		if err != nil || len(victims) == 0 {
			return total, err
		}
		if err := drop(victims); err != nil {
			return total, err
		}
		total += int64(len(victims))
		if len(victims) < sweepChunk {
			return total, nil
		}
	}
}

type pairRow struct {
	A int64 `db:"a"`
	B any   `db:"b"`
}

func (s *Store) sweepPairs(ctx context.Context, w sweep, now time.Time) (int64, error) {
	return chunks(s, func() ([]pairRow, error) {
		return list[pairRow](ctx, s, w.pick, micros(now.Add(-w.keep)), sweepChunk)
	}, func(rows []pairRow) error { return s.dropPairs(ctx, w.drop, rows) })
}

func (s *Store) dropPairs(ctx context.Context, drop string, rows []pairRow) error {
	return s.writing(ctx, "sweep", func(tx *sqlx.Tx) error {
		for _, r := range rows {
			if _, err := tx.ExecContext(ctx, drop, r.A, r.B); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) sweepOperations(ctx context.Context, now time.Time) (int64, error) {
	limit := now.Add(-KeepOperations)
	return chunks(s, func() ([]pairRow, error) {
		return list[pairRow](ctx, s, pickOperations, micros(limit), firstOperationAt(limit), sweepChunk)
	}, func(rows []pairRow) error { return s.dropPairs(ctx, dropOperation, rows) })
}

// firstOperationAt is behind the id of every operation made before t, so that a sweep reads only old rows: ids are UUIDv7.
func firstOperationAt(t time.Time) string {
	ms := fmt.Sprintf("%012x", max(t.UnixMilli(), 0))
	return ms[:8] + "-" + ms[8:] + "-"
}

func (s *Store) sweepActors(ctx context.Context, kind schemas.ActorKind, pick string, now time.Time) (int64, error) {
	return chunks(s, func() ([]int64, error) {
		return list[int64](ctx, s, pick, micros(now.Add(-keepDeleted)), sweepChunk)
	}, func(ids []int64) error {
		changes := make([]objectChange, len(ids))
		for i, id := range ids {
			changes[i].ref = schemas.Ref{Kind: kind, ID: id}
		}
		defer s.keepOrder()()
		s.cache.leave(changes)
		defer s.cache.enter(changes, false)
		return s.writing(ctx, "sweep "+string(kind)+"s", func(tx *sqlx.Tx) error {
			for _, id := range ids {
				if _, err := tx.ExecContext(ctx, dropActor[kind], id); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

type eventTimeRow struct {
	Position int64 `db:"position"`
	Time     int64 `db:"time"`
}

// sweepEvents deletes from the front of the log. The last event stays: the positions after it go on from it.
func (s *Store) sweepEvents(ctx context.Context, now time.Time) (int64, error) {
	limit := micros(now.Add(-KeepEvents))
	return chunks(s, func() ([]int64, error) {
		rows, err := list[eventTimeRow](ctx, s, pickEvents, sweepChunk)
		if err != nil {
			return nil, err
		}
		var old []int64
		for _, r := range rows {
			if r.Time >= limit {
				break
			}
			old = append(old, r.Position)
		}
		return old, nil
	}, func(old []int64) error {
		return s.writing(ctx, "sweep events", func(tx *sqlx.Tx) error {
			if _, err := tx.ExecContext(ctx, markEvents, limit); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, dropEvents, old[len(old)-1])
			return err
		})
	})
}
