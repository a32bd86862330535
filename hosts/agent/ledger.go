package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/ozonecloud/ozone/schemas"
)

// ErrClosed is the answer of a ledger that was closed before what it was told became durable.
var ErrClosed = errors.New("ledger: closed")

// Ledger is the durable memory of the host agents of one process: which (epoch, version) each actor
// spoke with last, and what became of the steps of its latest operation.
// Nothing runs before it is on disk who let it run, and nothing is answered before the outcome is: Begin and Sync wait
// for that, and calls that wait together share one fsync. A step that follows another one does not wait for its outcome:
// a driver does again what a killed process had done, and finds it done.
type Ledger struct {
	log  *slog.Logger
	kick chan struct{} // one token: there is something to write; closed by Close
	quit chan struct{} // closed by Close: ends the wait for a sick disk
	done chan struct{} // closed when the writer has ended

	mu     sync.Mutex
	state  *state // guarded by mu
	batch  *batch // guarded by mu; what the next fsync covers
	flying *batch // guarded by mu; what the fsync under way covers, or the last one covered
	closed bool   // guarded by mu

	file *file // the writer's
}

// Entry is what the ledger says to a step before it runs.
type Entry struct {
	Known   bool                 // it was done already: Failure is its outcome
	Fenced  bool                 // a newer pair has spoken for its actor: it must not run
	Failure *schemas.StepFailure // nil when the step succeeded
}

// batch is what one fsync makes durable.
type batch struct {
	buf  []byte
	done chan struct{} // closed when err is set
	err  error
}

// durable is the done of what needs no fsync.
var durable = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// OpenLedger reads the ledger at path, or begins one. What a killed process wrote in part at the end is cut off;
// damage before the end is an error, for steps might run twice. Nobody else may have the file open.
func OpenLedger(path string, log *slog.Logger) (*Ledger, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	st := newState()
	f, err := openFile(path, st, log)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &Ledger{
		log: log, state: st, file: f, batch: newBatch(nil), flying: &batch{done: durable},
		kick: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go l.write() // ends with Close
	return l, nil
}

// Close makes durable what was noted and closes the file. It may be called twice.
func (l *Ledger) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if !first {
		<-l.done
		return nil
	}
	close(l.quit)
	close(l.kick)
	<-l.done
	return l.file.close()
}

// Begin tells what is to become of s: answered from the ledger, refused, or, when neither, run.
// What it lets run is noted with its pair, durably, and earlier operations of the actor are forgotten.
func (l *Ledger) Begin(s *schemas.Step) (Entry, error) {
	l.mu.Lock()
	e, r := l.state.judge(s)
	if r.kind == 0 {
		l.mu.Unlock()
		return e, nil
	}
	b, err := l.note(&r)
	l.mu.Unlock()
	if err != nil {
		return e, err
	}
	return e, b.wait()
}

// End notes the outcome of s, which Begin had let run. It is durable when the next Sync returns.
func (l *Ledger) End(s *schemas.Step, failure *schemas.StepFailure) error {
	r := stepRecord(recordOutcome, s)
	r.failure = failure
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.note(&r)
	return err
}

// Sync returns when all that was noted is durable.
func (l *Ledger) Sync() error {
	l.mu.Lock()
	b := l.batch
	if b.empty() {
		b = l.flying
	}
	l.mu.Unlock()
	return b.wait()
}

// note applies r and adds it to the open batch. The caller holds mu.
func (l *Ledger) note(r *record) (*batch, error) {
	if l.closed {
		return nil, ErrClosed
	}
	l.state.apply(r)
	b := l.batch
	b.buf = r.append(b.buf)
	select {
	case l.kick <- struct{}{}:
	default: // the writer knows
	}
	return b, nil
}

func (b *batch) empty() bool { return len(b.buf) == frameHead }

func (b *batch) wait() error {
	<-b.done
	return b.err
}

// write is the ledger's only writer: while one batch is on its way to the disk, the next one fills.
func (l *Ledger) write() {
	defer close(l.done)
	spare := newBatch(nil).buf
	for range l.kick {
		spare = l.flush(spare)
	}
	l.flush(spare) // what came before Close
}

// flush makes the open batch durable and returns its buffer for the batch after the next.
func (l *Ledger) flush(spare []byte) []byte {
	l.mu.Lock()
	b := l.batch
	if b.empty() {
		l.mu.Unlock()
		return spare
	}
	l.batch, l.flying = newBatch(spare), b
	var whole []byte
	if l.state.wasteful() {
		whole = l.state.image()
	}
	l.mu.Unlock()

	b.err = l.save(b.buf, whole)
	close(b.done)
	return b.buf[:0]
}

// save appends the frame or, when there is a whole image (which has the frame's records in it), starts a new file from that.
// It goes on trying while the disk refuses, for nothing may run and nothing be answered before it is noted.
func (l *Ledger) save(frame, whole []byte) error {
	if whole != nil {
		err := l.file.replace(whole)
		if err == nil {
			return nil
		}
		l.log.Warn("ledger not compacted", "file", l.file.path, "error", err)
	}
	wait := newBackoff()
	for {
		err := l.file.append(frame)
		if err == nil {
			return nil
		}
		l.log.Error("ledger cannot write; no step runs until it can", "file", l.file.path, "error", err)
		if !wait.until(l.quit) {
			return errors.Join(ErrClosed, err)
		}
	}
}

func newBatch(buf []byte) *batch {
	if buf == nil {
		buf = make([]byte, 0, 16<<10)
	}
	return &batch{buf: buf[:frameHead], done: make(chan struct{})}
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator chose the directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
