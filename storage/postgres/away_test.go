package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/tests/rig"
)

// calls are what edges, engines and operators ask of a store, each with an answer that is no error while the server is there.
func calls(s storage.Store, commit func(context.Context) error) map[string]func(context.Context) error {
	shard, none := schemas.ShardOf(account), []byte("none")
	return map[string]func(context.Context) error{
		"Object": func(ctx context.Context) error {
			_, err := s.Object(ctx, schemas.ActorServer, account, 1)
			return err
		},
		"Objects": func(ctx context.Context) error {
			_, err := s.Objects(ctx, schemas.ActorServer, account, storage.ObjectFilter{Limit: 10})
			return err
		},
		"Operation": func(ctx context.Context) error { _, err := s.Operation(ctx, account, "none"); return err },
		"Operations": func(ctx context.Context) error {
			_, err := s.Operations(ctx, account, storage.OperationFilter{Limit: 1})
			return err
		},
		"Key":         func(ctx context.Context) error { _, err := s.Key(ctx, account, none); return err },
		"Flavors":     func(ctx context.Context) error { _, err := s.Flavors(ctx); return err },
		"User":        func(ctx context.Context) error { _, err := s.User(ctx, "nobody"); return err },
		"TokenByHash": func(ctx context.Context) error { _, err := s.TokenByHash(ctx, none); return err },
		"SaveToken": func(ctx context.Context) error {
			return s.SaveToken(ctx, storage.Token{Hash: none, User: "nobody", Account: account, Expires: time.Unix(1, 0)})
		},
		"Claim": func(ctx context.Context) error { _, err := s.Claim(ctx, shard+1, "node"); return err },
		"Load": func(ctx context.Context) error {
			_, err := s.Load(ctx, shard, []schemas.Ref{schemas.ServerID(1).Ref()})
			return err
		},
		"LoadCluster": func(ctx context.Context) error { _, err := s.LoadCluster(ctx, 1); return err },
		"Payload":     func(ctx context.Context) error { _, err := s.Payload(ctx, account, "none"); return err },
		"Known":       func(ctx context.Context) error { _, _, err := s.Known(ctx, account, "none", none); return err },
		"Accounts":    func(ctx context.Context) error { _, err := s.Accounts(ctx); return err },
		"Hosts":       func(ctx context.Context) error { _, err := s.Hosts(ctx); return err },
		"Audit":       func(ctx context.Context) error { _, err := s.Audit(ctx); return err },
		"Now":         func(ctx context.Context) error { _, err := s.Now(ctx); return err },
		"Commit":      commit,
	}
}

func TestAnAbsentServerIsToldFromEverythingElse(t *testing.T) {
	t.Parallel()
	p := rig.StartPostgres(t)
	s := open(t, p.Database(t))
	defer func() { _ = s.Close() }()
	batch := storage.Batch{Committer: "a", Units: []storage.Unit{unit(claim(t, s, schemas.ShardOf(account)), 1, 1)}}
	all := calls(s, func(ctx context.Context) error {
		b := batch
		b.Number = 1
		return s.Commit(ctx, b)
	})
	answers := func(call func(context.Context) error) error {
		err := call(t.Context())
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		return err
	}
	for name, call := range all { // with statements prepared and connections open, as in a node that has run for a while
		if err := answers(call); err != nil {
			t.Fatalf("%s() = %v", name, err)
		}
	}
	p.Kill9()
	for name, call := range all {
		began := time.Now()
		for range 3 { // the first ones find connections that are broken, the last one dials
			if err := call(t.Context()); !errors.Is(err, storage.ErrAway) {
				t.Errorf("%s() without a server = %v, want %v", name, err, storage.ErrAway)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s() took %v to find that nobody answers", name, took)
		}
	}
	started := make(chan error, 1)
	go func() { started <- p.Start(t.Context()) }()
	for name, call := range all { // through the server's start, in which it refuses
		until(t, name+" answers again", func() (bool, error) {
			err := answers(call)
			if errors.Is(err, storage.ErrAway) {
				return false, nil
			}
			return err == nil, err
		})
	}
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	wantVersion(t, s, 1, 1)
	if err := s.RotateKey(t.Context(), "nobody", []byte("x")); errors.Is(err, storage.ErrAway) {
		t.Errorf("RotateKey(of nobody) = %v, which is not the server's absence", err)
	}
}

func TestAServerThatHangsIsAwayAfterAWhile(t *testing.T) {
	t.Parallel()
	p := rig.StartPostgres(t)
	s := open(t, p.Database(t))
	defer func() { _ = s.Close() }()
	batch := storage.Batch{Committer: "a", Number: 1, Units: []storage.Unit{unit(claim(t, s, schemas.ShardOf(account)), 1, 1)}}
	all := calls(s, func(ctx context.Context) error { return s.Commit(ctx, batch) })
	if _, err := s.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Pause()
	began := time.Now()
	failed := make(map[string]chan error)
	for _, name := range []string{"Now", "Object", "Commit", "SaveToken"} { // at the same time
		failed[name] = make(chan error, 1)
		go func() { failed[name] <- all[name](t.Context()) }()
	}
	for name, done := range failed {
		if err := <-done; !errors.Is(err, storage.ErrAway) {
			t.Errorf("%s() of a server that hangs = %v, want %v", name, err, storage.ErrAway)
		}
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v to find that the server hangs", took)
	}
	p.Resume()
	until(t, "it commits again", func() (bool, error) {
		err := s.Commit(t.Context(), batch)
		if errors.Is(err, storage.ErrAway) {
			return false, nil
		}
		return err == nil, err
	})
	wantVersion(t, s, 1, 1)
}
