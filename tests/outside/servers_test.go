package outside_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ozonecloud/ozone/tests/rig"
)

// servers are the RabbitMQ and the PostgreSQL of all nodes that are not embedded. The first of these starts them.
type servers struct {
	once sync.Once
	both *rig.Servers
	err  error        // why they are not there
	lent atomic.Int64 // virtual hosts so far
}

// lend gives a node a virtual host and a database until the test ends.
func (s *servers) lend(t *testing.T) []string {
	t.Helper()
	vhost := strconv.FormatInt(s.lent.Add(1), 10)
	env, err := s.env(t.Context(), vhost)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // queues that nobody uses cost the broker's time; a database costs nothing
		if err := s.both.Broker.DropVhost(context.Background(), vhost); err != nil {
			t.Error(err)
		}
	})
	return env
}

// env is the settings of a node with a virtual host and a database of its own.
func (s *servers) env(ctx context.Context, vhost string) ([]string, error) {
	s.once.Do(func() { s.both, s.err = rig.NewServers(context.WithoutCancel(ctx)) }) // they outlive the test that comes first
	if s.err != nil {
		return nil, s.err
	}
	bus, err := s.both.Broker.NewVhost(ctx, vhost)
	if err != nil {
		return nil, err
	}
	store, err := s.both.Database.EmptyDatabase(ctx)
	if err != nil {
		return nil, err
	}
	return []string{"OZONE_BUS=" + bus, "OZONE_STORE=" + store}, nil
}

func (s *servers) close() {
	if s.both != nil {
		s.both.Close()
	}
}
