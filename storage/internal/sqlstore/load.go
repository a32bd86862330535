package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
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

type reservedRow struct {
	Host     schemas.HostID `db:"host"`
	RAM      int64          `db:"ram"`
	Disk     int64          `db:"disk"`
	Released bool           `db:"released"`
}

// hostLoads sums by host what the reservations of a batch change. It must read before they are written.
func (s *Store) hostLoads(ctx context.Context, tx *sqlx.Tx, p *plan) (map[schemas.HostID]load, error) {
	if len(p.reservations.items) == 0 {
		return nil, nil
	}
	loads := map[schemas.HostID]load{}
	keys := make([][]any, len(p.reservations.items))
	for i := range p.reservations.items {
		r := p.reservations.items[i].value
		keys[i] = []any{int64(r.Server), int64(r.Copy)}
		if !r.Released {
			addLoad(loads, r.Host, r.RAMMiB, r.DiskGB)
		}
	}
	stmt := s.prepared(ctx, tx, s.dialect.Query(findReserved))
	err := s.dialect.Find(ctx, stmt.Stmt, findReserved, keys, func(rows *sqlx.Rows) error {
		var old reservedRow
		if err := rows.Scan(&old.Host, &old.RAM, &old.Disk, &old.Released); err != nil {
			return err
		}
		if !old.Released {
			addLoad(loads, old.Host, -old.RAM, -old.Disk)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read reservations: %w", err)
	}
	return loads, nil
}

func addLoad(loads map[schemas.HostID]load, host schemas.HostID, ram, disk int64) {
	l := loads[host]
	loads[host] = load{l.ram + ram, l.disk + disk}
}

// addLoads writes the sums.
func (s *Store) addLoads(ctx context.Context, tx *sqlx.Tx, loads map[schemas.HostID]load) error {
	c := change{write: addHostLoad}
	for _, host := range slices.Sorted(maps.Keys(loads)) {
		if l := loads[host]; l != (load{}) {
			c.add(0, int64(host), l.ram, l.disk)
		}
	}
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
