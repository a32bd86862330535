package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

func (a *audit) readReservations(ctx context.Context) error {
	const query = `SELECT server, copy, cluster, host, account, operation, ram, disk, released
		FROM reservation WHERE released = 0 ORDER BY server, copy`
	return each(ctx, a.tx, query, func(r *reservationRow) error {
		res := r.reservation()
		a.live[copyKey{res.Server, res.Copy}] = res
		a.loads.add(res.Host, res.RAMMiB, res.DiskGB)
		a.report.Copies = append(a.report.Copies, res)
		return nil
	})
}

func (a *audit) readAddresses(ctx context.Context) error {
	const query = `SELECT ip, cluster, public, server, free_at FROM address WHERE server <> 0`
	return each(ctx, a.tx, query, func(r *addressRow) error {
		a.held[r.IP] = schemas.ServerID(r.Server)
		return nil
	})
}

// stateRow is what the audit reads of a snapshot.
type stateRow struct {
	ID    int64  `db:"id"`
	Shown bool   `db:"shown"`
	State []byte `db:"state"`
}

// eachState decodes the state of every actor of a kind.
func eachState[S any](ctx context.Context, a *audit, kind schemas.ActorKind, see func(state *S, shown bool)) error {
	query := `SELECT id, state, rendered IS NOT NULL AS shown FROM ` + snapshotTable[kind]
	return each(ctx, a.tx, query, func(r *stateRow) error {
		var state S
		if err := json.Unmarshal(r.State, &state); err != nil {
			return fmt.Errorf("state of %s %d: %w", kind, r.ID, err)
		}
		see(&state, r.Shown)
		return nil
	})
}

func (a *audit) readServers(ctx context.Context) error {
	return eachState(ctx, a, schemas.ActorServer, func(s *schemas.Server, shown bool) {
		deleted := s.Status == schemas.StatusDeleted
		seen := &auditedServer{copies: namedCopies(s), group: s.Group, gone: deleted && len(s.Cleanups) == 0}
		a.servers[s.ID] = seen
		a.checkSequence(s.ID.Ref(), s.Sequence)
		if !deleted && !s.Hidden {
			q := a.quotas[s.Account]
			q.RAMMiB += s.QuotaRAMMiB
			q.Servers++
			a.quotas[s.Account] = q
		}
		if !deleted || len(s.Cleanups) > 0 {
			seen.addresses = slices.Concat(s.Public, s.Private, s.Spare)
		}
		if shown {
			a.checkShown(s)
			a.checkMember(s)
		}
		a.report.Checked[storage.LawQuiet]++
		// VERIFY_RESIZE passes too, but no operation is under way: it waits for its tenant.
		if a.quiet && s.Status.Passing() && s.Status != schemas.StatusVerifyResize {
			a.breaks(storage.LawQuiet, "server %d is in %s and no operation is unfinished", s.ID, s.Status)
		}
	})
}

func (a *audit) checkShown(s *schemas.Server) {
	for _, ip := range slices.Concat(s.Public, s.Private, s.Spare) {
		if owner, held := a.held[ip]; owner != s.ID {
			a.breaks(storage.LawAddresses, "server %d shows %s, held by server %d (in a row: %t)", s.ID, ip, owner, held)
		}
	}
}

// namedCopies is every copy that a server's state names, and whether it must be reserved: the
// reservation of a copy whose release was asked for may be gone, and so may one on a fenced host.
func namedCopies(s *schemas.Server) map[int]bool {
	copies := map[int]bool{}
	if s.Status != schemas.StatusDeleted {
		if s.Home.Copy != 0 {
			copies[s.Home.Copy] = !s.Home.Gone
		}
		if s.Other != nil && s.Other.Copy != 0 {
			copies[s.Other.Copy] = !s.Other.Gone
		}
	}
	for _, c := range s.Cleanups {
		copies[c.Place.Copy] = c.Step != "" && !c.Place.Gone
	}
	return copies
}

