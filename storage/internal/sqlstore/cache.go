package sqlstore

import (
	"sync"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// cacheParts is how many locks the cache has.
const cacheParts = 64

// objectCache keeps copies of shown objects. A copy is never older than what a reader could have got
// from the database: it leaves before the commit that changes its row and comes back with the new row
// after it, and a copy read from the database in between is not kept.
type objectCache struct{ parts []cachePart }

type cachePart struct {
	mu      sync.RWMutex
	objects map[schemas.Ref]cachedObject // guarded by mu
	limit   int
	commits int    // under way that change objects of this part; guarded by mu
	changes uint64 // so many commits did; guarded by mu
}

type cachedObject struct {
	account schemas.AccountID
	object  storage.Object
}

// objectChange is what a commit does to an object; shown is nil when it is shown no more.
type objectChange struct {
	ref   schemas.Ref
	shown *cachedObject
}

// newObjectCache makes a cache of at most limit objects; limit 0 is a cache that keeps nothing.
func newObjectCache(limit int) *objectCache {
	if limit <= 0 {
		return &objectCache{}
	}
	c := &objectCache{parts: make([]cachePart, cacheParts)}
	for i := range c.parts {
		c.parts[i].objects = map[schemas.Ref]cachedObject{}
		c.parts[i].limit = max(limit/cacheParts, 1)
	}
	return c
}

func (c *objectCache) part(ref schemas.Ref) *cachePart {
	if c.parts == nil {
		return nil
	}
	return &c.parts[uint64(ref.ID)%cacheParts] //nolint:gosec // any spread will do, a negative id's too
}

// get is the copy of ref. Without one, the ticket lets fill keep what is read from now on.
func (c *objectCache) get(ref schemas.Ref) (o cachedObject, ok bool, ticket uint64) {
	p := c.part(ref)
	if p == nil {
		return o, false, 0
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	o, ok = p.objects[ref]
	return o, ok, p.changes
}

// fill keeps what was read from the database after the ticket was taken, unless a commit came between.
func (c *objectCache) fill(ref schemas.Ref, o cachedObject, ticket uint64) {
	p := c.part(ref)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.commits == 0 && p.changes == ticket {
		p.keep(ref, o)
	}
}

// leave removes what a commit is about to change.
func (c *objectCache) leave(changes []objectChange) {
	for i := range changes {
		p := c.part(changes[i].ref)
		if p == nil {
			return
		}
		p.mu.Lock()
		p.commits++
		delete(p.objects, changes[i].ref)
		p.mu.Unlock()
	}
}

// enter ends what leave began and keeps what was committed.
func (c *objectCache) enter(changes []objectChange, committed bool) {
	for i := range changes {
		p := c.part(changes[i].ref)
		if p == nil {
			return
		}
		p.mu.Lock()
		p.commits--
		p.changes++
		if o := changes[i].shown; o != nil && committed {
			p.keep(changes[i].ref, *o)
		}
		p.mu.Unlock()
	}
}

// keep needs p.mu. A full part loses any one of its copies.
func (p *cachePart) keep(ref schemas.Ref, o cachedObject) {
	if _, there := p.objects[ref]; !there && len(p.objects) >= p.limit {
		for other := range p.objects {
			delete(p.objects, other)
			break
		}
	}
	p.objects[ref] = o
}
