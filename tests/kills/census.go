package kills

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
)

// left is what was under way at a kill.
type left struct {
	unfinished int
	steps      map[string]int
}

// statements are what a census asks of a store.
type statements struct {
	unfinished string // operations by step
	onTrial    string // servers that a probe will decide
	absent     string // which ids of a JSON array no operation has
}

// rows is a store to be asked.
type rows struct {
	db  *sql.DB
	ask statements
}

// census counts what is under way in the store. It also looks for what was accepted and is not there, and for what hosts did
// though nobody had committed it. The cloud may be at work.
func (r *run) census(ctx context.Context, store rows) (left, error) {
	l, err := store.left(ctx)
	if err == nil {
		err = r.missing(ctx, store)
	}
	if err == nil {
		err = r.orphans(ctx, store)
	}
	if err != nil {
		return l, fmt.Errorf("census: %w", err)
	}
	return l, nil
}

// missing looks for what was accepted since the last kill and is not in the store.
func (r *run) missing(ctx context.Context, store rows) error {
	all := r.journal.all()
	accepted := map[string]*command{}
	for _, c := range all[r.checked:] {
		if id, ok := c.accepted(); ok {
			accepted[id] = c
		}
	}
	lost, err := store.absent(ctx, slices.Collect(maps.Keys(accepted)))
	if err != nil {
		return err
	}
	for _, id := range lost {
		c := accepted[id]
		r.report.Lost++
		r.report.broken("%s %s was accepted as operation %s, which is not in the store after the kill", c.method, c.path, id)
	}
	r.checked = len(all)
	return nil
}

// orphans looks for hosts that did something for an operation that is not in the store: they were told before the commit.
func (r *run) orphans(ctx context.Context, store rows) error {
	did, err := sim.ReadOperations(r.cloud.hosts())
	if err != nil {
		return err
	}
	var unknown []string
	for id := range did {
		if !r.known[id] {
			r.known[id] = true // it is said once
			unknown = append(unknown, string(id))
		}
	}
	orphans, err := store.absent(ctx, unknown)
	if err != nil {
		return err
	}
	for _, id := range orphans {
		r.report.Orphans++
		r.report.broken("host %d did something for operation %s, which no row names", did[schemas.OperationID(id)], id)
	}
	return nil
}

// left counts the operations under way.
func (s rows) left(ctx context.Context) (left, error) {
	l := left{steps: map[string]int{}}
	found, err := s.db.QueryContext(ctx, s.ask.unfinished)
	if err != nil {
		return l, err
	}
	defer func() { _ = found.Close() }() // Err says it
	for found.Next() {
		var step string
		var n int
		if err := found.Scan(&step, &n); err != nil {
			return l, err
		}
		l.unfinished += n
		l.steps[step] += n
	}
	if err := found.Err(); err != nil {
		return l, err
	}
	var n int
	if err = s.db.QueryRowContext(ctx, s.ask.onTrial).Scan(&n); n > 0 {
		l.steps["probe"] = n
	}
	return l, err
}

// absent lists the ids that no operation has.
func (s rows) absent(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	found, err := s.db.QueryContext(ctx, s.ask.absent, string(text))
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // Err says it
	var list []string
	for found.Next() {
		var id string
		if err := found.Scan(&id); err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, found.Err()
}
