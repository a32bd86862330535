package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	// daysAhead is for how many days after this one parts are made before anybody needs them. Source: docs/numbers.md.
	daysAhead = 2
	// sweepSilence is how long a question of the sweep may stay without an answer: a part leaves its table when every
	// transaction that began before has ended, an audit's too.
	sweepSilence = 10 * time.Minute
)

// Sweep deletes what is old and drops the days of operations and events that are. It returns about how many rows went.
func (s *Store) Sweep(ctx context.Context, now time.Time) (int64, error) {
	rows, err := s.SweepRows(ctx, now)
	if err != nil {
		return rows, err
	}
	dropped, err := s.sweepDays(ctx, now)
	if err != nil {
		err = fmt.Errorf("sweep days: %w", explain(err))
	}
	return rows + dropped, err
}

// The advisory lock of the one process that sweeps days; its key is the word "Ozone!2".
const lockSweep = `SELECT pg_try_advisory_lock(22371142172221746)`

// sweepDays makes the parts of the next days and drops those of old ones, unless another process is at it.
func (s *Store) sweepDays(ctx context.Context, now time.Time) (dropped int64, err error) {
	db := s.target.patient(sweepSilence).pool(1) // closing it ends the session, which has the lock
	defer func() { _ = db.Close() }()
	var mine bool
	if err := db.GetContext(ctx, &mine, lockSweep); err != nil || !mine {
		return 0, err
	}
	for _, t := range dailies {
		for d := dayOf(now); d <= dayOf(now)+daysAhead; d++ {
			if err := makePart(ctx, db, t, d); err != nil {
				return dropped, err
			}
		}
		n, err := dropOld(ctx, db, t, now.Add(-t.keep))
		dropped += n
		if err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

// foundPart is a part in the catalogue.
type foundPart struct {
	Name     string `db:"name"`
	Attached bool   `db:"attached"`
	Leaving  bool   `db:"leaving"` // a process died, or gave up, while it detached it
}

const selectParts = `SELECT c.relname AS name, i.inhrelid IS NOT NULL AS attached, coalesce(i.inhdetachpending, FALSE) AS leaving
	FROM pg_class AS c LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
	WHERE c.relkind = 'r' AND c.relnamespace = CAST(current_schema() AS REGNAMESPACE) AND c.relname ~ ('^' || $1 || '_[0-9]{8}$')
	ORDER BY c.relname`

// dropOld drops the days that had ended at limit and of which nothing is needed.
func dropOld(ctx context.Context, db *sqlx.DB, t *daily, limit time.Time) (dropped int64, err error) {
	var parts []foundPart
	if err := db.SelectContext(ctx, &parts, selectParts, t.table); err != nil {
		return 0, err
	}
	for _, p := range parts {
		d, ok := t.dayOfPart(p.Name)
		if !ok || d.end().After(limit) {
			continue
		}
		needed, err := isNeeded(ctx, db, t, p.Name, limit)
		if err != nil {
			return dropped, err
		}
		if needed && p.Attached && !p.Leaving {
			continue
		}
		if err := detach(ctx, db, t, p, d); err != nil {
			return dropped, err
		}
		n, err := dropPart(ctx, db, t, d, limit)
		dropped += n
		if err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

func isNeeded(ctx context.Context, db sqlx.QueryerContext, t *daily, part string, limit time.Time) (needed bool, err error) {
	if t.needed == "" {
		return false, nil
	}
	err = sqlx.GetContext(ctx, db, &needed, fmt.Sprintf(t.needed, part), limit.UnixMicro())
	return needed, err
}

const markEvents = `UPDATE store SET events_swept = $1 WHERE events_swept < $1`

// detach takes a part out of its table. It waits for everybody who may be reading the table and stops nobody.
func detach(ctx context.Context, db *sqlx.DB, t *daily, p foundPart, d day) error {
	if !p.Attached {
		return nil
	}
	if t.table == "event" { // first: who reads the log is told what may be missing
		if _, err := db.ExecContext(ctx, markEvents, d.end().UnixMicro()); err != nil {
			return err
		}
	}
	how := "CONCURRENTLY"
	if p.Leaving {
		how = "FINALIZE"
	}
	_, err := db.ExecContext(ctx, fmt.Sprintf(`ALTER TABLE %s DETACH PARTITION %s %s`, t.table, p.Name, how))
	return err
}

// dropPart drops a part that was detached. Nobody has written to it since: what came at the last moment brings it back.
func dropPart(ctx context.Context, db *sqlx.DB, t *daily, d day, limit time.Time) (rows int64, err error) {
	err = locked(ctx, db, func(tx *sqlx.Tx) error {
		var is partState
		if err := tx.GetContext(ctx, &is, selectPart, t.part(d)); err != nil || !is.There || is.Attached {
			return err
		}
		needed, err := isNeeded(ctx, tx, t, t.part(d), limit)
		if err != nil {
			return err
		}
		if needed {
			return attach(ctx, tx, t, d)
		}
		if rows, err = countRows(ctx, tx, t.part(d)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DROP TABLE `+t.part(d))
		return err
	})
	return rows, err
}

// countRows is what the server knows of a table's rows, without reading them, unless it has never looked: then they are few.
func countRows(ctx context.Context, tx *sqlx.Tx, table string) (rows int64, err error) {
	const estimate = `SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE oid = to_regclass($1)`
	if err := tx.GetContext(ctx, &rows, estimate, table); err != nil || rows >= 0 {
		return rows, err
	}
	err = tx.GetContext(ctx, &rows, `SELECT count(*) FROM `+table)
	return rows, err
}
