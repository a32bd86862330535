package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// maxViolations bounds what a report lists of one law.
const maxViolations = 100

// audit is one run over one state of the store. Its parts read in the order of their dependence.
type audit struct {
	tx      *sqlx.Tx
	report  storage.Report
	broken  map[string]int // by law
	swept   int64          // events before this time may be gone
	quiet   bool           // no operation is unfinished
	ops     map[operationKey]*auditedOperation
	pending map[copyKey]bool          // a request about this copy is not answered
	asking  map[schemas.ServerID]bool // the same, by server
	live    map[copyKey]schemas.Reservation
	held    map[string]schemas.ServerID // address -> server
	events  map[schemas.Ref]int64       // source -> last sequence
	loads   hostLoads
	quotas  map[schemas.AccountID]schemas.Quota
	servers map[schemas.ServerID]*auditedServer
	groups  map[schemas.GroupID]*schemas.Group
	kept    map[string]schemas.ServerID // addresses that outlived their owner
}

type auditedOperation struct {
	state   schemas.OperationState
	updated int64
	ends    int // terminal events
}

// auditedServer is what the other laws need of a server's state.
type auditedServer struct {
	copies    map[int]bool // what it names -> must be reserved
	addresses []string
	group     schemas.GroupID
	gone      bool // deleted, and nothing of it is left to be torn down
}

// Audit checks the laws of conservation over committed rows, in one snapshot of the store.
func (s *Store) Audit(ctx context.Context) (storage.Report, error) {
	return reading(s, "audit", func() (storage.Report, error) {
		tx, err := s.read.BeginTxx(ctx, s.dialect.Snapshot())
		if err != nil {
			return storage.Report{}, err
		}
		defer func() { _ = tx.Rollback() }() // it only read
		a := newAudit(tx)
		for _, part := range []func(context.Context) error{
			a.readOperations, a.readRequests, a.readEvents, a.readReservations, a.readAddresses,
			a.readGroups, a.readServers, a.checkHosts, a.checkReservations, a.checkAddresses, a.checkGroups, a.checkAccounts,
			a.checkImages, a.checkKeys, a.checkOutcomes,
		} {
			if err := part(ctx); err != nil {
				return storage.Report{}, err
			}
		}
		a.summarize()
		return a.report, nil
	})
}

func newAudit(tx *sqlx.Tx) *audit {
	a := &audit{
		tx: tx, broken: map[string]int{}, ops: map[operationKey]*auditedOperation{},
		pending: map[copyKey]bool{}, asking: map[schemas.ServerID]bool{}, live: map[copyKey]schemas.Reservation{},
		held: map[string]schemas.ServerID{}, events: map[schemas.Ref]int64{}, loads: hostLoads{},
		quotas: map[schemas.AccountID]schemas.Quota{}, servers: map[schemas.ServerID]*auditedServer{},
		groups: map[schemas.GroupID]*schemas.Group{}, kept: map[string]schemas.ServerID{},
	}
	a.report.Checked = map[string]int64{}
	for _, law := range storage.Laws() {
		a.report.Checked[law] = 0
	}
	return a
}

func operationOf(account int64, id string) operationKey {
	return operationKey{schemas.AccountID(account), schemas.OperationID(id)}
}

func (a *audit) breaks(law, format string, args ...any) {
	a.broken[law]++
	if a.broken[law] <= maxViolations {
		a.report.Broken = append(a.report.Broken, storage.Violation{Law: law, What: fmt.Sprintf(format, args...)})
	}
}

// summarize says of each law how many violations the report leaves out.
func (a *audit) summarize() {
	for _, law := range storage.Laws() {
		if more := a.broken[law] - maxViolations; more > 0 {
			a.report.Broken = append(a.report.Broken, storage.Violation{Law: law, What: fmt.Sprintf("and %d more", more)})
		}
	}
}

// each runs see for every row of a query, which is never in memory as a whole.
func each[T any](ctx context.Context, tx *sqlx.Tx, query string, see func(*T) error) error {
	rows, err := tx.QueryxContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var row T
		if err := rows.StructScan(&row); err != nil {
			return err
		}
		if err := see(&row); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (a *audit) readOperations(ctx context.Context) error {
	type row struct {
		Account int64  `db:"account"`
		ID      string `db:"id"`
		State   string `db:"state"`
		Updated int64  `db:"updated"`
	}
	if err := a.tx.GetContext(ctx, &a.swept, `SELECT events_swept FROM store`); err != nil {
		return err
	}
	err := each(ctx, a.tx, `SELECT account, id, state, updated FROM operation`, func(r *row) error {
		op := &auditedOperation{state: schemas.OperationState(r.State), updated: r.Updated}
		a.ops[operationOf(r.Account, r.ID)] = op
		if !op.state.Terminal() {
			a.report.Unfinished++
		}
		return nil
	})
	a.quiet = a.report.Unfinished == 0
	return err
}

// readRequests learns which copies a cluster is being asked about: of them rows may disagree for now.
func (a *audit) readRequests(ctx context.Context) error {
	const query = `SELECT type, body FROM outbox WHERE type IN ('allocate', 'release')`
	type row struct {
		Type string `db:"type"`
		Body []byte `db:"body"`
	}
	return each(ctx, a.tx, query, func(r *row) error {
		var about struct {
			Server schemas.ServerID `json:"server"`
			Copy   int              `json:"copy"`
		}
		if err := json.Unmarshal(r.Body, &about); err != nil {
			return fmt.Errorf("request %s: %w", r.Type, err)
		}
		a.pending[copyKey{about.Server, about.Copy}] = true
		a.asking[about.Server] = true
		return nil
	})
}

func (a *audit) checkKeys(ctx context.Context) error {
	type row struct {
		Account   int64  `db:"account"`
		Operation string `db:"operation"`
	}
	return each(ctx, a.tx, `SELECT account, operation FROM idempotency`, func(r *row) error {
		a.report.Checked[storage.LawKeys]++
		if a.ops[operationOf(r.Account, r.Operation)] == nil {
			a.breaks(storage.LawKeys, "a key of account %d stands for operation %s, which does not exist", r.Account, r.Operation)
		}
		return nil
	})
}

// sweptMargin covers the time between the event that ends an operation and the operation's own last change.
const sweptMargin = time.Minute

func (a *audit) checkOutcomes(context.Context) error {
	for key, op := range a.ops {
		a.report.Checked[storage.LawOutcome]++
		want := 0
		if op.state.Accepted() && op.state.Terminal() {
			want = 1
		}
		swept := a.swept > 0 && op.updated < a.swept+sweptMargin.Microseconds()
		if op.ends != want && (!swept || op.ends > want) {
			a.breaks(storage.LawOutcome, "operation %s is %s and has %d terminal events", key.id, op.state, op.ends)
		}
	}
	return nil
}
