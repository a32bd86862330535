package sqlstore

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
)

// gathered is the reads that are gathered; all nil when none is.
type gathered struct {
	objects    map[schemas.ActorKind]*gatherer[objectKey, objectRow]
	operations *gatherer[operationKey, operationRow]
	tokens     *gatherer[string, tokenRow] // by hash
}

type objectKey struct{ account, id int64 }

const objectColumns = `id, account, name, rendered, updated`

// The lookups of gathered reads.
var (
	objectKeyColumns = []Column{{"account", Int}, {"id", Int}}
	findServers      = &Lookup{Table: "server", Columns: objectColumns, Key: objectKeyColumns, Where: "rendered IS NOT NULL"}
	findImages       = &Lookup{Table: "image", Columns: objectColumns, Key: objectKeyColumns, Where: "rendered IS NOT NULL"}
	findGroups       = &Lookup{Table: "shared_ip_group", Columns: objectColumns, Key: objectKeyColumns, Where: "rendered IS NOT NULL"}
	findOperations   = &Lookup{Table: "operation", Columns: operationColumns, Key: []Column{{"account", Int}, {"id", Text}}, Parted: "id"}
	findTokens       = &Lookup{Table: liveToken, Columns: liveColumns, Key: []Column{{"hash", Bytes}}}
)

// newGathered makes gatherers of up to limit statements each; 0: none.
func newGathered(s *Store, limit int) gathered {
	if limit <= 0 {
		return gathered{}
	}
	objects := func(l *Lookup, shared bool) *gatherer[objectKey, objectRow] {
		return newGatherer(limit, func(ctx context.Context, keys []objectKey) (map[objectKey]objectRow, error) {
			return s.findObjects(ctx, l, keys, shared)
		})
	}
	return gathered{
		objects: map[schemas.ActorKind]*gatherer[objectKey, objectRow]{
			schemas.ActorServer: objects(findServers, false),
			schemas.ActorImage:  objects(findImages, true),
			schemas.ActorGroup:  objects(findGroups, false),
		},
		operations: newGatherer(limit, func(ctx context.Context, keys []operationKey) (map[operationKey]operationRow, error) {
			return findAll(ctx, s, findOperations, keys,
				func(k operationKey) []any { return []any{int64(k.account), string(k.id)} },
				func(r *operationRow) operationKey {
					return operationKey{schemas.AccountID(r.Account), schemas.OperationID(r.ID)}
				})
		}),
		tokens: newGatherer(limit, func(ctx context.Context, hashes []string) (map[string]tokenRow, error) {
			return findAll(ctx, s, findTokens, hashes,
				func(hash string) []any { return []any{[]byte(hash)} },
				func(r *tokenRow) string { return string(r.Hash) })
		}),
	}
}

func (g *gathered) stop() {
	for _, objects := range g.objects {
		objects.stop()
	}
	if g.operations != nil {
		g.operations.stop()
		g.tokens.stop()
	}
}

// findObjects reads objects of accounts; when they are shared, those of account 0 are everybody's.
func (s *Store) findObjects(ctx context.Context, l *Lookup, keys []objectKey, shared bool) (map[objectKey]objectRow, error) {
	asked := keys
	if shared {
		asked = withShared(keys)
	}
	rows, err := findAll(ctx, s, l, asked,
		func(k objectKey) []any { return []any{k.account, k.id} },
		func(r *objectRow) objectKey { return objectKey{r.Account, r.ID} })
	if err != nil || !shared {
		return rows, err
	}
	found := make(map[objectKey]objectRow, len(rows))
	for _, key := range keys {
		row, ok := rows[key]
		if !ok {
			row, ok = rows[objectKey{0, key.id}]
		}
		if ok {
			found[key] = row
		}
	}
	return found, nil
}

// withShared adds for each key that of account 0.
func withShared(keys []objectKey) []objectKey {
	all := make([]objectKey, 0, 2*len(keys))
	seen := make(map[objectKey]bool, 2*len(keys))
	for _, key := range keys {
		for _, k := range []objectKey{key, {0, key.id}} {
			if !seen[k] {
				seen[k] = true
				all = append(all, k)
			}
		}
	}
	return all
}

// findAll reads the rows of many keys.
func findAll[K comparable, R any](
	ctx context.Context, s *Store, l *Lookup, keys []K, values func(K) []any, keyOf func(*R) K,
) (map[K]R, error) {
	stmt, err := s.reads.get(ctx, s.dialect.Query(l))
	if err != nil {
		return nil, err
	}
	all := make([][]any, len(keys))
	for i, key := range keys {
		all[i] = values(key)
	}
	found := make(map[K]R, len(keys))
	err = s.dialect.Find(ctx, stmt.Stmt, l, all, func(rows *sqlx.Rows) error {
		var row R
		if err := rows.StructScan(&row); err != nil {
			return err
		}
		found[keyOf(&row)] = row
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}
