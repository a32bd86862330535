package ozone

import (
	"context"
	"errors"
	"fmt"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// remote is an operator beside any number of processes: it uses the store that they share. Nothing that it does is sealed, so it
// needs no key and no data directory.
type remote struct {
	cfg   Config
	store storage.Store
}

func openRemote(ctx context.Context, cfg Config) (Operator, error) {
	store, err := openStore(ctx, &cfg, "", "ozone operator", "")
	if err != nil {
		return nil, err
	}
	return &remote{cfg, store}, nil
}

func (r *remote) CreateAccount(ctx context.Context, a NewAccount) (Credentials, error) {
	return createAccount(ctx, r.store, a)
}

func (r *remote) Accounts(ctx context.Context) ([]storage.AccountRow, error) {
	return r.store.Accounts(ctx)
}

func (r *remote) SetRateLimits(ctx context.Context, account schemas.AccountID, limits schemas.RateLimits) error {
	return setRateLimits(ctx, r.store, account, limits)
}

func (r *remote) RotateKey(ctx context.Context, user string) (Credentials, error) {
	return rotateKey(ctx, r.store, user)
}

func (r *remote) Hosts(ctx context.Context) ([]schemas.Host, error) { return r.store.Hosts(ctx) }

func (r *remote) Explain(ctx context.Context, f schemas.FlavorID) ([]core.Verdict, error) {
	return explain(ctx, r.store, f)
}

// Fence goes over the broker, or through the node whose bus is in its own memory.
func (r *remote) Fence(ctx context.Context, host schemas.HostID) (err error) {
	if !onRabbitMQ(r.cfg.Bus) {
		client, err := dialAdmin(ctx, r.cfg.Data)
		if err != nil {
			return fmt.Errorf("%w: give --bus amqp://USER:PASSWORD@HOST/VHOST too, or the data directory of a process with a role other than host", err)
		}
		return errors.Join(client.Fence(ctx, host), client.Close())
	}
	s, ok := r.store.(shared)
	if !ok {
		return errors.New("fence: the store has no clock")
	}
	b, err := openBus(ctx, &r.cfg, s.Clock, "ozone operator")
	if err != nil {
		return err
	}
	return errors.Join(fence(ctx, r.store, b, host), b.Close())
}

func (r *remote) Close() error { return r.store.Close() }
