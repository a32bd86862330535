package sqlstore

import (
	"context"
	"fmt"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Base images belong to account 0 and to everybody.
const (
	selectServer = `SELECT ` + objectColumns + ` FROM server
		WHERE id = $1 AND account = $2 AND rendered IS NOT NULL`
	selectImage = `SELECT ` + objectColumns + ` FROM image
		WHERE id = $1 AND account IN ($2, 0) AND rendered IS NOT NULL`
	selectGroup = `SELECT ` + objectColumns + ` FROM shared_ip_group
		WHERE id = $1 AND account = $2 AND rendered IS NOT NULL`
	selectServers = `SELECT ` + objectColumns + ` FROM server
		WHERE account = $1 AND rendered IS NOT NULL ORDER BY id LIMIT $2 OFFSET $3`
	selectImages = `SELECT ` + objectColumns + ` FROM image
		WHERE account IN ($1, 0) AND rendered IS NOT NULL ORDER BY id LIMIT $2 OFFSET $3`
	selectChangedServers = `SELECT ` + changedColumns + ` FROM server
		WHERE account = $1 AND updated >= $4 AND (rendered IS NOT NULL OR status = 'DELETED') ORDER BY id LIMIT $2 OFFSET $3`
	selectChangedImages = `SELECT ` + changedColumns + ` FROM image
		WHERE account IN ($1, 0) AND updated >= $4 AND rendered IS NOT NULL ORDER BY id LIMIT $2 OFFSET $3` // v1.0 has no status for one that is deleted
	selectGroups = `SELECT ` + objectColumns + ` FROM shared_ip_group
		WHERE account = $1 AND rendered IS NOT NULL ORDER BY id LIMIT $2 OFFSET $3`
	selectChangedGroups = `SELECT ` + changedColumns + ` FROM shared_ip_group
		WHERE account = $1 AND updated >= $4 AND rendered IS NOT NULL ORDER BY id LIMIT $2 OFFSET $3` // a group has no status to be deleted by
	selectFlavors = `SELECT id, name, ram, disk, cpu_weight FROM flavor ORDER BY id`
)

type objectRow struct {
	ID       int64  `db:"id"`
	Account  int64  `db:"account"`
	Name     string `db:"name"`
	Rendered []byte `db:"rendered"`
	Updated  int64  `db:"updated"`
}

func (r *objectRow) object() storage.Object {
	return storage.Object{ID: r.ID, Name: r.Name, Rendered: r.Rendered, Updated: instant(r.Updated)}
}

// Object is one row of kind (server, image, shared_ip_group) that is shown, or ErrNotFound.
func (s *Store) Object(ctx context.Context, kind schemas.ActorKind, account schemas.AccountID, id int64) (storage.Object, error) {
	q, err := objectQueries(kind)
	if err != nil {
		return storage.Object{}, err
	}
	return reading(s, "read object", func() (storage.Object, error) {
		ref := schemas.Ref{Kind: kind, ID: id}
		o, ok, ticket := s.cache.get(ref)
		if ok {
			return o.shownTo(kind, account)
		}
		row, err := s.objectRow(ctx, q.one, kind, objectKey{int64(account), id})
		if err != nil {
			return storage.Object{}, err
		}
		s.cache.fill(ref, cachedObject{schemas.AccountID(row.Account), row.object()}, ticket)
		return row.object(), nil
	})
}

func (s *Store) objectRow(ctx context.Context, query string, kind schemas.ActorKind, key objectKey) (objectRow, error) {
	if g := s.gathered.objects[kind]; g != nil {
		return g.get(ctx, key)
	}
	return get[objectRow](ctx, s, query, key.id, key.account)
}

// shownTo is the rule of the queries above, for a copy.
func (o *cachedObject) shownTo(kind schemas.ActorKind, account schemas.AccountID) (storage.Object, error) {
	if o.account == account || o.account == 0 && kind == schemas.ActorImage {
		return o.object, nil
	}
	return storage.Object{}, storage.ErrNotFound
}

// Objects lists the shown rows of kind by ascending id; with f.Since the servers that were deleted since then too, as DELETED.
func (s *Store) Objects(ctx context.Context, kind schemas.ActorKind, account schemas.AccountID, f storage.ObjectFilter) ([]storage.Object, error) {
	q, err := objectQueries(kind)
	if err != nil {
		return nil, err
	}
	return reading(s, "list objects", func() ([]storage.Object, error) {
		if !f.Since.IsZero() {
			return s.changedObjects(ctx, q.changed, account, f)
		}
		rows, err := list[objectRow](ctx, s, q.many, int64(account), max(f.Limit, 1), max(f.Offset, 0))
		if err != nil {
			return nil, err
		}
		objects := make([]storage.Object, len(rows))
		for i := range rows {
			objects[i] = rows[i].object()
		}
		return objects, nil
	})
}

// queries are how a kind of objects is read.
type queries struct{ one, many, changed string }

func objectQueries(kind schemas.ActorKind) (queries, error) {
	switch kind {
	case schemas.ActorServer:
		return queries{selectServer, selectServers, selectChangedServers}, nil
	case schemas.ActorImage:
		return queries{selectImage, selectImages, selectChangedImages}, nil
	case schemas.ActorGroup:
		return queries{selectGroup, selectGroups, selectChangedGroups}, nil
	default:
		return queries{}, fmt.Errorf("read object: kind %q is not shown", kind)
	}
}

// objects is what a batch changes of the objects that tenants read.
func (p *plan) objects() []objectChange {
	var out []objectChange
	for i := range p.snapshots.items {
		it := &p.snapshots.items[i]
		snap := it.value
		if _, err := objectQueries(snap.Ref.Kind); err != nil {
			continue // shown to no tenant
		}
		c := objectChange{ref: snap.Ref}
		if !it.gone && snap.Rendered != nil {
			c.shown = &cachedObject{snap.Account, storage.Object{
				ID: snap.Ref.ID, Name: snap.Name, Rendered: snap.Rendered, Updated: instant(micros(snap.Updated)),
			}}
		}
		out = append(out, c)
	}
	return out
}

type flavorRow struct {
	ID        int64  `db:"id"`
	Name      string `db:"name"`
	RAM       int64  `db:"ram"`
	Disk      int64  `db:"disk"`
	CPUWeight int64  `db:"cpu_weight"`
}

// Flavors lists every flavor by ascending id.
func (s *Store) Flavors(ctx context.Context) ([]schemas.Flavor, error) {
	return reading(s, "list flavors", func() ([]schemas.Flavor, error) {
		rows, err := list[flavorRow](ctx, s, selectFlavors)
		if err != nil {
			return nil, err
		}
		flavors := make([]schemas.Flavor, len(rows))
		for i, r := range rows {
			flavors[i] = schemas.Flavor{ID: schemas.FlavorID(r.ID), Name: r.Name, RAMMiB: r.RAM, DiskGB: r.Disk, CPUWeight: r.CPUWeight}
		}
		return flavors, nil
	})
}
