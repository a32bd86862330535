package edge

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The bounds of watching. Source: docs/numbers.md.
const (
	// watchEvery is how often the log is read for all watchers together, while there are any.
	watchEvery = 20 * time.Millisecond
	// watchShare bounds the time that goes into it: so many times as long as a reading took nothing is read.
	watchShare = 4
	// watchKept is how many of the latest events are kept for watchers: who falls behind them has lost its place.
	watchKept = 4096
	// watchPage is how many events one reading has at most.
	watchPage = 1024
	// watchBatch is how many events a watcher gets at a time.
	watchBatch = 16
	// maxWatching and maxWatchingAccount bound the watchers of all accounts, and of one.
	maxWatching        = 2000
	maxWatchingAccount = 1000
)

// The ends of a watch.
var (
	// ErrLagged: the watcher took its events too slowly, and some that follow are not at hand any more. They are in the log.
	ErrLagged = errors.New("edge: the watcher lags behind")
	// ErrDraining: the edge stops.
	ErrDraining = errors.New("edge: draining")

	errWatching = schemas.Errorf(schemas.KindUnavailable, "Too many streams are open. Please read pages instead.")
)

// Watches follows the log for all who watch events on this edge: one reading for all of them, whose latest events they share.
type Watches struct {
	reader storage.EventReader
	quit   chan struct{} // closed by stop
	all    sync.WaitGroup
	once   sync.Once

	mu       sync.Mutex
	watchers map[schemas.AccountID]map[*Watch]struct{} // guarded by mu
	count    int                                       // of them; guarded by mu
	running  bool                                      // somebody reads; guarded by mu
	at       storage.Cursor                            // of the reader: all before it was given to the watchers; guarded by mu
	kept     []storage.EventRow                        // the latest, number n at n % watchKept; guarded by mu
	end      int64                                     // the number of the next event; guarded by mu
}

func newWatches(r storage.EventReader) *Watches {
	return &Watches{reader: r, quit: make(chan struct{}), watchers: map[schemas.AccountID]map[*Watch]struct{}{}}
}

// stop ends every watch and returns when nobody reads any more.
func (h *Watches) stop() {
	h.once.Do(func() { close(h.quit) })
	h.all.Wait()
}

// Watch is one who follows the events of an account. It is used by one goroutine.
type Watch struct {
	all     *Watches
	account schemas.AccountID
	at      storage.Cursor // all before it was returned
	live    bool           // what follows comes from the reader, not from the store
	aligned bool           // what the reader has is behind at
	batch   []storage.EventRow
	wake    chan struct{} // one word: look again

	covered bool  // what is decided from now on comes by the reader; guarded by all.mu
	first   int64 // the first event that was not taken, -1: none; guarded by all.mu
	gone    bool  // the log is another one than at the begin; guarded by all.mu
}

