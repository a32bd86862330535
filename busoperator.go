package ozone

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// maxBusUsers bounds the users of the tenants' bus: an edge has a channel for each. Source: docs/numbers.md.
const maxBusUsers = 1500

// busUserName is what a user may be called: with dots the rights of one would cover the queues of another.
var busUserName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// BusOperator is what whoever runs the cloud can do about the tenants' bus. It needs the broker's management API and the store.
type BusOperator struct {
	cfg   Config
	store storage.Store
	admin *amqp.Admin
	node  *url.URL // how nodes reach the broker
}

// BusCredentials are how a program reaches the tenants' bus.
type BusCredentials struct {
	Account  schemas.AccountID
	User     string
	Password string
	URL      string // with the password in it
}

// errNoBroker is for a cloud whose bus is in its own memory.
var errNoBroker = errors.New("the bus for programs of tenants needs RabbitMQ: a bus in the memory of a node is reached by nobody else. " +
	"Name the cloud's broker with --bus amqp://USER:PASSWORD@HOST/VHOST")

// OpenBusOperator opens the store; admin is the URL of the broker's management API.
func OpenBusOperator(ctx context.Context, cfg Config, admin string) (*BusOperator, error) {
	cfg = cfg.withDefaults()
	switch {
	case !onRabbitMQ(cfg.Bus):
		return nil, errNoBroker
	case !onPostgres(cfg.Store):
		return nil, errors.New("give --store postgres://USER:PASSWORD@HOST/DATABASE: a cloud with a broker keeps its users there")
	}
	node, err := url.Parse(cfg.Bus)
	if err != nil || node.User == nil {
		return nil, fmt.Errorf("--bus %s: want amqp://USER:PASSWORD@HOST/VHOST", safeURL(cfg.Bus))
	}
	api, err := amqp.NewAdmin(admin, cfg.TenantsVhost)
	if err != nil {
		return nil, fmt.Errorf("--bus-admin: %w", err)
	}
	store, err := openStore(ctx, &cfg, "", "ozone operator", "")
	if err != nil {
		return nil, err
	}
	return &BusOperator{cfg, store, api, node}, nil
}

// Close gives back what the operator holds.
func (o *BusOperator) Close() error { return o.store.Close() }

// CreateUser makes a user of an account with its queues; the answer is the only place where its password is shown. "" is
// account-NUMBER. The virtual host is made when it is not there.
func (o *BusOperator) CreateUser(ctx context.Context, account schemas.AccountID, name string) (BusCredentials, error) {
	if name == "" {
		name = fmt.Sprintf("account-%d", account)
	}
	if !busUserName.MatchString(name) {
		return BusCredentials{}, fmt.Errorf("user %q: want a small letter, then up to 31 small letters, digits, - and _", name)
	}
	users, err := o.store.BusUsers(ctx)
	if err != nil {
		return BusCredentials{}, err
	}
	if len(users) >= maxBusUsers {
		return BusCredentials{}, fmt.Errorf("there are %d users: no more than %d can be served", len(users), maxBusUsers)
	}
	if !slices.ContainsFunc(users, func(u storage.BusUser) bool { return u.Name == name }) {
		strange, err := o.admin.Exists(ctx, name)
		if err != nil {
			return BusCredentials{}, err
		}
		if strange {
			return BusCredentials{}, fmt.Errorf("user %q: the broker has a user of that name that is not one of this cloud's: take another name", name)
		}
	}
	err = o.store.CreateBusUser(ctx, name, account)
	if errors.Is(err, storage.ErrNotFound) {
		err = fmt.Errorf("no account %d", account)
	}
	if err != nil {
		return BusCredentials{}, err
	}
	made, err := o.give(ctx, name, account)
	if err != nil {
		return made, fmt.Errorf("%w: when that is mended, ozone bus user rotate %s does the rest", err, name)
	}
	return made, nil
}

// RotateUser gives a user a new password, and what is missing of its queues and rights; connections with the old one end.
func (o *BusOperator) RotateUser(ctx context.Context, name string) (BusCredentials, error) {
	u, err := o.user(ctx, name)
	if err != nil {
		return BusCredentials{}, err
	}
	if err := o.admin.EndUser(ctx, name); err != nil {
		return BusCredentials{}, err
	}
	made, err := o.give(ctx, name, u.Account)
	if err != nil {
		return made, err
	}
	subscriptions, err := o.store.Subscriptions(ctx, u.Account)
	for _, s := range subscriptions {
		if err == nil && s.User == name {
			err = o.admin.PutEvents(ctx, string(bus.SubscriptionQueue(s.Subscription)), u.Account, bus.SubscriptionKeys(s.Subscription))
		}
	}
	return made, err
}

