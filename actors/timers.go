package actors

import (
	"container/heap"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ozonecloud/ozone/schemas"
)

// timers are the wake times of a shard's actors; one alarm is set for the earliest.
type timers struct {
	engine *Engine
	pid    *actor.PID
	at     map[schemas.Ref]time.Time // what counts
	queue  wakeQueue                 // may hold outdated entries: those that at does not confirm
	timer  *time.Timer
	next   time.Time // when timer rings
}

// minWakes is how many outdated entries the queue may always have.
const minWakes = 64

type wake struct {
	ref schemas.Ref
	at  time.Time
}

// set makes an actor wake at a time; zero: never.
func (t *timers) set(ref schemas.Ref, at time.Time) {
	if at.IsZero() {
		delete(t.at, ref)
		return
	}
	if t.at[ref].Equal(at) {
		return
	}
	t.at[ref] = at
	if len(t.queue) > 2*len(t.at)+minWakes {
		t.rebuild()
	} else {
		heap.Push(&t.queue, wake{ref, at})
	}
	if t.next.IsZero() || at.Before(t.next) {
		t.arm(at)
	}
}

// rebuild drops what is outdated: a deadline of an hour is outdated in a second as a rule.
func (t *timers) rebuild() {
	t.queue = make(wakeQueue, 0, len(t.at))
	for ref, at := range t.at {
		t.queue = append(t.queue, wake{ref, at})
	}
	heap.Init(&t.queue)
}

// due takes every actor whose time has come; it is woken once.
func (t *timers) due(now time.Time) []schemas.Ref {
	var refs []schemas.Ref
	for len(t.queue) > 0 {
		w := t.queue[0]
		if at, ok := t.at[w.ref]; !ok || !at.Equal(w.at) {
			heap.Pop(&t.queue)
			continue
		}
		if w.at.After(now) {
			break
		}
		heap.Pop(&t.queue)
		delete(t.at, w.ref)
		refs = append(refs, w.ref)
	}
	t.next = time.Time{}
	if len(t.queue) > 0 {
		t.arm(t.queue[0].at)
	}
	return refs
}

// late tells whether the alarm should have rung.
func (t *timers) late(now time.Time) bool { return !t.next.IsZero() && !now.Before(t.next) }

// overdue counts the actors whose time has come longer than slack ago.
func (t *timers) overdue(now time.Time, slack time.Duration) int64 {
	var n int64
	for _, at := range t.at {
		if now.Sub(at) > slack {
			n++
		}
	}
	return n
}

func (t *timers) arm(at time.Time) {
	t.stop()
	t.next = at
	system, pid := t.engine.system, t.pid
	t.timer = time.AfterFunc(at.Sub(t.engine.cfg.Now()), func() { system.Root.Send(pid, alarm{}) })
}

func (t *timers) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}

// wakeQueue is a heap by time.
type wakeQueue []wake

func (q wakeQueue) Len() int           { return len(q) }
func (q wakeQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q wakeQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push adds an entry; only container/heap calls it.
func (q *wakeQueue) Push(x any) {
	if w, ok := x.(wake); ok {
		*q = append(*q, w)
	}
}

// Pop takes the last entry; only container/heap calls it.
func (q *wakeQueue) Pop() any {
	old := *q
	w := old[len(old)-1]
	*q = old[:len(old)-1]
	return w
}
