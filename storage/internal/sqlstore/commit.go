package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	selectCommitter = `SELECT n FROM committer WHERE id = $1`
	firstCommit     = `INSERT INTO committer (id, n, updated) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`
	nextCommit      = `UPDATE committer SET n = $2, updated = $3 WHERE id = $1 AND n = CAST($2 AS BIGINT) - 1`
)

// SelectEpochs reads the epochs of all shards in their order. It is one row, since every commit reads it.
const SelectEpochs = `SELECT string_agg(CAST(epoch AS TEXT), ' ' ORDER BY id) FROM shard`

// commitStatements lists what a commit runs beside its Writes.
func (s *Store) commitStatements() []string {
	return []string{firstCommit, nextCommit, SelectEpochs, s.dialect.Query(findReserved)}
}

// errHadCommitted: the batch is in the store already.
var errHadCommitted = errors.New("the batch had been committed")

// Commit writes all units in order in one transaction, or nothing.
func (s *Store) Commit(ctx context.Context, b storage.Batch) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	p, err := newPlan(&b)
	if err != nil {
		return err
	}
	changes, err := p.changes(micros(s.now()))
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// A context that can end costs a goroutine a statement, and here every statement is short.
	ctx = context.WithoutCancel(ctx)
	err = s.commitInParts(ctx, &b, p, changes, false)
	if bad, ok := errors.AsType[*RowError](err); ok && bad.Row < 0 {
		err = s.commitInParts(ctx, &b, p, changes, true)
	}
	if errors.Is(err, errHadCommitted) {
		return nil
	}
	return s.fail("commit", err)
}

// commit is one try; rows are written one by one when it must be known which one is at fault.
func (s *Store) commit(ctx context.Context, b *storage.Batch, p *plan, changes []change, oneByOne bool) error {
	defer s.keepOrder()()
	if s.joiner != nil && !oneByOne && !p.hostChanges() {
		return s.commitJoined(ctx, b, p, changes)
	}
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	if err := s.writeBatch(ctx, tx, b, p, changes, oneByOne); err != nil {
		_ = tx.Rollback() // the first error counts; the database may have rolled back by itself
		if errors.Is(err, errOverCapacity) {
			return s.blameOverCapacity(ctx, b, p, err)
		}
		return err
	}
	return s.conclude(p, changes, tx.Commit)
}

// conclude commits, and has the cache follow.
func (s *Store) conclude(p *plan, changes []change, commit func() error) error {
	objects := p.objects()
	s.cache.leave(objects)
	err := commit()
	s.cache.enter(objects, err == nil)
	if err != nil {
		return err
	}
	s.wrote(size(changes))
	return nil
}

func (s *Store) writeBatch(ctx context.Context, tx *sqlx.Tx, b *storage.Batch, p *plan, changes []change, oneByOne bool) error {
	if err := s.advance(ctx, tx, b); err != nil {
		return err
	}
	if err := s.fence(ctx, tx, b); err != nil {
		return err
	}
	loads, err := s.hostLoads(ctx, tx, p)
	if err != nil {
		return err
	}
	for i := range changes {
		if err := s.put(ctx, tx, &changes[i], oneByOne); err != nil {
			return err
		}
	}
	return s.addLoads(ctx, tx, loads)
}

// advance moves the committer from the number before the batch's to the batch's. It comes first: its row
// keeps a repetition waiting for as long as the first try may still commit.
func (s *Store) advance(ctx context.Context, tx *sqlx.Tx, b *storage.Batch) error {
	step := nextCommit
	if b.Number == 1 {
		step = firstCommit
	}
	result, err := s.prepared(ctx, tx, step).ExecContext(ctx, b.Committer, b.Number, micros(s.now()))
	if err != nil {
		return err
	}
	if moved, err := result.RowsAffected(); err != nil || moved == 1 {
		return err
	}
	return s.whyNotMoved(ctx, b)
}

// whyNotMoved tells a batch that had been committed from a store that went back.
func (s *Store) whyNotMoved(ctx context.Context, b *storage.Batch) error {
	n, err := get[int64](ctx, s, selectCommitter, b.Committer)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if n == b.Number {
		return errHadCommitted
	}
	return storage.ErrWentBack
}

// shardsOf lists the shards of a batch, ascending.
func shardsOf(b *storage.Batch) []schemas.Shard {
	var shards []schemas.Shard
	for i := range b.Units {
		shards = append(shards, b.Units[i].Shard)
	}
	slices.Sort(shards)
	return slices.Compact(shards)
}

// fence refuses the batch when a shard was claimed since. It is two statements: in one, the comparison
// could use a state from before the wait for the lock.
func (s *Store) fence(ctx context.Context, tx *sqlx.Tx, b *storage.Batch) error {
	if err := s.dialect.Lock(ctx, tx, shardsOf(b), false); err != nil {
		return err
	}
	epochs, err := s.epochs(ctx, tx)
	if err != nil {
		return err
	}
	return compareEpochs(b, epochs)
}

// compareEpochs names the shards whose epoch is not the one that their units were decided in.
func compareEpochs(b *storage.Batch, epochs map[schemas.Shard]schemas.Epoch) error {
	var fenced []schemas.Shard
	for i := range b.Units {
		u := &b.Units[i]
		if epoch, ok := epochs[u.Shard]; !ok || epoch != u.Epoch {
			fenced = append(fenced, u.Shard)
		}
	}
	if fenced == nil {
		return nil
	}
	slices.Sort(fenced)
	return &storage.FencedError{Shards: slices.Compact(fenced)}
}

func (s *Store) epochs(ctx context.Context, tx *sqlx.Tx) (map[schemas.Shard]schemas.Epoch, error) {
	var all string
	if err := s.prepared(ctx, tx, SelectEpochs).QueryRowContext(ctx).Scan(&all); err != nil {
		return nil, err
	}
	return readEpochs(all)
}

// readEpochs takes apart what SelectEpochs found.
func readEpochs(all string) (map[schemas.Shard]schemas.Epoch, error) {
	epochs := make(map[schemas.Shard]schemas.Epoch, schemas.Shards)
	for word := range strings.FieldsSeq(all) {
		epoch, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("epoch of shard %d: %w", len(epochs), err)
		}
		epochs[schemas.Shard(len(epochs))] = schemas.Epoch(epoch)
	}
	return epochs, nil
}

// size is about how many bytes changes write.
func size(changes []change) int {
	total := 0
	for i := range changes {
		for _, row := range changes[i].rows {
			total += rowBytes
			for _, v := range row.Values {
				switch v := v.(type) {
				case string:
					total += len(v)
				case []byte:
					total += len(v)
				}
			}
		}
	}
	return total
}

// rowBytes is about what a row costs beside its texts.
const rowBytes = 100
