package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

var _ sqlstore.Joiner = (*joiner)(nil)

// joiner has commits take three round trips: what they begin with, what they write, and COMMIT. It keeps the connection of
// the last one, since there is one commit at a time.
type joiner struct {
	dialect

	db *sqlx.DB

	mu   sync.Mutex
	idle *session // guarded by mu; nil: none
}

// session is a connection with the statements that were prepared on it.
type session struct {
	conn   *sqlx.Conn
	byText map[string]*sqlx.Stmt
}

// maxJoins bounds how many combinations of Writes a session has prepared; a rare one is planned each time.
const maxJoins = 64

func (j *joiner) take() *session {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.idle
	j.idle = nil
	return s
}

// keep gives a session back that is in no transaction.
func (j *joiner) keep(s *session) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.idle == nil {
		j.idle = s
		return
	}
	s.drop()
}

func (j *joiner) fresh(ctx context.Context) (*session, error) {
	conn, err := j.db.Connx(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn, map[string]*sqlx.Stmt{}}, nil
}

// Close ends the idle session.
func (j *joiner) Close() {
	if s := j.take(); s != nil {
		_ = s.conn.Close() // to the pool, which is closed next
	}
}

// drop ends a connection of which nobody knows what it is in the middle of.
func (s *session) drop() {
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close() // it is gone already
}

// Begin sends its statements in one message without parameters: the server runs each with a snapshot of its own, so the
// later ones see what was committed while the lock was waited for. A session that died while it was idle is replaced.
func (j *joiner) Begin(
	ctx context.Context, c sqlstore.Committer, shards []schemas.Shard, l *sqlstore.Lookup, keys [][]any, see func(*sqlx.Rows) error,
) (sqlstore.Joined, sqlstore.Entry, error) {
	text := "BEGIN; " + step(c) + "; " + fence(shards)
	if len(keys) > 0 {
		text += "; " + j.lookUp(l, keys)
	}
	s := j.take()
	if s != nil {
		entry, err := s.begin(ctx, text, see)
		if err == nil {
			return &joined{j, s}, entry, nil
		}
		j.rollback(ctx, s)
		if !isAway(err) {
			return nil, entry, err
		}
	}
	s, err := j.fresh(ctx)
	if err != nil {
		return nil, sqlstore.Entry{}, err
	}
	entry, err := s.begin(ctx, text, see)
	if err != nil {
		j.rollback(ctx, s)
		return nil, entry, err
	}
	return &joined{j, s}, entry, nil
}

