package postgres_test

import (
	"errors"
	"testing"

	"github.com/ozonecloud/ozone/storage/postgres"
)

func TestOneProcessHoldsTheStore(t *testing.T) {
	t.Parallel()
	url := database(t)
	first, second, db := open(t, url), open(t, url), connect(t, url)
	defer func() { _, _ = first.Close(), second.Close() }()
	lost := make(chan error, 1)
	release, err := first.Hold(t.Context(), true, func(err error) { lost <- err })
	if err != nil {
		t.Fatalf("Hold() = %v, want nil", err)
	}
	held := func() error {
		again, err := second.Hold(t.Context(), true, func(error) {})
		if err == nil {
			again()
		}
		return err
	}
	if err := held(); !errors.Is(err, postgres.ErrHeld) {
		t.Fatalf("the second Hold() = %v, want %v", err, postgres.ErrHeld)
	}
	const holders = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 1852121393 AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	var before int
	if err := db.GetContext(t.Context(), &before, holders); err != nil {
		t.Fatalf("who holds: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend($1)`, before); err != nil {
		t.Fatal(err)
	}
	until(t, "the lost session's lock is taken again", func() (bool, error) {
		var pids []int
		err := db.SelectContext(t.Context(), &pids, holders)
		return len(pids) == 1 && pids[0] != before, err
	})
	if err := held(); !errors.Is(err, postgres.ErrHeld) {
		t.Errorf("the second Hold() after a lost session = %v, want %v", err, postgres.ErrHeld)
	}
	release()
	if err := held(); err != nil {
		t.Errorf("Hold() after the release = %v, want nil", err)
	}
	select {
	case err := <-lost:
		t.Errorf("the holder was told %v", err)
	default:
	}
}

func TestAHolderThatWasOvertakenIsTold(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, db := open(t, url), connect(t, url)
	defer func() { _ = s.Close() }()
	lost := make(chan error, 1)
	release, err := s.Hold(t.Context(), true, func(err error) { lost <- err })
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	other, err := db.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	waits := make(chan error, 1)
	go func() { // is next in line when the holder's session ends
		_, err := other.ExecContext(t.Context(), `SELECT pg_advisory_lock(22371142172221745)`)
		waits <- err
	}()
	waitBlocked(t, db, 1)
	if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
		AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`); err != nil {
		t.Fatal(err)
	}
	if err := <-waits; err != nil {
		t.Fatal(err)
	}
	if err := <-lost; !errors.Is(err, postgres.ErrHeld) {
		t.Errorf("the overtaken holder was told %v, want %v", err, postgres.ErrHeld)
	}
}

func TestProcessesShareTheStoreAndKeepOneThatIsAloneOut(t *testing.T) {
	t.Parallel()
	url := database(t)
	s := open(t, url)
	defer func() { _ = s.Close() }()
	hold := func(alone bool) (func(), error) {
		return s.Hold(t.Context(), alone, func(err error) { t.Errorf("a holder was told %v", err) })
	}
	first, err := hold(false)
	if err != nil {
		t.Fatalf("Hold() = %v, want nil", err)
	}
	second, err := hold(false)
	if err != nil {
		t.Fatalf("the second Hold() = %v, want nil", err)
	}
	first()
	if _, err := hold(true); !errors.Is(err, postgres.ErrHeld) {
		t.Errorf("Hold() alone beside another = %v, want %v", err, postgres.ErrHeld)
	}
	second()
	alone, err := hold(true)
	if err != nil {
		t.Fatalf("Hold() alone = %v, want nil", err)
	}
	if _, err := hold(false); !errors.Is(err, postgres.ErrHeld) {
		t.Errorf("Hold() beside one that is alone = %v, want %v", err, postgres.ErrHeld)
	}
	alone()
}
