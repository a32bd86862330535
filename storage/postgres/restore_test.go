package postgres_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/hosts/agent"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/storage/postgres"
	"github.com/ozonecloud/ozone/tests/rig"
)

// past is what others remember of a store: what a host was told, what a reader has read, which ids were given out.
type past struct {
	t      *testing.T
	ledger *agent.Ledger
	epoch  schemas.Epoch
	ids    storage.IDBlock
	cursor storage.Cursor
	mark   string
}

func newPast(t *testing.T) *past {
	t.Helper()
	l, err := agent.OpenLedger(filepath.Join(t.TempDir(), "ledger"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &past{t: t, ledger: l}
}

// tell has the host begin a step; it tells whether the host refuses it as one of an older owner.
func (p *past) tell(op schemas.OperationID, epoch schemas.Epoch, version int64) (fenced bool) {
	p.t.Helper()
	e, err := p.ledger.Begin(&schemas.Step{
		V: 1, Operation: op, Name: schemas.StepStart, Attempt: 1, Host: 7, Actor: schemas.ServerID(1).Ref(), Account: account,
		Epoch: epoch, Version: version,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return e.Fenced
}

// live claims the shard a few times, commits versions from one to another, and tells the host of each.
func (p *past) live(s *postgres.Store, committer string, from, to int64) {
	p.t.Helper()
	shard := schemas.ShardOf(account)
	for range 3 {
		p.epoch = claim(p.t, s, shard)
	}
	var err error
	if p.ids, err = s.LeaseIDs(p.t.Context(), shard, p.epoch, schemas.ActorServer); err != nil {
		p.t.Fatal(err)
	}
	for v := from; v <= to; v++ {
		u := unit(p.epoch, 1, v)
		u.Operations = []storage.OperationRow{operationAt(time.Now(), schemas.OperationRunning)}
		if err := s.Commit(p.t.Context(), storage.Batch{Committer: committer, Number: v - from + 1, Units: []storage.Unit{u}}); err != nil {
			p.t.Fatalf("Commit(version %d) = %v", v, err)
		}
		if p.tell(u.Operations[0].ID, p.epoch, v) {
			p.t.Fatalf("the host refuses epoch %d, version %d", p.epoch, v)
		}
	}
	if p.cursor, err = s.EventsEnd(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	release, err := s.Hold(p.t.Context(), false, func(err error) { p.t.Error(err) })
	if err != nil {
		p.t.Fatal(err)
	}
	defer release()
	p.mark = s.Mark()
}

// goesOn checks that a store which went back to version 2 of the server is the owner to everybody who remembers more.
func (p *past) goesOn(s *postgres.Store) {
	p.t.Helper()
	shard := schemas.ShardOf(account)
	wantVersion(p.t, s, 1, 2)
	c, err := s.Claim(p.t.Context(), shard, "node")
	if err != nil || c.Epoch <= p.epoch {
		p.t.Errorf("Claim() = epoch %d, %v, want one above %d", c.Epoch, err, p.epoch)
	}
	if len(c.Operations) == 0 {
		p.t.Error("Claim() has no operation, want the ones under way at the time of the copy")
	}
	ids, err := s.LeaseIDs(p.t.Context(), shard, c.Epoch, schemas.ActorServer)
	if err != nil || ids.Next < p.ids.End || c.IDs[schemas.ActorServer].Next != 0 {
		p.t.Errorf("LeaseIDs() = %v, %v, and the claim had %v, want ids above %v", ids, err, c.IDs, p.ids)
	}
	if p.tell("new", c.Epoch, 3) {
		p.t.Error("the host refuses a step of the new owner")
	}
	if !p.tell("late", p.epoch, 99) {
		p.t.Error("the host takes a step of the lost time")
	}
	if _, err := s.Events(p.t.Context(), account, p.cursor, 1); !errors.Is(err, storage.ErrCursorGone) {
		p.t.Errorf("Events() of a cursor of before = %v, want ErrCursorGone", err)
	}
	if err := s.Commit(p.t.Context(), storage.Batch{Committer: "new", Number: 1, Units: []storage.Unit{unit(c.Epoch, 1, 3)}}); err != nil {
		p.t.Errorf("Commit() = %v", err)
	}
	var seen []int64
	for at, deadline := storage.Cursor(""), time.Now().Add(time.Minute); len(seen) < 3 && time.Now().Before(deadline); {
		page, err := s.Events(p.t.Context(), account, at, 10)
		if err != nil {
			p.t.Fatal(err)
		}
		for i := range page.Events {
			seen = append(seen, page.Events[i].Sequence)
		}
		at = page.Next
	}
	if len(seen) != 3 || seen[0] != 1 || seen[2] != 3 {
		p.t.Errorf("the log has events %v, want 1 to 3", seen)
	}
}

func openMarked(t *testing.T, url, mark string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url, Now: time.Now, Mark: mark})
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func incarnation(tb testing.TB, db *sqlx.DB) (text string) {
	tb.Helper()
	if err := db.GetContext(tb.Context(), &text, `SELECT incarnation FROM store`); err != nil {
		tb.Fatal(err)
	}
	return text
}

// TestFilesThatWerePutBackAreNoticed: the server cannot tell, nothing in its files says that there were newer ones.
func TestFilesThatWerePutBackAreNoticed(t *testing.T) {
	t.Parallel()
	server, p := rig.StartPostgres(t), newPast(t)
	url := server.Database(t)
	s := openMarked(t, url, "")
	p.live(s, "a", 1, 2)
	begin := func(prepare func() error) {
		t.Helper()
		_ = s.Close()
		server.Stop()
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s = openMarked(t, url, p.mark)
	}
	first := incarnation(t, connect(t, url))
	begin(func() error { return server.Keep(t.Context()) })
	if again := incarnation(t, connect(t, url)); again != first {
		t.Fatalf("the incarnation is %s after a restart, want %s", again, first)
	}
	p.live(s, "b", 3, 9)
	begin(func() error { return server.PutBack(t.Context()) })
	if again := incarnation(t, connect(t, url)); again == first {
		t.Fatal("the incarnation is that of before")
	}
	p.goesOn(s)
	second := incarnation(t, connect(t, url))
	openMarked(t, url, p.mark) // another process that remembers the same
	if again := incarnation(t, connect(t, url)); again != second {
		t.Error("a second process gave the store one more incarnation")
	}
}

func TestADumpIsLoadedIntoAnotherServer(t *testing.T) {
	t.Parallel()
	from, to, p := rig.StartPostgres(t), rig.StartPostgres(t), newPast(t)
	url := from.Database(t)
	// Its transactions have higher numbers than those of the other server.
	exec(t, url, `DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`)
	s := openMarked(t, url, "")
	p.live(s, "a", 1, 2)
	loaded, err := to.Load(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	p.live(s, "b", 3, 9)
	p.goesOn(openMarked(t, loaded, p.mark))
}

func TestARunningProcessNoticesAFailover(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	epoch, first := claim(t, s, 5), incarnation(t, db)
	release, err := s.Hold(t.Context(), false, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	exec(t, url, `UPDATE store SET cluster = regexp_replace(cluster, '/[0-9A-F]{8}/', '/00000000/')`, // another timeline
		`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1852121393
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	until(t, "the store has a new incarnation", func() (bool, error) { return incarnation(t, db) != first, nil })
	if next := claim(t, s, 5); next <= epoch+1000 {
		t.Errorf("Claim() = epoch %d, want one far above %d", next, epoch)
	}
}
