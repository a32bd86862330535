package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// readEvents checks the numbers of every source in the order in which events were committed.
func (a *audit) readEvents(ctx context.Context) error {
	type row struct {
		Kind     string `db:"kind"`
		Source   int64  `db:"source"`
		Sequence int64  `db:"sequence"`
		Account  int64  `db:"account"`
		Type     string `db:"type"`
		Body     []byte `db:"body"`
	}
	const query = `SELECT kind, source, sequence, account, type, body FROM event ORDER BY position`
	return each(ctx, a.tx, query, func(r *row) error {
		a.report.Checked[storage.LawEvents]++
		ref := schemas.Ref{Kind: schemas.ActorKind(r.Kind), ID: r.Source}
		last, known := a.events[ref]
		a.events[ref] = r.Sequence
		begins := !known && a.swept > 0 // earlier ones were forgotten
		if r.Sequence != last+1 && !begins {
			a.breaks(storage.LawEvents, "event %d of %s follows event %d", r.Sequence, ref, last)
		}
		if !endsOperation(r.Type) {
			return nil
		}
		var e struct {
			CorrelationID string `json:"correlationid"`
		}
		if err := json.Unmarshal(r.Body, &e); err != nil {
			return fmt.Errorf("event %d of %s: %w", r.Sequence, ref, err)
		}
		if op := a.ops[operationOf(r.Account, e.CorrelationID)]; op != nil {
			op.ends++
		}
		return nil
	})
}

// endsOperation tells whether an event of this type is the end of the operation that it names.
func endsOperation(eventType string) bool {
	for _, end := range []string{".end", ".error", ".cancelled"} {
		if strings.HasSuffix(eventType, end) {
			return true
		}
	}
	return false
}

// checkSequence compares the number in an actor's state with its last event.
func (a *audit) checkSequence(ref schemas.Ref, sequence int64) {
	last, known := a.events[ref]
	if last != sequence && (known || a.swept == 0) {
		a.breaks(storage.LawEvents, "%s has counted %d events, the last one stored is %d", ref, sequence, last)
	}
}
