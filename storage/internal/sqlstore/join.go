package sqlstore

import (
	"context"
	"fmt"

	"github.com/ozonecloud/ozone/storage"
)

// commitJoined is a commit by a Joiner.
func (s *Store) commitJoined(ctx context.Context, b *storage.Batch, p *plan, changes []change) error {
	loads, keys := p.newLoads()
	c := Committer{ID: b.Committer, Number: b.Number, Now: micros(s.now())}
	tx, entry, err := s.joiner.Begin(ctx, c, shardsOf(b), findReserved, keys, loads.giveBack)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := s.putJoined(ctx, tx, b, entry, append(changes, loads.change())); err != nil {
		tx.Rollback(ctx)
		return err
	}
	return s.conclude(p, changes, func() error { return tx.Commit(ctx) })
}

func (s *Store) putJoined(ctx context.Context, tx Joined, b *storage.Batch, entry Entry, changes []change) error {
	if !entry.Moved {
		return s.whyNotMoved(ctx, b)
	}
	epochs, err := readEpochs(entry.Epochs)
	if err != nil {
		return err
	}
	if err := compareEpochs(b, epochs); err != nil {
		return err
	}
	var writes []*Write
	var rows [][]Row
	for i := range changes {
		if len(changes[i].rows) > 0 {
			writes, rows = append(writes, changes[i].write), append(rows, changes[i].rows)
		}
	}
	if len(writes) == 0 {
		return nil
	}
	if err := tx.PutAll(ctx, writes, rows); err != nil {
		return fmt.Errorf("write batch: %w", err)
	}
	return nil
}
