package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const operationColumns = `id, account, shard, reply_to, doc, answer`

type operationRow struct {
	ID      string `db:"id"`
	Account int64  `db:"account"`
	Shard   int64  `db:"shard"`
	ReplyTo string `db:"reply_to"`
	Doc     []byte `db:"doc"`
	Answer  []byte `db:"answer"`
}

func (r *operationRow) operation() (storage.OperationRow, error) {
	o := storage.OperationRow{Shard: schemas.Shard(r.Shard), ReplyTo: r.ReplyTo}
	if err := json.Unmarshal(r.Doc, &o.Operation); err != nil {
		return o, fmt.Errorf("operation %s: %w", r.ID, err)
	}
	o.Account = schemas.AccountID(r.Account)
	if r.Answer == nil {
		return o, nil
	}
	o.Answer = new(schemas.Answer)
	if err := json.Unmarshal(r.Answer, o.Answer); err != nil {
		return o, fmt.Errorf("answer of operation %s: %w", r.ID, err)
	}
	return o, nil
}

func operations(rows []operationRow) ([]storage.OperationRow, error) {
	out := make([]storage.OperationRow, len(rows))
	for i := range rows {
		var err error
		if out[i], err = rows[i].operation(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *plan) operationChanges() ([]change, error) {
	open, ended := change{write: putOperation}, change{write: putEnded}
	byID := func(a, b *storage.OperationRow) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), strings.Compare(string(a.ID), string(b.ID)))
	}
	for _, it := range p.operations.sorted(byID) {
		values, err := operationValues(it.value)
		if err != nil {
			return nil, &storage.BadUnitError{Unit: it.unit, Err: err}
		}
		if it.value.State.Terminal() {
			ended.add(it.unit, values...)
			continue
		}
		open.add(it.unit, values...)
	}
	return []change{open, ended}, nil
}

// operationValues is o in the order of the columns of putOperation.
func operationValues(o *storage.OperationRow) ([]any, error) {
	doc, err := json.Marshal(&o.Operation)
	if err != nil {
		return nil, fmt.Errorf("operation %s: %w", o.ID, err)
	}
	var answer any
	if o.Answer != nil {
		text, err := json.Marshal(o.Answer)
		if err != nil {
			return nil, fmt.Errorf("answer of operation %s: %w", o.ID, err)
		}
		answer = string(text)
	}
	payload := o.Payload
	if o.State.Terminal() {
		payload = nil
	}
	return []any{
		string(o.ID), int64(o.Account), int64(o.Shard), flag(!o.State.Terminal()), string(o.Action), string(o.State),
		string(o.Target.Kind), o.Target.ID, micros(o.Created), micros(o.Updated), o.ReplyTo, string(doc), answer, payload,
	}, nil
}

const selectOperation = `SELECT ` + operationColumns + ` FROM operation WHERE id = $1 AND account = $2`

// Operation is one operation with its admission answer, or ErrNotFound.
func (s *Store) Operation(ctx context.Context, account schemas.AccountID, id schemas.OperationID) (storage.OperationRow, error) {
	return reading(s, "read operation", func() (storage.OperationRow, error) {
		row, err := s.operationRow(ctx, operationKey{account, id})
		if err != nil {
			return storage.OperationRow{}, err
		}
		return row.operation()
	})
}

func (s *Store) operationRow(ctx context.Context, key operationKey) (operationRow, error) {
	if !schemas.CleanText(string(key.id)) { // the statement would fail, for others too
		return operationRow{}, storage.ErrNotFound
	}
	if g := s.gathered.operations; g != nil {
		return g.get(ctx, key)
	}
	return get[operationRow](ctx, s, selectOperation, string(key.id), int64(key.account))
}

// afterAll is behind every id of an operation.
const afterAll = "~"

const selectOperations = `SELECT ` + operationColumns + ` FROM operation
	WHERE account = $1 AND id < $2 AND ($3 = '' OR state = $3)
	AND (CAST($4 AS BIGINT) = 0 OR (target_kind = 'server' AND target_id = $4))
	ORDER BY id DESC LIMIT $5`

// Operations lists operations, newest first.
func (s *Store) Operations(ctx context.Context, account schemas.AccountID, f storage.OperationFilter) ([]storage.OperationRow, error) {
	return reading(s, "list operations", func() ([]storage.OperationRow, error) {
		before := string(f.After)
		if before == "" {
			before = afterAll
		}
		rows, err := list[operationRow](ctx, s, selectOperations,
			int64(account), before, string(f.State), int64(f.Server), max(f.Limit, 1))
		if err != nil {
			return nil, err
		}
		return operations(rows)
	})
}

const selectKey = `SELECT account, hash, operation, digest, expires FROM idempotency
	WHERE account = $1 AND hash = $2 AND expires > $3`

type keyRow struct {
	Account   int64  `db:"account"`
	Hash      []byte `db:"hash"`
	Operation string `db:"operation"`
	Digest    []byte `db:"digest"`
	Expires   int64  `db:"expires"`
}

// Key is the operation that an idempotency key stands for, or ErrNotFound.
func (s *Store) Key(ctx context.Context, account schemas.AccountID, hash []byte) (storage.Key, error) {
	return reading(s, "read key", func() (storage.Key, error) { return s.key(ctx, account, hash) })
}

func (s *Store) key(ctx context.Context, account schemas.AccountID, hash []byte) (storage.Key, error) {
	row, err := get[keyRow](ctx, s, selectKey, int64(account), hash, micros(s.now()))
	if err != nil {
		return storage.Key{}, err
	}
	return storage.Key{
		Account: schemas.AccountID(row.Account), Hash: row.Hash, Operation: schemas.OperationID(row.Operation),
		Digest: row.Digest, Expires: instant(row.Expires),
	}, nil
}
