package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
)

// How much is kept of actors whose last word here was a successful wipe or removal, over all hosts
// of the process: first with outcomes, then the fence pair alone, then nothing.
const (
	keepEnded  = 4096
	keepFences = 65536
)

// wasteSlack is how many records a file may have beyond twice the live ones before it is written anew.
const wasteSlack = 50_000

// state is the ledger in memory: the sum of the file's records.
type state struct {
	entries map[entryKey]*entry
	ended   []ending // oldest first
	fences  []ending // oldest first
	changes int64    // numbers endings, so that an overtaken one is recognized
	records int      // in the file
	live    int      // of them needed still
	slack   int      // wasteSlack; less in a test
}

// entryKey is one actor on one host.
type entryKey struct {
	host  schemas.HostID
	actor schemas.Ref
}

// entry is what is known of an actor.
type entry struct {
	pair      pair
	operation [16]byte // whose outcomes these are
	outcomes  []outcome
	ending    int64 // number of its ending; 0: it lives
}

// pair is the fence: who spoke, and at which of its states.
type pair struct {
	epoch   schemas.Epoch
	version int64
}

// outcome is what became of one step of the entry's operation.
type outcome struct {
	name          schemas.StepName
	attempt, copy int32
	failure       *schemas.StepFailure
}

type ending struct {
	key    entryKey
	number int64
}

func newState() *state { return &state{entries: map[entryKey]*entry{}, slack: wasteSlack} }

func (p pair) less(q pair) bool {
	return p.epoch < q.epoch || p.epoch == q.epoch && p.version < q.version
}

func pairOf(s *schemas.Step) pair { return pair{s.Epoch, s.Version} }

// judge compares s with what is known. The record is to be noted first; its kind is 0 when there is nothing new.
func (st *state) judge(s *schemas.Step) (Entry, record) {
	r := stepRecord(recordBegin, s)
	e := st.entries[r.key]
	if e == nil {
		return Entry{}, r
	}
	if o := e.find(&r); o != nil {
		r.kind, r.failure = recordOutcome, o.failure // note the newer pair
		if !e.pair.less(r.pair) {
			r.kind = 0
		}
		return Entry{Known: true, Failure: o.failure}, r
	}
	if r.pair.less(e.pair) {
		return Entry{Fenced: true}, record{}
	}
	if e.pair == r.pair && e.operation == r.operation && e.ending == 0 {
		return Entry{}, record{} // a step that follows another one: nothing new
	}
	return Entry{}, r
}

// apply adds r to the state. Records that come twice do no harm.
func (st *state) apply(r *record) {
	st.records++
	e := st.entries[r.key]
	if e == nil {
		e = &entry{}
		st.entries[r.key] = e
		st.live++
	}
	if e.pair.less(r.pair) {
		e.pair = r.pair
	}
	switch r.kind {
	case recordBegin:
		st.begin(e, r)
	case recordOutcome:
		st.begin(e, r)
		st.end(e, r)
	case recordEntry:
		st.live += len(r.outcomes) - len(e.outcomes)
		st.records += len(r.outcomes)
		e.operation, e.outcomes, e.ending = r.operation, r.outcomes, 0
		if r.ended {
			st.finish(r.key, e)
		}
	}
}

func (st *state) begin(e *entry, r *record) {
	e.ending = 0
	if e.operation != r.operation {
		st.live -= len(e.outcomes)
		e.operation, e.outcomes = r.operation, nil
	}
}

func (st *state) end(e *entry, r *record) {
	// The next attempt is sent when the one before was answered, so one outcome for each step and copy is enough.
	i := slices.IndexFunc(e.outcomes, func(o outcome) bool { return o.name == r.name && o.copy == r.copy })
	if i < 0 {
		e.outcomes = append(e.outcomes, outcome{name: r.name, copy: r.copy})
		i, st.live = len(e.outcomes)-1, st.live+1
	}
	if o := &e.outcomes[i]; o.attempt <= r.attempt {
		o.attempt, o.failure = r.attempt, r.failure
	}
	if r.failure == nil && (r.name == schemas.StepWipe || r.name == schemas.StepRemove) {
		st.finish(r.key, e)
	}
}

// finish marks the entry as ended and lets the oldest ended ones go. A step that begins undoes it: a rebuild wipes too.
func (st *state) finish(key entryKey, e *entry) {
	st.changes++
	e.ending = st.changes
	st.ended = append(st.ended, ending{key, e.ending})
	if len(st.ended) > keepEnded {
		old := st.ended[0]
		st.ended = st.ended[1:]
		if e := st.still(old); e != nil {
			st.live -= len(e.outcomes)
			e.outcomes = nil
			st.fences = append(st.fences, old)
		}
	}
	if len(st.fences) > keepFences {
		if st.still(st.fences[0]) != nil {
			delete(st.entries, st.fences[0].key)
			st.live--
		}
		st.fences = st.fences[1:]
	}
}

// still is the entry of an ending that nothing has overtaken.
func (st *state) still(x ending) *entry {
	if e := st.entries[x.key]; e != nil && e.ending == x.number {
		return e
	}
	return nil
}

// find is the outcome of r's step.
func (e *entry) find(r *record) *outcome {
	if e.operation != r.operation {
		return nil
	}
	for i := range e.outcomes {
		if o := &e.outcomes[i]; o.name == r.name && o.attempt == r.attempt && o.copy == r.copy {
			return o
		}
	}
	return nil
}

// wasteful tells whether most of the file is of no use any more.
func (st *state) wasteful() bool { return st.records > 2*st.live+st.slack }

// image is the whole state as the frames of a new file; from then on the file's records are counted from it.
func (st *state) image() []byte {
	out := []byte(fileHead)
	frame := make([]byte, frameHead, frameSize+4096)
	add := func(key entryKey, e *entry) {
		r := record{
			kind: recordEntry, key: key, pair: e.pair, operation: e.operation,
			outcomes: e.outcomes, ended: e.ending != 0,
		}
		if frame = r.append(frame); len(frame) >= frameSize {
			seal(frame)
			out, frame = append(out, frame...), frame[:frameHead]
		}
	}
	for key, e := range st.entries {
		if e.ending == 0 {
			add(key, e)
		}
	}
	for _, x := range slices.Concat(st.fences, st.ended) { // in their order
		if e := st.still(x); e != nil {
			add(x.key, e)
		}
	}
	st.records = st.live
	if len(frame) > frameHead {
		seal(frame)
		out = append(out, frame...)
	}
	return out
}

// operationKey is the id in 16 bytes: an operation's id is a UUID; anything else is hashed.
func operationKey(id schemas.OperationID) (key [16]byte) {
	if len(id) == 36 {
		if n, err := hex.Decode(key[:], []byte(strings.ReplaceAll(string(id), "-", ""))); err == nil && n == len(key) {
			return key
		}
	}
	sum := sha256.Sum256([]byte(id))
	copy(key[:], sum[:])
	return key
}

// names lets decoded step names share the constants' memory.
var names = maps.Collect(func(yield func(string, schemas.StepName) bool) {
	for name := range powers {
		if !yield(string(name), name) {
			return
		}
	}
})
