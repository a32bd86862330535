package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	raiseEpoch       = `UPDATE shard SET epoch = epoch + 1, owner = $2, claimed = $3 WHERE id = $1 RETURNING epoch`
	selectUnfinished = `SELECT ` + operationColumns + ` FROM operation WHERE shard = $1 AND unfinished = 1 ORDER BY id`
	selectOutbox     = `SELECT shard, id, to_shard, type, created, body FROM outbox WHERE shard = $1 ORDER BY created, id`
	selectBlocks     = `SELECT kind, next, upto FROM id_block WHERE shard = $1`
	selectEpoch      = `SELECT epoch FROM shard WHERE id = $1`
	leaseIDs         = `UPDATE id_source SET next = next + $2 WHERE kind = $1 AND next + $2 <= $3 RETURNING next`
	putBlock         = `INSERT INTO id_block (shard, kind, next, upto) VALUES ($1, $2, $3, $4)
		ON CONFLICT (shard, kind) DO UPDATE SET next = excluded.next, upto = excluded.upto`
	selectReservations = `SELECT server, copy, cluster, host, account, operation, ram, disk, released
		FROM reservation WHERE cluster = $1`
	selectAddresses = `SELECT ip, cluster, public, server, free_at FROM address WHERE cluster = $1`
	selectPayload   = `SELECT payload FROM operation WHERE account = $1 AND id = $2 AND payload IS NOT NULL`
)

// Selects of snapshots, by kind.
var (
	selectTimed = perKindText(func(table string) string {
		return `SELECT ` + snapshotColumns + ` FROM ` + table + ` WHERE shard = $1 AND wake_at IS NOT NULL ORDER BY id`
	})
	selectOfShard = perKindText(func(table string) string {
		return `SELECT ` + snapshotColumns + ` FROM ` + table + ` WHERE shard = $1 ORDER BY id`
	})
	selectAll = perKindText(func(table string) string {
		return `SELECT ` + snapshotColumns + ` FROM ` + table + ` ORDER BY id`
	})
)

// findSnapshot finds actors in their shard.
var findSnapshot = func() map[schemas.ActorKind]*Lookup {
	byKind := make(map[schemas.ActorKind]*Lookup, len(snapshotTable))
	for kind, table := range snapshotTable {
		byKind[kind] = &Lookup{Table: table, Columns: snapshotColumns, Key: []Column{{"id", Int}, {"shard", Int}}}
	}
	return byKind
}()

func perKindText(text func(table string) string) map[schemas.ActorKind]string {
	byKind := make(map[schemas.ActorKind]string, len(snapshotTable))
	for kind, table := range snapshotTable {
		byKind[kind] = text(table)
	}
	return byKind
}

// Claim makes this process the owner of a shard: the epoch goes up by one, and what the shard owes comes back.
func (s *Store) Claim(ctx context.Context, shard schemas.Shard, node string) (storage.Claim, error) {
	var c storage.Claim
	err := s.writing(ctx, "claim shard", func(tx *sqlx.Tx) error {
		if err := s.dialect.Lock(ctx, tx, []schemas.Shard{shard}, true); err != nil {
			return err
		}
		if err := tx.GetContext(ctx, &c.Epoch, raiseEpoch, int(shard), node, micros(s.now())); err != nil {
			return fmt.Errorf("shard %d: %w", shard, err)
		}
		return loadClaim(ctx, tx, shard, &c)
	})
	return c, err
}