// begin reads the results of Begin's message.
func (s *session) begin(ctx context.Context, text string, see func(*sqlx.Rows) error) (e sqlstore.Entry, err error) {
	rows, err := s.conn.QueryxContext(ctx, text)
	if err != nil {
		return e, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	results := []func(*sqlx.Rows) error{
		func(*sqlx.Rows) error { e.Moved = true; return nil },
		func(*sqlx.Rows) error { return nil }, // of the locks
		func(r *sqlx.Rows) error { return r.Scan(&e.Epochs) },
		see,
	}
	for _, take := range results {
		for rows.Next() { // the driver finds the next result only behind the last row
			if err := take(rows); err != nil {
				return e, err
			}
		}
		if !rows.NextResultSet() {
			break
		}
	}
	if err := rows.Err(); err != nil {
		return e, err
	}
	if e.Epochs == "" {
		return e, errors.New("the server left out a result")
	}
	return e, nil
}

// lookUp is the Query of l with its keys, which are numbers, as literals.
func (d dialect) lookUp(l *sqlstore.Lookup, keys [][]any) string {
	text := d.Query(l)
	for i := range l.Key {
		column := make([]string, len(keys))
		for k := range keys {
			column[k] = fmt.Sprint(keys[k][i])
		}
		text = strings.Replace(text, fmt.Sprintf("$%d", i+1), "'{"+strings.Join(column, ",")+"}'", 1)
	}
	return text
}

// fenceApart locks shards, and reads the epochs of all in a statement of its own.
func fenceApart(shards []schemas.Shard) string {
	return lock(shards, false) + "; " + sqlstore.SelectEpochs
}

// step moves a committer by one and returns a row when it has. A repetition waits here for its first try.
func step(c sqlstore.Committer) string {
	id := pq.QuoteLiteral(c.ID)
	if c.Number == 1 {
		return fmt.Sprintf("INSERT INTO committer (id, n, updated) VALUES (%s, 1, %d) ON CONFLICT (id) DO NOTHING RETURNING n", id, c.Now)
	}
	return fmt.Sprintf("UPDATE committer SET n = %d, updated = %d WHERE id = %s AND n = %d RETURNING n", c.Number, c.Now, id, c.Number-1)
}

// joined is a commit under way.
type joined struct {
	joiner  *joiner
	session *session
}

// Commit ends the transaction. When its answer is lost nobody knows whether it was committed.
func (t *joined) Commit(ctx context.Context) error {
	if _, err := t.session.conn.ExecContext(ctx, "COMMIT"); err != nil {
		t.session.drop()
		return err
	}
	t.joiner.keep(t.session)
	return nil
}

// Rollback ends the transaction, which has written nothing.
func (t *joined) Rollback(ctx context.Context) { t.joiner.rollback(ctx, t.session) }

func (j *joiner) rollback(ctx context.Context, s *session) {
	if _, err := s.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		s.drop()
		return
	}
	j.keep(s)
}

// PutAll writes the rows of all writes at once.
func (t *joined) PutAll(ctx context.Context, writes []*sqlstore.Write, rows [][]sqlstore.Row) error {
	d := t.joiner.dialect
	var args []any
	for i, w := range writes {
		more, err := arrays(w.Columns, len(rows[i]), func(row int) []any { return rows[i][row].Values })
		if err != nil {
			return fmt.Errorf("%s: %w", w.Table, err)
		}
		args = append(args, more...)
	}
	var counts pq.Int64Array
	err := t.session.queryRow(ctx, d.join(writes), args, &counts)
	if d.IsData(err) {
		return &sqlstore.RowError{Row: -1, Err: err}
	}
	if err != nil {
		return err
	}
	counts = counts[1:]
	for i, w := range writes {
		if w.Refused == "" {
			continue
		}
		if counts[0] < int64(len(rows[i])) {
			return &sqlstore.RowError{Row: -1, Err: fmt.Errorf("%s: %s", w.Table, w.Refused)}
		}
		counts = counts[1:]
	}
	return nil
}

// join makes each Write a part of one statement, which returns how many rows each wrote that may refuse some.
func (d dialect) join(writes []*sqlstore.Write) string {
	parts, counts := make([]string, len(writes)), []string{"0"}
	first := 1
	for i, w := range writes {
		part := fmt.Sprintf("w%d AS (%s", i, d.statement(w, first))
		if w.Refused != "" {
			part += " RETURNING 1"
			counts = append(counts, fmt.Sprintf("(SELECT count(*) FROM w%d)", i))
		}
		parts[i] = part + ")"
		first += len(w.Columns)
	}
	return "WITH " + strings.Join(parts, ", ") + " SELECT ARRAY[" + strings.Join(counts, ", ") + "]::BIGINT[]"
}

// queryRow runs a statement that is prepared when it comes for the first time.
func (s *session) queryRow(ctx context.Context, text string, args []any, result any) error {
	stmt := s.byText[text]
	if stmt == nil && len(s.byText) < maxJoins {
		var err error
		if stmt, err = s.conn.PreparexContext(ctx, text); err != nil {
			return err
		}
		s.byText[text] = stmt // closed with its connection
	}
	if stmt == nil {
		return s.conn.QueryRowxContext(ctx, text, args...).Scan(result)
	}
	return stmt.QueryRowxContext(ctx, args...).Scan(result)
}
