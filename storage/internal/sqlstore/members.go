package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	putNode = `INSERT INTO node (name, seen, doc) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET seen = excluded.seen, doc = excluded.doc`
	selectNodes = `SELECT name, seen, doc FROM node WHERE seen >= $1 ORDER BY name`
	sweepNodes  = `DELETE FROM node WHERE seen < $1`
	removeNode  = `DELETE FROM node WHERE name = $1`
)

// keepNodes is how long a node that was killed is remembered, for whoever looks at the table.
const keepNodes = time.Hour

type nodeRow struct {
	Name string `db:"name"`
	Seen int64  `db:"seen"`
	Doc  []byte `db:"doc"`
}

// nodeDoc is the part of a node's row that no query looks at.
type nodeDoc struct {
	Subscribed []schemas.Shard `json:"subscribed"`
}

// Beat says that a node lives and which queues it waits in line for, and returns who else does.
func (s *Store) Beat(ctx context.Context, n storage.Node, within time.Duration) (storage.Membership, error) {
	doc, err := json.Marshal(nodeDoc{n.Subscribed})
	if err != nil {
		return storage.Membership{}, fmt.Errorf("beat: %w", err)
	}
	var m storage.Membership
	err = s.writing(ctx, "beat", func(tx *sqlx.Tx) error {
		now := s.now()
		if _, err := tx.ExecContext(ctx, putNode, n.Name, micros(now), string(doc)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, sweepNodes, micros(now.Add(-keepNodes))); err != nil {
			return err
		}
		var rows []nodeRow
		if err := tx.SelectContext(ctx, &rows, selectNodes, micros(now.Add(-within))); err != nil {
			return err
		}
		for _, r := range rows {
			var doc nodeDoc
			if err := json.Unmarshal(r.Doc, &doc); err != nil {
				return fmt.Errorf("node %s: %w", r.Name, err)
			}
			m.Nodes = append(m.Nodes, storage.Node{Name: r.Name, Subscribed: doc.Subscribed, Seen: instant(r.Seen)})
		}
		m.Epochs, err = s.epochs(ctx, tx)
		return err
	})
	return m, err
}

// Leave takes a node out.
func (s *Store) Leave(ctx context.Context, name string) error {
	return s.writing(ctx, "leave", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, removeNode, name)
		return err
	})
}
