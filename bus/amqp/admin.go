package amqp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

// adminTime bounds one call of the management API. Source: docs/numbers.md.
const adminTime = 20 * time.Second

// Admin makes users and queues of the tenants' virtual host, through RabbitMQ's management API. What is there already stays.
type Admin struct {
	base  *url.URL
	vhost string
	http  *http.Client
}

// NewAdmin calls the API at a URL such as http://admin:PASSWORD@host:15672.
func NewAdmin(where, vhost string) (*Admin, error) {
	u, err := url.Parse(where)
	if err != nil || u.Host == "" || u.User == nil || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("management API of RabbitMQ: want http://USER:PASSWORD@HOST:15672 of a user with the tag administrator")
	}
	return &Admin{base: u, vhost: vhost, http: &http.Client{Timeout: adminTime}}, nil
}

// Prepare makes the virtual host with what its users share, and lets the nodes' user in.
func (a *Admin) Prepare(ctx context.Context, node string) error {
	if err := a.put(ctx, struct{}{}, "vhosts", a.vhost); err != nil {
		return err
	}
	own := a.base.User.Username()
	if err := a.put(ctx, rights{".*", ".*", ".*"}, "permissions", a.vhost, own); err != nil {
		return err
	}
	if node != own {
		if err := a.put(ctx, nodeRights(), "permissions", a.vhost, node); err != nil {
			return err
		}
	}
	return a.make(ctx, commonPart())
}

// Exists tells whether the broker has a user of that name, whoever made it.
func (a *Admin) Exists(ctx context.Context, user string) (bool, error) {
	err := a.call(ctx, http.MethodGet, nil, nil, "users", user)
	if errors.Is(err, errNotThere) {
		return false, nil
	}
	return err == nil, err
}

// EndUser ends a user with its connections; its queues stay.
func (a *Admin) EndUser(ctx context.Context, user string) error {
	err := a.call(ctx, http.MethodDelete, nil, nil, "users", user)
	if errors.Is(err, errNotThere) {
		return nil
	}
	return err
}

// PutUser makes a user with its rights, and those of its queues that are not there.
func (a *Admin) PutUser(ctx context.Context, user, password string, account schemas.AccountID) error {
	if err := a.make(ctx, userPart(user)); err != nil {
		return err
	}
	if err := a.PutEvents(ctx, string(bus.EventsQueue(user)), account, []string{"#"}); err != nil {
		return err
	}
	body := map[string]string{"password": password, "tags": ""}
	if err := a.put(ctx, body, "users", user); err != nil {
		return err
	}
	for limit, value := range map[string]int{"max-connections": maxConnections, "max-channels": maxChannels} {
		if err := a.put(ctx, map[string]int{"value": value}, "user-limits", user, limit); err != nil {
			return err
		}
	}
	return a.put(ctx, userRights(user), "permissions", a.vhost, user)
}

// DropUser ends a user, its connections and its queues with all that is in them. Again it does what is left.
func (a *Admin) DropUser(ctx context.Context, user string) error {
	if err := a.EndUser(ctx, user); err != nil {
		return err
	}
	queues, err := a.Queues(ctx, user)
	if errors.Is(err, errNotThere) { // the virtual host is gone
		return nil
	}
	if err != nil {
		return err
	}
	drops := [][]string{{"exchanges", a.vhost, string(bus.IngressQueue(user))}, {"queues", a.vhost, string(bus.IngressQueue(user))}}
	for _, q := range queues {
		drops = append(drops, []string{"queues", a.vhost, q.Name})
	}
	for _, path := range drops {
		if err := a.call(ctx, http.MethodDelete, nil, nil, path...); err != nil && !errors.Is(err, errNotThere) {
			return err
		}
	}
	return nil
}

// PutEvents makes a queue of events of an account; keys are what follows the account in the routing key.
func (a *Admin) PutEvents(ctx context.Context, name string, account schemas.AccountID, keys []string) error {
	return a.make(ctx, eventsPart(name, int64(account), keys))
}

