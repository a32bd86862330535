package actors

import (
	"context"
	"sync"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// loaders is how many reads for actors run at the same time: as many as the store's read pool.
const loaders = 4

// loader reads rows for shards off their mailboxes: a shard never does I/O itself.
type loader struct {
	jobs  chan func(context.Context) // a shard has one job under way, and perhaps an outdated one: it never fills
	ended <-chan struct{}
}

func newLoader(ctx context.Context, wg *sync.WaitGroup) *loader {
	l := &loader{jobs: make(chan func(context.Context), 2*schemas.Shards), ended: ctx.Done()}
	for range loaders {
		wg.Go(func() {
			for {
				select {
				case job := <-l.jobs:
					job(ctx)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return l
}

// do has a job done soon; after the end it is dropped with the turn that waits for it.
func (l *loader) do(job func(context.Context)) {
	select {
	case l.jobs <- job:
	case <-l.ended:
	}
}

// loaded is what a read found; exactly one of its parts is set.
type loaded struct {
	generation int
	turn       uint64
	claim      *storage.Claim
	ref        schemas.Ref // an actor: row is nil when there is none
	row        *storage.Snapshot
	cluster    *storage.ClusterRows
	known      *knownRows
	kind       schemas.ActorKind // a block of ids
	block      storage.IDBlock
	err        error
}