// give makes what a user needs in the broker.
func (o *BusOperator) give(ctx context.Context, name string, account schemas.AccountID) (BusCredentials, error) {
	secret := make([]byte, 32) // 256 bits, as an API key
	if _, err := rand.Read(secret); err != nil {
		return BusCredentials{}, fmt.Errorf("make password: %w", err)
	}
	c := BusCredentials{Account: account, User: name, Password: base64.RawURLEncoding.EncodeToString(secret)}
	if err := o.admin.Prepare(ctx, o.node.User.Username()); err != nil {
		return BusCredentials{}, err
	}
	if err := o.admin.PutUser(ctx, name, c.Password, account); err != nil {
		return BusCredentials{}, err
	}
	where, err := o.cfg.tenantsURL()
	if err != nil {
		return BusCredentials{}, err
	}
	u, err := url.Parse(where)
	if err != nil {
		return BusCredentials{}, fmt.Errorf("name the bus: %w", err)
	}
	u.User = url.UserPassword(name, c.Password)
	c.URL = u.String()
	return c, nil
}

// DeleteUser ends a user with its connections and its queues; what waits in them is dropped.
func (o *BusOperator) DeleteUser(ctx context.Context, name string) error {
	if _, err := o.user(ctx, name); err != nil {
		return err
	}
	if err := o.admin.DropUser(ctx, name); err != nil {
		return err
	}
	return o.store.DeleteBusUser(ctx, name)
}

// Users lists the users by name.
func (o *BusOperator) Users(ctx context.Context) ([]storage.BusUser, error) {
	return o.store.BusUsers(ctx)
}

// user is one that this cloud has made: no other user of the broker is touched.
func (o *BusOperator) user(ctx context.Context, name string) (storage.BusUser, error) {
	users, err := o.store.BusUsers(ctx)
	if err != nil {
		return storage.BusUser{}, err
	}
	for _, u := range users {
		if u.Name == name {
			return u, nil
		}
	}
	return storage.BusUser{}, fmt.Errorf("no user %q", name)
}

// NewBusQueue is a queue to be made.
type NewBusQueue struct {
	User    string
	Name    string
	Replies bool     // for answers; else for events
	Types   []string // of events, such as server.resize.end or server.*; none: all
	Server  schemas.ServerID
}

// CreateQueue makes one more queue of a user and returns its whole name.
func (o *BusOperator) CreateQueue(ctx context.Context, q NewBusQueue) (string, error) {
	u, err := o.user(ctx, q.User)
	if err != nil {
		return "", err
	}
	s := schemas.Subscription{User: u.Name, Name: q.Name, Types: q.Types, Server: q.Server}
	if err := s.Check(); err != nil {
		return "", err
	}
	if q.Replies && (len(q.Types) > 0 || q.Server != 0) {
		return "", errors.New("a queue of answers has all of them: types and a server are for queues of events")
	}
	if q.Replies {
		name := string(bus.RepliesQueue(u.Name)) + "." + q.Name
		return name, o.admin.PutReplies(ctx, name)
	}
	name := string(bus.SubscriptionQueue(s))
	if _, err := o.store.CreateSubscription(ctx, u.Account, s); err != nil {
		return "", err
	}
	return name, o.admin.PutEvents(ctx, name, u.Account, bus.SubscriptionKeys(s))
}

// Queues lists the queues that a user reads.
func (o *BusOperator) Queues(ctx context.Context, user string) ([]amqp.QueueState, error) {
	if _, err := o.user(ctx, user); err != nil {
		return nil, err
	}
	return o.admin.Queues(ctx, user)
}

// DeleteQueue ends a queue of a user, by its whole name, with all that is in it.
func (o *BusOperator) DeleteQueue(ctx context.Context, user, name string) error {
	u, err := o.user(ctx, user)
	if err != nil {
		return err
	}
	if !bus.Owns(user, bus.Address(name)) {
		return fmt.Errorf("queue %q is none of user %q", name, user)
	}
	err = o.store.DeleteSubscription(ctx, u.Account, user, strings.TrimPrefix(name, string(bus.EventsQueue(user))+"."))
	if err != nil && !errors.Is(err, storage.ErrNotFound) { // a queue of answers is none
		return err
	}
	if err := o.admin.DropQueue(ctx, name); err != nil {
		return fmt.Errorf("queue %q: %w", name, err)
	}
	return nil
}
