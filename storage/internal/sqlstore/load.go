package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
)

const (
	selectReserved = `SELECT host, ram, disk, released FROM reservation WHERE server = $1 AND copy = $2`
	addHostLoad    = `UPDATE host_load SET ram_used = ram_used + $2, disk_used = disk_used + $3 WHERE host = $1`
)

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
	stmt := s.prepared(ctx, tx, selectReserved)
	for i := range p.reservations.items {
		r := p.reservations.items[i].value
		var old reservedRow
		err := stmt.QueryRowContext(ctx, int64(r.Server), int64(r.Copy)).Scan(&old.Host, &old.RAM, &old.Disk, &old.Released)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("read reservation: %w", err)
		}
		if !old.Released {
			addLoad(loads, old.Host, -old.RAM, -old.Disk)
		}
		if !r.Released {
			addLoad(loads, r.Host, r.RAMMiB, r.DiskGB)
		}
	}
	return loads, nil
}

func addLoad(loads map[schemas.HostID]load, host schemas.HostID, ram, disk int64) {
	l := loads[host]
	loads[host] = load{l.ram + ram, l.disk + disk}
}

// addLoads writes the sums. The table's constraint is what makes an overcommit impossible.
func (s *Store) addLoads(ctx context.Context, tx *sqlx.Tx, loads map[schemas.HostID]load) error {
	hosts := make([]schemas.HostID, 0, len(loads))
	for host, l := range loads {
		if l != (load{}) {
			hosts = append(hosts, host)
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	slices.Sort(hosts)
	stmt := s.prepared(ctx, tx, addHostLoad)
	for _, host := range hosts {
		result, err := stmt.ExecContext(ctx, int64(host), loads[host].ram, loads[host].disk)
		if s.dialect.IsData(err) {
			return fmt.Errorf("host %d: %w", host, errOverCapacity)
		}
		if err != nil {
			return fmt.Errorf("write host_load: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("write host_load: %w", err)
		}
		if n == 0 {
			return fmt.Errorf("host %d is in no row: %w", host, errOverCapacity)
		}
	}
	return nil
}