// loadClaim reads in the transaction of the claim: no commit can come between.
func loadClaim(ctx context.Context, tx *sqlx.Tx, shard schemas.Shard, c *storage.Claim) error {
	for _, kind := range schemas.ActorKinds() {
		var rows []snapshotRow
		if err := tx.SelectContext(ctx, &rows, selectTimed[kind], int(shard)); err != nil {
			return err
		}
		c.Snapshots = append(c.Snapshots, snapshots(kind, rows)...)
	}
	var ops []operationRow
	if err := tx.SelectContext(ctx, &ops, selectUnfinished, int(shard)); err != nil {
		return err
	}
	var err error
	if c.Operations, err = operations(ops); err != nil {
		return err
	}
	var owed []outboxRow
	if err := tx.SelectContext(ctx, &owed, selectOutbox, int(shard)); err != nil {
		return err
	}
	for i := range owed {
		c.Outbox = append(c.Outbox, owed[i].row())
	}
	var blocks []blockRow
	if err := tx.SelectContext(ctx, &blocks, selectBlocks, int(shard)); err != nil {
		return err
	}
	c.IDs = make(map[schemas.ActorKind]storage.IDBlock, len(blocks))
	for _, b := range blocks {
		c.IDs[schemas.ActorKind(b.Kind)] = storage.IDBlock{Next: b.Next, End: b.Upto}
	}
	return nil
}

type outboxRow struct {
	Shard   int    `db:"shard"`
	ID      string `db:"id"`
	To      int    `db:"to_shard"`
	Type    string `db:"type"`
	Created int64  `db:"created"`
	Body    []byte `db:"body"`
}

func (r *outboxRow) row() storage.OutboxRow {
	return storage.OutboxRow{
		ID: r.ID, Shard: schemas.Shard(r.Shard), To: schemas.Shard(r.To), Type: schemas.MessageType(r.Type),
		Body: r.Body, Created: instant(r.Created),
	}
}

type blockRow struct {
	Kind string `db:"kind"`
	Next int64  `db:"next"`
	Upto int64  `db:"upto"`
}

// LeaseIDs takes the next block of ids of a kind for a shard, in a transaction of its own.
func (s *Store) LeaseIDs(ctx context.Context, shard schemas.Shard, e schemas.Epoch, kind schemas.ActorKind) (storage.IDBlock, error) {
	var block storage.IDBlock
	err := s.writing(ctx, "lease ids", func(tx *sqlx.Tx) error {
		if err := s.owned(ctx, tx, shard, e); err != nil {
			return err
		}
		var end int64
		err := tx.GetContext(ctx, &end, leaseIDs, string(kind), storage.IDBlockSize, int64(schemas.MaxID)+1)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("no ids of kind %q are left", kind)
		}
		if err != nil {
			return err
		}
		block = storage.IDBlock{Next: end - storage.IDBlockSize, End: end}
		_, err = tx.ExecContext(ctx, putBlock, int(shard), string(kind), block.Next, block.End)
		return err
	})
	if err != nil {
		return storage.IDBlock{}, err
	}
	return block, nil
}

// owned fails when somebody else has claimed the shard since, and keeps claims away until tx ends.
func (s *Store) owned(ctx context.Context, tx *sqlx.Tx, shard schemas.Shard, e schemas.Epoch) error {
	if err := s.dialect.Lock(ctx, tx, []schemas.Shard{shard}, false); err != nil {
		return err
	}
	var epoch schemas.Epoch
	if err := tx.GetContext(ctx, &epoch, selectEpoch, int(shard)); err != nil {
		return fmt.Errorf("shard %d: %w", shard, err)
	}
	if epoch != e {
		return &storage.FencedError{Shards: []schemas.Shard{shard}}
	}
	return nil
}

