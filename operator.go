package ozone

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ozonecloud/ozone/actors/core"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Operator is what whoever runs the cloud can do from beside it.
type Operator interface {
	AccountOperator
	// Hosts lists the hosts as a running cloud knows them.
	Hosts(ctx context.Context) ([]schemas.Host, error)
	// Explain says of every host why it has no room for a flavor, or that it has.
	Explain(ctx context.Context, f schemas.FlavorID) ([]core.Verdict, error)
	// Fence is the operator's word that a host is off and will not come back with what it held.
	Fence(ctx context.Context, host schemas.HostID) error
	// Close gives back what the operator holds.
	Close() error
}

// AccountOperator is what an Operator does about accounts.
type AccountOperator interface {
	// CreateAccount makes an account with one user; the answer is the only place where the key is shown.
	CreateAccount(ctx context.Context, a NewAccount) (Credentials, error)
	// Accounts lists every account with its users.
	Accounts(ctx context.Context) ([]storage.AccountRow, error)
	// SetRateLimits says where the rate limits of an account differ from the cloud's; edges know it within 5 seconds.
	SetRateLimits(ctx context.Context, account schemas.AccountID, limits schemas.RateLimits) error
	// RotateKey gives a user a new key; the old one and every token of it end.
	RotateKey(ctx context.Context, user string) (Credentials, error)
}

// NewAccount is an account to be made.
type NewAccount struct {
	User       string             `json:"user"`
	RAMMiB     int64              `json:"ram"`         // of all its servers together; 0: the default
	RateLimits schemas.RateLimits `json:"rate_limits"` // where they differ from the cloud's
}

// Credentials are how a user logs in.
type Credentials struct {
	Account schemas.AccountID `json:"account,omitempty"`
	User    string            `json:"user"`
	Key     string            `json:"key"`
}

// ErrNoNode says that no node runs on the data directory.
var ErrNoNode = errors.New("no node runs on this data directory: start one with ozone serve")

// socketPatience is how long a node that starts or ends may hold the directory without listening.
const socketPatience = 5 * time.Second

// OpenOperator opens the store that processes share, when it is named. Else it reaches the node that holds the data directory or,
// when none does, takes the directory and opens its store. Where there is no store it is an error: a mistyped name must not make
// a second cloud.
func OpenOperator(ctx context.Context, cfg Config) (Operator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validateStore(); err != nil {
		return nil, err
	}
	if !onPostgres(cfg.Store) && !exists(filepath.Join(cfg.Data, storeFile)) {
		if client, err := dialAdmin(ctx, cfg.Data); err == nil { // its store is elsewhere
			return client, nil
		}
		return nil, fmt.Errorf("no cloud in %s: name its data directory with --data, or make one with ozone serve", cfg.Data)
	}
	return MakeOperator(ctx, cfg)
}

// MakeOperator is OpenOperator that makes the data directory and its store when they are not there.
func MakeOperator(ctx context.Context, cfg Config) (Operator, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validateStore(); err != nil {
		return nil, err
	}
	if onPostgres(cfg.Store) {
		return openRemote(ctx, cfg)
	}
	patience := time.NewTimer(socketPatience)
	defer patience.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		client, err := dialAdmin(ctx, cfg.Data)
		if err == nil {
			return client, nil
		}
		if !absent(err) {
			return nil, err
		}
		local, err := openLocal(ctx, cfg)
		if _, busy := errors.AsType[*InUseError](err); !busy {
			return local, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience.C:
			return nil, fmt.Errorf("%w (it does not answer on %s)", err, socketFile)
		}
	}
}

// absent tells whether nobody listens on a socket.
func absent(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// local is an operator beside no node: it has the store for itself.
type local struct {
	dir   *dataDir
	store storage.Store
}

func openLocal(ctx context.Context, cfg Config) (Operator, error) {
	dir, err := openDir(cfg.Data)
	if err != nil {
		return nil, err
	}
	sealer, err := dir.secret(cfg.SecretKeyFile, true) // made before the store that needs it
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	store, err := openStore(ctx, &cfg, dir.file(storeFile), "ozone operator", "")
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	if err := checkKey(ctx, store, sealer); err != nil {
		return nil, errors.Join(err, store.Close(), dir.Close())
	}
	return &local{dir, store}, nil
}

func (l *local) CreateAccount(ctx context.Context, a NewAccount) (Credentials, error) {
	return createAccount(ctx, l.store, a)
}

func (l *local) Accounts(ctx context.Context) ([]storage.AccountRow, error) {
	return l.store.Accounts(ctx)
}

func (l *local) SetRateLimits(ctx context.Context, account schemas.AccountID, limits schemas.RateLimits) error {
	return setRateLimits(ctx, l.store, account, limits)
}

func (l *local) RotateKey(ctx context.Context, user string) (Credentials, error) {
	return rotateKey(ctx, l.store, user)
}

func (l *local) Hosts(context.Context) ([]schemas.Host, error) { return nil, ErrNoNode }

func (l *local) Explain(context.Context, schemas.FlavorID) ([]core.Verdict, error) {
	return nil, ErrNoNode
}

func (l *local) Fence(context.Context, schemas.HostID) error { return ErrNoNode }

func (l *local) Close() error { return errors.Join(l.store.Close(), l.dir.Close()) }

func createAccount(ctx context.Context, store storage.Store, a NewAccount) (Credentials, error) {
	switch {
	case a.User == "" || len(a.User) > maxUser || !visible(a.User):
		return Credentials{}, schemas.Errorf(schemas.KindInvalid, "user %q: want 1 to %d visible ASCII characters without spaces or quotes", a.User, maxUser)
	case a.RAMMiB < 0:
		return Credentials{}, schemas.Errorf(schemas.KindInvalid, "ram %d: want a number of MiB", a.RAMMiB)
	case a.RAMMiB == 0:
		a.RAMMiB = schemas.DefaultRAMLimitMiB
	}
	key, err := newKey()
	if err != nil {
		return Credentials{}, err
	}
	hash := sha256.Sum256([]byte(key))
	account := schemas.Account{V: schemas.StateV, Name: a.User, RAMLimitMiB: a.RAMMiB}
	id, err := store.CreateAccount(ctx, account, a.User, hash[:])
	if err != nil {
		return Credentials{}, fmt.Errorf("create account: %w", err)
	}
	if err := setRateLimits(ctx, store, id, a.RateLimits); err != nil {
		return Credentials{}, err
	}
	return Credentials{Account: id, User: a.User, Key: key}, nil
}

func setRateLimits(ctx context.Context, store storage.LimitSetter, account schemas.AccountID, limits schemas.RateLimits) error {
	err := store.SetRateLimits(ctx, account, limits)
	if errors.Is(err, storage.ErrNotFound) {
		return schemas.Errorf(schemas.KindNotFound, "no account %d", int64(account))
	}
	return err
}

// maxUser bounds a user's name: it travels in a header.
const maxUser = 64

func rotateKey(ctx context.Context, store storage.Operator, user string) (Credentials, error) {
	key, err := newKey()
	if err != nil {
		return Credentials{}, err
	}
	hash := sha256.Sum256([]byte(key))
	if err := store.RotateKey(ctx, user, hash[:]); err != nil {
		if errors.Is(err, storage.ErrNotFound) {
			return Credentials{}, schemas.Errorf(schemas.KindNotFound, "no user %q", user)
		}
		return Credentials{}, fmt.Errorf("rotate key: %w", err)
	}
	return Credentials{User: user, Key: key}, nil
}