// Watch follows the events of an account behind a cursor until Close.
func (h *Watches) Watch(account schemas.AccountID, after storage.Cursor) (*Watch, error) {
	select {
	case <-h.quit:
		return nil, errBusy
	default:
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count >= maxWatching || len(h.watchers[account]) >= maxWatchingAccount {
		return nil, errWatching
	}
	w := &Watch{all: h, account: account, at: after, wake: make(chan struct{}, 1), first: -1}
	if h.watchers[account] == nil {
		h.watchers[account] = map[*Watch]struct{}{}
	}
	h.watchers[account][w] = struct{}{}
	h.count++
	if !h.running {
		h.running = true
		h.all.Go(h.read)
	}
	return w, nil
}

// Close ends the watch.
func (w *Watch) Close() {
	h := w.all
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.watchers[w.account][w]; !ok {
		return
	}
	delete(h.watchers[w.account], w)
	h.count--
	if len(h.watchers[w.account]) == 0 {
		delete(h.watchers, w.account)
	}
}

// Next returns the events that follow those it returned before, none when there is none for a while, and the cursor behind them.
// What it returns is good until it is called again.
// Errors: ErrLagged, ErrDraining, storage.ErrCursorGone and others of the store.
func (w *Watch) Next(ctx context.Context, wait time.Duration) ([]storage.EventRow, storage.Cursor, error) {
	end := time.NewTimer(wait)
	defer end.Stop()
	for {
		list, err := w.look(ctx)
		if err != nil || len(list) > 0 {
			return list, w.at, err
		}
		select {
		case <-w.wake:
		case <-end.C:
			return nil, w.at, nil
		case <-w.all.quit:
			return nil, w.at, ErrDraining
		}
	}
}

// look takes what is there now: from the store until it has caught up with the reader.
func (w *Watch) look(ctx context.Context) ([]storage.EventRow, error) {
	for w.isCovered() && !w.live {
		page, err := w.all.reader.Events(ctx, w.account, w.at, watchBatch)
		if err != nil {
			return nil, err
		}
		w.at, w.live = page.Next, !page.More
		if len(page.Events) > 0 {
			return page.Events, nil
		}
	}
	return w.take()
}

// isCovered tells whether the reader has all that follows some place before the end of the log.
func (w *Watch) isCovered() bool {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	return w.covered
}

// take takes events from the reader. Who was overtaken before it had caught up tries again.
func (w *Watch) take() ([]storage.EventRow, error) {
	h := w.all
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(w.batch) // the events are others' too, and may go
	w.batch = w.batch[:0]
	switch {
	case w.gone:
		return nil, storage.ErrCursorGone
	case !w.live:
		return nil, nil
	case w.first >= 0 && w.first < h.end-watchKept && w.aligned:
		return nil, ErrLagged
	case w.first >= 0 && w.first < h.end-watchKept:
		w.covered, w.live, w.first = false, false, -1
		return nil, nil
	case w.first < 0:
		w.at = later(h.reader, w.at, h.at)
		w.aligned = w.aligned || w.at == h.at
		return nil, nil
	}
	for ; w.first < h.end && len(w.batch) < watchBatch; w.first++ {
		row := &h.kept[w.first%watchKept]
		if row.Account != w.account || !w.aligned && !h.reader.Behind(row.Cursor, w.at) {
			continue
		}
		w.batch, w.at, w.aligned = append(w.batch, *row), row.Cursor, true
	}
	if w.first == h.end {
		w.first = -1
	}
	return w.batch, nil
}

func later(r storage.EventReader, a, b storage.Cursor) storage.Cursor {
	if r.Behind(a, b) {
		return a
	}
	return b
}

// read reads the log until nobody watches or the edge stops.
func (h *Watches) read() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-h.quit:
			return
		}
		accounts, after := h.cover()
		if accounts == nil {
			return
		}
		began := time.Now() //nolint:forbidigo // how long it takes, not when it is
		h.step(ctx, accounts, after)
		timer.Reset(max(watchEvery, watchShare*time.Since(began)))
	}
}

// cover lists the accounts that are watched, nil when none is. From the place after on their watchers miss nothing.
func (h *Watches) cover() (accounts []schemas.AccountID, after storage.Cursor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count == 0 {
		h.running, h.at, h.kept = false, "", nil
		return nil, ""
	}
	if h.at == "" { // not yet: the place must be known first
		return []schemas.AccountID{}, ""
	}
	for _, watchers := range h.watchers {
		for w := range watchers {
			if !w.covered {
				w.covered, w.first = true, -1
				w.awake()
			}
		}
	}
	return slices.Collect(maps.Keys(h.watchers)), h.at
}

// awake tells a watcher to look again.
func (w *Watch) awake() {
	select {
	case w.wake <- struct{}{}:
	default: // it was told already
	}
}

// step reads one page, or finds out where to begin. What fails is tried again.
func (h *Watches) step(ctx context.Context, accounts []schemas.AccountID, after storage.Cursor) {
	if after == "" {
		if at, err := h.reader.EventsEnd(ctx); err == nil {
			h.mu.Lock()
			h.at = at
			h.mu.Unlock()
		}
		return
	}
	page, err := h.reader.EventsOfAll(ctx, accounts, after, watchPage)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case errors.Is(err, storage.ErrCursorGone):
		h.lose()
	case err == nil:
		h.at = page.Next
		h.keep(page.Events)
	}
}

// lose ends every watch: the log is another one. Who comes from now on begins there. It needs h.mu.
func (h *Watches) lose() {
	h.at = ""
	for _, watchers := range h.watchers {
		for w := range watchers {
			w.gone = true
			w.awake()
		}
	}
}

// keep gives events to the watchers of their accounts. It needs h.mu.
func (h *Watches) keep(events []storage.EventRow) {
	if h.kept == nil {
		h.kept = make([]storage.EventRow, watchKept)
	}
	for i := range events {
		h.kept[h.end%watchKept] = events[i]
		for w := range h.watchers[events[i].Account] {
			if w.first < 0 {
				w.first = h.end
				w.awake()
			}
		}
		h.end++
	}
}
