package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const reservedColumns = `host, ram, disk, released`

const selectReserved = `SELECT ` + reservedColumns + ` FROM reservation WHERE server = $1 AND copy = $2`

var findReserved = &Lookup{
	Table: "reservation", Columns: reservedColumns, Key: []Column{{"server", Int}, {"copy", Int}},
}

// errOverCapacity: the reservations of a batch do not fit on a host.
var errOverCapacity = errors.New("more is reserved than the host has")

// load is what one host holds more (or less) after a batch.
type load struct{ ram, disk int64 }

type hostLoads map[schemas.HostID]load

type reservedRow struct {
	Host     schemas.HostID `db:"host"`
	RAM      int64          `db:"ram"`
	Disk     int64          `db:"disk"`
	Released bool           `db:"released"`
}

// newLoads sums by host what a batch reserves. What the keys of its reservations find before they are written is to
// be given back.
func (p *plan) newLoads() (loads hostLoads, keys [][]any) {
	loads = hostLoads{}
	for i := range p.reservations.items {
		r := p.reservations.items[i].value
		keys = append(keys, []any{int64(r.Server), int64(r.Copy)})
		if !r.Released {
			loads.add(r.Host, r.RAMMiB, r.DiskGB)
		}
	}
	return loads, keys
}

// hostChanges tells whether a batch has reservations and changes hosts, which no one statement can write.
func (p *plan) hostChanges() bool {
	return len(p.reservations.items) > 0 && slices.ContainsFunc(p.snapshots.items, func(it item[storage.Snapshot]) bool {
		return it.value.Ref.Kind == schemas.ActorHost
	})
}

// hostLoads sums by host what the reservations of a batch change. It must read before they are written.
func (s *Store) hostLoads(ctx context.Context, tx *sqlx.Tx, p *plan) (hostLoads, error) {
	loads, keys := p.newLoads()
	if len(keys) == 0 {
		return loads, nil
	}
	stmt := s.prepared(ctx, tx, s.dialect.Query(findReserved))
	if err := s.dialect.Find(ctx, stmt.Stmt, findReserved, keys, loads.giveBack); err != nil {
		return nil, fmt.Errorf("read reservations: %w", err)
	}
	return loads, nil
}

func (l hostLoads) add(host schemas.HostID, ram, disk int64) {
	sum := l[host]
	l[host] = load{sum.ram + ram, sum.disk + disk}
}

// giveBack takes off what a stored reservation holds.
func (l hostLoads) giveBack(rows *sqlx.Rows) error {
	var old reservedRow
	if err := rows.Scan(&old.Host, &old.RAM, &old.Disk, &old.Released); err != nil {
		return err
	}
	if !old.Released {
		l.add(old.Host, -old.RAM, -old.Disk)
	}
	return nil
}

func (l hostLoads) change() change {
	c := change{write: addHostLoad}
	for _, host := range slices.Sorted(maps.Keys(l)) {
		if sum := l[host]; sum != (load{}) {
			c.add(0, int64(host), sum.ram, sum.disk)
		}
	}
	return c
}

// addLoads writes the sums.
func (s *Store) addLoads(ctx context.Context, tx *sqlx.Tx, loads hostLoads) error {
	c := loads.change()
	if len(c.rows) == 0 {
		return nil
	}
	err := s.dialect.Put(ctx, s.preparedPut(ctx, tx, c.write).Stmt, c.write, c.rows)
	if bad, ok := errors.AsType[*RowError](err); ok {
		return fmt.Errorf("%w: %w", errOverCapacity, bad.Err)
	}
	if err != nil {
		return fmt.Errorf("write host_load: %w", err)
	}
	return nil
}
