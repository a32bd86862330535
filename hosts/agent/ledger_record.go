package agent

import (
	"encoding/binary"
	"errors"

	"github.com/ozonecloud/ozone/schemas"
)

// recordKind says what a record of the ledger tells.
type recordKind byte

const (
	recordBegin   recordKind = 1 // a step may run
	recordOutcome recordKind = 2 // what became of it
	recordEntry   recordKind = 3 // an actor's whole entry, in a file that was written anew
)

var errRecord = errors.New("a record that nobody can read: written by a newer release, or damaged")

// record is one change of the ledger. Which members count depends on its kind.
type record struct {
	kind          recordKind
	key           entryKey
	pair          pair
	operation     [16]byte
	name          schemas.StepName     // begin, outcome
	attempt, copy int32                // begin, outcome
	failure       *schemas.StepFailure // outcome
	outcomes      []outcome            // entry
	ended         bool                 // entry
}

func stepRecord(kind recordKind, s *schemas.Step) record {
	return record{
		kind: kind, key: entryKey{s.Host, s.Actor}, pair: pairOf(s), operation: operationKey(s.Operation),
		name: s.Name, attempt: int32(s.Attempt), copy: int32(s.Params.Copy), //nolint:gosec // small counts
	}
}

// append adds the stored form of r to b.
func (r *record) append(b []byte) []byte {
	b = append(b, byte(r.kind))
	b = binary.AppendVarint(b, int64(r.key.host))
	b = appendText(b, string(r.key.actor.Kind))
	b = binary.AppendVarint(b, r.key.actor.ID)
	b = binary.AppendVarint(b, int64(r.pair.epoch))
	b = binary.AppendVarint(b, r.pair.version)
	b = append(b, r.operation[:]...)
	switch r.kind {
	case recordOutcome:
		return appendOutcome(b, &outcome{r.name, r.attempt, r.copy, r.failure})
	case recordEntry:
		b = appendFlag(b, r.ended)
		b = binary.AppendUvarint(b, uint64(len(r.outcomes)))
		for i := range r.outcomes {
			b = appendOutcome(b, &r.outcomes[i])
		}
		return b
	default: // begin: what began matters to nobody, only who
		return b
	}
}

func appendOutcome(b []byte, o *outcome) []byte {
	b = appendText(b, string(o.name))
	b = binary.AppendVarint(b, int64(o.attempt))
	b = binary.AppendVarint(b, int64(o.copy))
	b = appendFlag(b, o.failure != nil)
	if o.failure == nil {
		return b
	}
	return appendText(appendText(b, string(o.failure.Reason)), o.failure.Message)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendFlag(b []byte, on bool) []byte {
	if on {
		return append(b, 1)
	}
	return append(b, 0)
}

// decoder reads records; after the first mistake every read gives zero and bad is set.
type decoder struct {
	b   []byte
	bad bool
}

// readRecords calls each for every record of a frame.
func readRecords(frame []byte, each func(*record)) error {
	d := decoder{b: frame}
	for len(d.b) > 0 {
		r := d.record()
		if d.bad {
			return errRecord
		}
		each(&r)
	}
	return nil
}

func (d *decoder) record() record {
	r := record{kind: recordKind(d.byte())}
	r.key.host = schemas.HostID(d.int())
	r.key.actor = schemas.Ref{Kind: actorKind(d.text()), ID: d.int()}
	r.pair = pair{schemas.Epoch(d.int()), d.int()}
	copy(r.operation[:], d.take(len(r.operation)))
	switch r.kind {
	case recordBegin:
	case recordOutcome:
		o := d.outcome()
		r.name, r.attempt, r.copy, r.failure = o.name, o.attempt, o.copy, o.failure
	case recordEntry:
		r.ended = d.byte() == 1
		for n := d.uint(); n > 0 && !d.bad; n-- {
			r.outcomes = append(r.outcomes, d.outcome())
		}
	default:
		d.bad = true
	}
	return r
}

func (d *decoder) outcome() outcome {
	name := d.text()
	o := outcome{name: names[string(name)]}
	if o.name == "" {
		o.name = schemas.StepName(name)
	}
	o.attempt, o.copy = int32(d.int()), int32(d.int()) //nolint:gosec // written from int32
	if d.byte() == 1 {
		o.failure = &schemas.StepFailure{Reason: schemas.FailureReason(d.text()), Message: string(d.text())}
	}
	return o
}

func (d *decoder) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.b) {
		d.bad = true
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	b := d.take(1)
	if d.bad {
		return 0
	}
	return b[0]
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() []byte {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	return d.take(int(n)) //nolint:gosec // bounded above
}

// actorKind lets the kinds share the constants' memory.
func actorKind(text []byte) schemas.ActorKind {
	for _, k := range schemas.ActorKinds() {
		if string(text) == string(k) {
			return k
		}
	}
	return schemas.ActorKind(text)
}
