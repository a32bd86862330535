package bus

import "sync"

// Window acknowledges the deliveries of a consumer that are done in any order: up to the first one that is not.
type Window struct {
	consumer Consumer

	mu    sync.Mutex
	acked uint64          // guarded by mu; everything up to it is done
	done  map[uint64]bool // guarded by mu; done behind a gap; no larger than the consumer's prefetch
}

// NewWindow is the window of a consumer that has delivered nothing yet.
func NewWindow(c Consumer) *Window { return &Window{consumer: c, done: map[uint64]bool{}} }

// Finish marks a delivery as done. It is harmless when called twice.
func (w *Window) Finish(tag uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if tag <= w.acked {
		return
	}
	w.done[tag] = true
	before := w.acked
	for w.done[w.acked+1] {
		w.acked++
		delete(w.done, w.acked)
	}
	if w.acked > before {
		w.consumer.Ack(w.acked)
	}
}
