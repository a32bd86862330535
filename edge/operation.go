package edge

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	// youngFor is how long an operation may be on its way without a row. Source: docs/numbers.md.
	youngFor = 60 * time.Second
	// pollEvery is how often a waiter looks at the operation's row. A step of a real host takes seconds.
	pollEvery = 50 * time.Millisecond
	// maxWaiters bounds the polling: who comes when all places are taken gets what there is.
	maxWaiters = 256
)

// newOperationID makes a UUIDv7 with the cloud's time in it, which need not be this machine's.
func newOperationID(now time.Time) (schemas.OperationID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make operation id: %w", err)
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(id[:6], ms[2:])
	return schemas.OperationID(id.String()), nil
}

// ParseOperationID reads an id in its canonical form and the time at which it was made.
func ParseOperationID(s string) (id schemas.OperationID, made time.Time, ok bool) {
	u, err := uuid.Parse(s)
	if err != nil || u.String() != s || u.Version() != 7 {
		return "", time.Time{}, false
	}
	var ms [8]byte
	copy(ms[2:], u[:6])
	return schemas.OperationID(s), time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:]))), true //nolint:gosec // 48 bits
}

// Operations shows operations and waits for changes of them.
type Operations struct {
	reader storage.Reader
	now    func() time.Time
	places chan struct{} // one for each waiter
	quit   chan struct{} // closed by stop: ends every wait
	once   sync.Once
}

func newOperations(r storage.Reader, now func() time.Time) *Operations {
	return &Operations{reader: r, now: now, places: make(chan struct{}, maxWaiters), quit: make(chan struct{})}
}

func (o *Operations) stop() { o.once.Do(func() { close(o.quit) }) }

// Get reads one operation. One without a row is queued as long as it may still be on its way, then not found.
func (o *Operations) Get(ctx context.Context, account schemas.AccountID, id schemas.OperationID) (storage.OperationRow, error) {
	_, made, ok := ParseOperationID(string(id))
	if !ok {
		return storage.OperationRow{}, errNotFound
	}
	row, err := o.reader.Operation(ctx, account, id)
	if !errors.Is(err, storage.ErrNotFound) {
		return row, err
	}
	if age := o.now().Sub(made); age > youngFor || age < -youngFor {
		return storage.OperationRow{}, errNotFound
	}
	return storage.OperationRow{Operation: schemas.Operation{
		ID: id, Account: account, State: schemas.OperationQueued, Created: made, Updated: made,
	}}, nil
}

// AwaitChange is Get after the next change of state or step; at once when the operation has ended, at the latest after wait.
func (o *Operations) AwaitChange(ctx context.Context, account schemas.AccountID, id schemas.OperationID, wait time.Duration) (storage.OperationRow, error) {
	var first *storage.OperationRow
	return o.await(ctx, account, id, wait, func(row *storage.OperationRow) bool {
		if first == nil {
			first = row
		}
		return row.State.Terminal() || shownState(row.State) != shownState(first.State) || row.Step != first.Step
	})
}

// AwaitEnd is Get once the operation has ended, at the latest after wait.
func (o *Operations) AwaitEnd(ctx context.Context, account schemas.AccountID, id schemas.OperationID, wait time.Duration) (storage.OperationRow, error) {
	return o.await(ctx, account, id, wait, func(row *storage.OperationRow) bool { return row.State.Terminal() })
}

func (o *Operations) await(ctx context.Context, account schemas.AccountID, id schemas.OperationID, wait time.Duration, done func(*storage.OperationRow) bool) (storage.OperationRow, error) {
	row, err := o.Get(ctx, account, id)
	if err != nil || done(&row) || wait <= 0 {
		return row, err
	}
	select {
	case o.places <- struct{}{}:
		defer func() { <-o.places }()
	default:
		return row, nil
	}
	end, tick := time.NewTimer(min(wait, MaxWait)), time.NewTicker(pollEvery)
	defer end.Stop()
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return row, nil
		case <-o.quit:
			return row, nil
		case <-tick.C:
			next, err := o.Get(ctx, account, id)
			if err != nil || done(&next) {
				return next, err
			}
			row = next
		}
	}
}

// queuedRow is how an operation looks before anything of it is committed.
func queuedRow(cmd *schemas.Command) storage.OperationRow {
	op := schemas.Operation{
		ID: cmd.ID, Account: cmd.Account, Action: cmd.Action, State: schemas.OperationQueued, Created: cmd.Created, Updated: cmd.Created,
	}
	switch {
	case cmd.Target == 0 || cmd.Action == schemas.ServerImage: // the new object has no id yet
	case cmd.Action == schemas.ImageDelete:
		op.Target = schemas.ImageID(cmd.Target).Ref()
	default:
		op.Target = schemas.ServerID(cmd.Target).Ref()
	}
	return storage.OperationRow{Operation: op}
}

// shownState hides that admission may take two commits.
func shownState(s schemas.OperationState) schemas.OperationState {
	if s == schemas.OperationAdmitting {
		return schemas.OperationQueued
	}
	return s
}

// operationView is an operation on the wire. Source: docs/api.md.
type operationView struct {
	ID        schemas.OperationID     `json:"id"`
	Action    *schemas.Action         `json:"action"` // null while nobody knows
	State     schemas.OperationState  `json:"state"`
	Target    *schemas.Ref            `json:"target"` // null while it has none
	Step      schemas.StepName        `json:"step"`
	StepIndex int                     `json:"step_index"`
	StepCount int                     `json:"step_count"`
	Attempt   int                     `json:"attempt"`
	Percent   int                     `json:"percent"`
	Created   *string                 `json:"created"`
	Updated   *string                 `json:"updated"`
	Deadline  *string                 `json:"deadline"`
	Ended     *string                 `json:"ended"`
	Error     *schemas.OperationError `json:"error"`
	Reason    string                  `json:"reason,omitempty"`
}

func viewOperation(op *schemas.Operation) operationView {
	v := operationView{
		ID: op.ID, State: shownState(op.State), Step: op.Step, StepIndex: op.StepIndex, StepCount: op.StepCount,
		Attempt: op.Attempt, Percent: op.Percent, Created: micros(&op.Created), Updated: micros(&op.Updated),
		Deadline: micros(op.Deadline), Ended: micros(op.Ended), Error: op.Error,
		Reason: op.Reason,
	}
	if op.Action != "" {
		v.Action = &op.Action
	}
	if !op.Target.IsZero() && op.Target.ID != 0 {
		v.Target = &op.Target
	}
	return v
}

func micros(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	return &s
}

// OneOperation is an operation in its envelope.
func OneOperation(row storage.OperationRow) Body {
	return Document{map[string]operationView{"operation": viewOperation(&row.Operation)}, ozoneForm}
}

// OperationList is operations in their envelope.
func OperationList(rows []storage.OperationRow) Body {
	views := make([]operationView, len(rows))
	for i := range rows {
		views[i] = viewOperation(&rows[i].Operation)
	}
	return Document{map[string][]operationView{"operations": views}, ozoneForm}
}