// Load reads snapshots by ref in the shard; what is not there is left out of the answer.
func (s *Store) Load(ctx context.Context, shard schemas.Shard, refs []schemas.Ref) ([]storage.Snapshot, error) {
	return reading(s, "load actors", func() ([]storage.Snapshot, error) {
		keys := map[schemas.ActorKind][][]any{}
		for _, ref := range refs {
			keys[ref.Kind] = append(keys[ref.Kind], []any{ref.ID, int64(shard)})
		}
		var out []storage.Snapshot
		for _, kind := range slices.Sorted(maps.Keys(keys)) {
			lookup := findSnapshot[kind]
			if lookup == nil {
				return nil, fmt.Errorf("%q: no such kind", kind)
			}
			stmt, err := s.reads.get(ctx, s.dialect.Query(lookup))
			if err != nil {
				return nil, err
			}
			err = s.dialect.Find(ctx, stmt.Stmt, lookup, keys[kind], func(rows *sqlx.Rows) error {
				var row snapshotRow
				if err := rows.StructScan(&row); err != nil {
					return err
				}
				out = append(out, row.snapshot(kind))
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// LoadCluster reads what a cluster's actor keeps in memory.
func (s *Store) LoadCluster(ctx context.Context, c schemas.ClusterID) (storage.ClusterRows, error) {
	return reading(s, "load cluster", func() (storage.ClusterRows, error) {
		var out storage.ClusterRows
		hosts, err := list[snapshotRow](ctx, s, selectOfShard[schemas.ActorHost], int(schemas.ShardOfCluster(c)))
		if err != nil {
			return out, err
		}
		for i := range hosts { // several clusters may share a shard
			var h schemas.Host
			if err := json.Unmarshal(hosts[i].State, &h); err != nil {
				return out, fmt.Errorf("state of host %d: %w", hosts[i].ID, err)
			}
			if h.Cluster == c {
				out.Hosts = append(out.Hosts, hosts[i].snapshot(schemas.ActorHost))
			}
		}
		reserved, err := list[reservationRow](ctx, s, selectReservations, int64(c))
		if err != nil {
			return out, err
		}
		for i := range reserved {
			out.Reservations = append(out.Reservations, reserved[i].reservation())
		}
		held, err := list[addressRow](ctx, s, selectAddresses, int64(c))
		if err != nil {
			return out, err
		}
		for i := range held {
			out.Addresses = append(out.Addresses, held[i].address())
		}
		return out, nil
	})
}

type reservationRow struct {
	Server    int64  `db:"server"`
	Copy      int    `db:"copy"`
	Cluster   int64  `db:"cluster"`
	Host      int64  `db:"host"`
	Account   int64  `db:"account"`
	Operation string `db:"operation"`
	RAM       int64  `db:"ram"`
	Disk      int64  `db:"disk"`
	Released  bool   `db:"released"`
}

func (r *reservationRow) reservation() schemas.Reservation {
	return schemas.Reservation{
		Cluster: schemas.ClusterID(r.Cluster), Host: schemas.HostID(r.Host), Account: schemas.AccountID(r.Account),
		Server: schemas.ServerID(r.Server), Copy: r.Copy, Operation: schemas.OperationID(r.Operation),
		RAMMiB: r.RAM, DiskGB: r.Disk, Released: r.Released,
	}
}

type addressRow struct {
	IP      string `db:"ip"`
	Cluster int64  `db:"cluster"`
	Public  bool   `db:"public"`
	Server  int64  `db:"server"`
	FreeAt  int64  `db:"free_at"`
}

func (r *addressRow) address() schemas.Address {
	return schemas.Address{
		IP: r.IP, Cluster: schemas.ClusterID(r.Cluster), Public: r.Public, Server: schemas.ServerID(r.Server), FreeAt: instant(r.FreeAt),
	}
}

// Payload is the sealed payload of an operation, or ErrNotFound.
func (s *Store) Payload(ctx context.Context, account schemas.AccountID, id schemas.OperationID) ([]byte, error) {
	return reading(s, "read payload", func() ([]byte, error) {
		return get[[]byte](ctx, s, selectPayload, int64(account), string(id))
	})
}

// Known reads the operation and the key that a command may repeat; absent parts are zero.
func (s *Store) Known(
	ctx context.Context, account schemas.AccountID, id schemas.OperationID, keyHash []byte,
) (storage.OperationRow, storage.Key, error) {
	var key storage.Key
	op, err := reading(s, "read known commands", func() (storage.OperationRow, error) {
		var op storage.OperationRow
		row, err := get[operationRow](ctx, s, selectOperation, string(id), int64(account))
		if err == nil {
			op, err = row.operation()
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) || keyHash == nil {
			return op, ignoreNoRows(err)
		}
		key, err = s.key(ctx, account, keyHash)
		return op, ignoreNoRows(err)
	})
	return op, key, err
}

func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