func (a *audit) checkReservations(context.Context) error {
	for key, r := range a.live {
		a.report.Checked[storage.LawReservations]++
		s := a.servers[key.server]
		named := false
		if s != nil {
			_, named = s.copies[key.copy]
		}
		if !named && !a.pending[key] {
			a.breaks(storage.LawReservations, "copy %d of server %d is reserved on host %d and named by nobody", key.copy, key.server, r.Host)
		}
	}
	for id, s := range a.servers {
		for number, reserved := range s.copies {
			a.report.Checked[storage.LawReservations]++
			if _, live := a.live[copyKey{id, number}]; reserved && !live {
				a.breaks(storage.LawReservations, "server %d has copy %d, which nothing is reserved for", id, number)
			}
		}
	}
	return nil
}

func (a *audit) checkAddresses(context.Context) error {
	for ip, id := range a.held {
		a.report.Checked[storage.LawAddresses]++
		s := a.servers[id]
		switch {
		case a.asking[id]: // given out or taken back right now
		case a.kept[ip] == id: // by its group
		case s == nil:
			a.breaks(storage.LawAddresses, "%s is held by server %d, which does not exist", ip, id)
		case s.gone:
			a.breaks(storage.LawAddresses, "%s is held by server %d, which was deleted", ip, id)
		case !slices.Contains(s.addresses, ip):
			a.breaks(storage.LawAddresses, "%s is held by server %d, which does not have it", ip, id)
		}
	}
	return nil
}

func (a *audit) checkHosts(ctx context.Context) error {
	hosts := map[schemas.HostID]schemas.Host{}
	err := eachState(ctx, a, schemas.ActorHost, func(h *schemas.Host, _ bool) { hosts[h.ID] = *h })
	if err != nil {
		return err
	}
	const query = `SELECT host, ram, disk, ram_used, disk_used FROM host_load`
	err = each(ctx, a.tx, query, func(r *hostLoadRow) error {
		a.report.Checked[storage.LawCapacity]++
		id := schemas.HostID(r.Host)
		sum := a.loads[id]
		delete(a.loads, id)
		if sum != (load{r.RAMUsed, r.DiskUsed}) {
			a.breaks(storage.LawCapacity, "host %d: %d MiB and %d GB are reserved, its row says %d and %d",
				id, sum.ram, sum.disk, r.RAMUsed, r.DiskUsed)
		}
		if h := hosts[id]; sum.ram > h.RAMMiB || sum.disk > h.DiskGB {
			a.breaks(storage.LawCapacity, "host %d: %d MiB and %d GB are reserved, it has %d and %d",
				id, sum.ram, sum.disk, h.RAMMiB, h.DiskGB)
		}
		return nil
	})
	for id := range a.loads {
		a.breaks(storage.LawCapacity, "host %d has reservations and no row", id)
	}
	return err
}

func (a *audit) checkAccounts(ctx context.Context) error {
	return eachState(ctx, a, schemas.ActorAccount, func(acc *schemas.Account, _ bool) {
		a.report.Checked[storage.LawQuota]++
		q := a.quotas[acc.ID]
		if acc.UsedRAMMiB != q.RAMMiB || acc.Servers != q.Servers || acc.Groups != q.Groups {
			a.breaks(storage.LawQuota, "account %d uses %d MiB for %d servers and has %d groups; its servers hold %d MiB and are %d, its groups are %d",
				acc.ID, acc.UsedRAMMiB, acc.Servers, acc.Groups, q.RAMMiB, q.Servers, q.Groups)
		}
		if a.quiet && len(acc.Pending) > 0 {
			a.breaks(storage.LawQuota, "account %d has %d pending entries and no operation is unfinished", acc.ID, len(acc.Pending))
		}
	})
}

func (a *audit) checkImages(ctx context.Context) error {
	return eachState(ctx, a, schemas.ActorImage, func(i *schemas.Image, _ bool) {
		a.report.Checked[storage.LawQuiet]++
		a.checkSequence(i.ID.Ref(), i.Sequence)
		switch i.Status {
		case schemas.ImageQueued, schemas.ImagePreparing, schemas.ImageSaving:
			if a.quiet {
				a.breaks(storage.LawQuiet, "image %d is %s and no operation is unfinished", i.ID, i.Status)
			}
		default:
		}
	})
}