// PutReplies makes a queue of answers.
func (a *Admin) PutReplies(ctx context.Context, name string) error {
	return a.make(ctx, tenantsPart{queues: map[string]queue{name: repliesQueue()}})
}

// DropQueue ends a queue with all that is in it; bus.ErrUnroutable: it is not there.
func (a *Admin) DropQueue(ctx context.Context, name string) error {
	err := a.call(ctx, http.MethodDelete, nil, nil, "queues", a.vhost, name)
	if errors.Is(err, errNotThere) {
		return bus.ErrUnroutable
	}
	return err
}

// QueueState is a queue that a user reads.
type QueueState struct {
	Name     string `json:"name"`
	Messages int64  `json:"messages"`
}

// Queues lists the queues that a user may read.
func (a *Admin) Queues(ctx context.Context, user string) ([]QueueState, error) {
	var all []QueueState
	if err := a.call(ctx, http.MethodGet, nil, &all, "queues", a.vhost); err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(all, func(q QueueState) bool { return !bus.Owns(user, bus.Address(q.Name)) })
	slices.SortFunc(own, func(a, b QueueState) int { return strings.Compare(a.Name, b.Name) })
	return own, nil
}

func (a *Admin) make(ctx context.Context, part tenantsPart) error {
	for name, x := range part.exchanges {
		if err := a.put(ctx, x, "exchanges", a.vhost, name); err != nil {
			return err
		}
	}
	for name, q := range part.queues {
		if err := a.put(ctx, q, "queues", a.vhost, name); err != nil {
			return err
		}
	}
	for _, b := range part.bindings {
		key := map[string]string{"routing_key": b.key}
		if err := a.call(ctx, http.MethodPost, key, nil, "bindings", a.vhost, "e", b.exchange, "q", b.queue); err != nil {
			return err
		}
	}
	return nil
}

func (a *Admin) put(ctx context.Context, body any, path ...string) error {
	return a.call(ctx, http.MethodPut, body, nil, path...)
}

// columns are what is read of a list. The API says all that it knows of each queue otherwise, and its answer is read to an end only
// when it is not too long.
const columns = "?columns=name,messages"

// errNotThere is the API's 404.
var errNotThere = errors.New("not there")

// call sends one request; a nil answer is not read.
func (a *Admin) call(ctx context.Context, method string, body, answer any, path ...string) error {
	what := strings.Join(path, "/")
	escaped := make([]string, len(path))
	for i, part := range path {
		escaped[i] = url.PathEscape(part)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("management API of RabbitMQ: %s: %w", what, err)
	}
	where := a.base.Scheme + "://" + a.base.Host + strings.TrimRight(a.base.Path, "/") + "/api/" + strings.Join(escaped, "/")
	if answer != nil {
		where += columns
	}
	request, err := http.NewRequestWithContext(ctx, method, where, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("management API of RabbitMQ: %s: %w", what, err)
	}
	password, _ := a.base.User.Password()
	request.SetBasicAuth(a.base.User.Username(), password)
	request.Header.Set("Content-Type", "application/json")
	response, err := a.http.Do(request)
	if err != nil {
		return fmt.Errorf("management API of RabbitMQ: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	return readAdmin(response, what, answer)
}

// readAdmin reads an answer, or why there is none.
func readAdmin(response *http.Response, what string, answer any) error {
	const most = 16 << 20
	text, err := io.ReadAll(io.LimitReader(response.Body, most))
	switch {
	case err != nil:
		return fmt.Errorf("management API of RabbitMQ: %s: %w", what, err)
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("management API of RabbitMQ: %s: %w", what, errNotThere)
	case response.StatusCode == http.StatusUnauthorized:
		return errors.New("management API of RabbitMQ: wrong user or password, or the user does not have the tag administrator")
	case response.StatusCode >= http.StatusMultipleChoices:
		return fmt.Errorf("management API of RabbitMQ: %s: %s %s", what, response.Status, text[:min(len(text), 200)])
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("management API of RabbitMQ: %s: %w", what, err)
	}
	return nil
}
