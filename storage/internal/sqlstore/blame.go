package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const selectHostLoad = `SELECT host, ram, disk, ram_used, disk_used FROM host_load WHERE host = $1`

type hostLoadRow struct {
	Host     int64 `db:"host"`
	RAM      int64 `db:"ram"`
	Disk     int64 `db:"disk"`
	RAMUsed  int64 `db:"ram_used"`
	DiskUsed int64 `db:"disk_used"`
}

func (r *hostLoadRow) over() bool { return r.RAMUsed > r.RAM || r.DiskUsed > r.Disk }

// blame replays the reservations of a batch that does not fit, unit by unit, over what is committed.
type blame struct {
	store *Store
	hosts map[schemas.HostID]*hostLoadRow
	held  map[copyKey]schemas.Reservation
	over  map[schemas.HostID]int // the unit that took a host over
}

// blameOverCapacity names the unit whose reservation took a host above its capacity for good: the
// one that crossed the line last, as later units may give back what earlier ones took.
func (s *Store) blameOverCapacity(ctx context.Context, b *storage.Batch, p *plan, cause error) error {
	w := blame{
		store: s, hosts: map[schemas.HostID]*hostLoadRow{}, held: map[copyKey]schemas.Reservation{},
		over: map[schemas.HostID]int{},
	}
	if err := w.learnHosts(ctx, p); err != nil {
		return err
	}
	for i := range b.Units {
		for _, r := range b.Units[i].Reservations {
			if err := w.replace(ctx, i, r); err != nil {
				return err
			}
		}
	}
	unit := -1
	for _, u := range w.over {
		if unit < 0 || u < unit {
			unit = u
		}
	}
	if unit < 0 {
		return cause
	}
	return &storage.BadUnitError{Unit: unit, Err: cause}
}

// learnHosts takes the capacities that the batch itself brings.
func (w *blame) learnHosts(ctx context.Context, p *plan) error {
	for i := range p.snapshots.items {
		snap := p.snapshots.items[i].value
		if snap.Ref.Kind != schemas.ActorHost || snap.Remove {
			continue
		}
		var h schemas.Host
		if err := json.Unmarshal(snap.State, &h); err != nil {
			return err
		}
		row, err := w.host(ctx, schemas.HostID(snap.Ref.ID))
		if err != nil {
			return err
		}
		row.RAM, row.Disk = max(h.RAMMiB, row.RAMUsed), max(h.DiskGB, row.DiskUsed)
	}
	return nil
}

func (w *blame) replace(ctx context.Context, unit int, r schemas.Reservation) error {
	key := copyKey{r.Server, r.Copy}
	old, ok := w.held[key]
	if !ok {
		row, err := get[reservedRow](ctx, w.store, selectReserved, int64(r.Server), int64(r.Copy))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		old = schemas.Reservation{Host: row.Host, RAMMiB: row.RAM, DiskGB: row.Disk, Released: row.Released}
	}
	w.held[key] = r
	if err := w.shift(ctx, unit, &old, -1); err != nil {
		return err
	}
	return w.shift(ctx, unit, &r, 1)
}

func (w *blame) shift(ctx context.Context, unit int, r *schemas.Reservation, sign int64) error {
	if r.Released || r.Host == 0 {
		return nil
	}
	row, err := w.host(ctx, r.Host)
	if err != nil {
		return err
	}
	row.RAMUsed += sign * r.RAMMiB
	row.DiskUsed += sign * r.DiskGB
	if !row.over() {
		delete(w.over, r.Host)
		return nil
	}
	if _, already := w.over[r.Host]; !already {
		w.over[r.Host] = unit
	}
	return nil
}

func (w *blame) host(ctx context.Context, id schemas.HostID) (*hostLoadRow, error) {
	if row := w.hosts[id]; row != nil {
		return row, nil
	}
	row, err := get[hostLoadRow](ctx, w.store, selectHostLoad, int64(id))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	w.hosts[id] = &row
	return &row, nil
}
