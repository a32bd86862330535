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
	jobs chan func(context.Context) // every shard has at most one job under way, so it never fills
}

func newLoader(ctx context.Context, wg *sync.WaitGroup) *loader {
	l := &loader{jobs: make(chan func(context.Context), 2*schemas.Shards)}
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

func (l *loader) do(job func(context.Context)) { l.jobs <- job }

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

// knownRows is what the store knows of a command that may be a repetition.
type knownRows struct {
	same  storage.OperationRow
	key   storage.Key
	prior storage.OperationRow // the key's operation
}
