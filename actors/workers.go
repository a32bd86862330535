package actors

import "github.com/ozonecloud/ozone/schemas"

// workers run mailboxes on goroutines that stay: their stacks have grown already. Measured: 5 % of a create's time,
// which went into growing the stacks of new ones.
type workers struct {
	work chan func()
	idle chan struct{} // one token for each worker that waits
	quit <-chan struct{}
}

// maxIdle is how many workers wait for work: enough for every shard.
const maxIdle = schemas.Shards

// throughput is how many messages a mailbox takes before it lets others run; the library's default.
const throughput = 300

func newWorkers(quit <-chan struct{}) *workers {
	return &workers{work: make(chan func()), idle: make(chan struct{}, maxIdle), quit: quit}
}

// Schedule runs a mailbox on a worker that waits, or on a new one.
func (w *workers) Schedule(run func()) {
	select {
	case w.work <- run:
	default:
		go w.loop(run) // ends with quit, or when enough others wait
	}
}

// Throughput is how many messages a mailbox takes before it lets others run.
func (*workers) Throughput() int { return throughput }

func (w *workers) loop(run func()) {
	for {
		run()
		select {
		case w.idle <- struct{}{}:
		default:
			return
		}
		select {
		case run = <-w.work:
			<-w.idle
		case <-w.quit:
			return
		}
	}
}
