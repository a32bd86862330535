package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ozonecloud/ozone/schemas"
)

// answerWithin bounds one try of a request. An edge waits 10 s for an admission unless its operator says otherwise.
// Source: docs/numbers.md.
const answerWithin = 30 * time.Second

// The paths of the two APIs; the account follows.
const (
	v10 = "/v1.0/"
	own = "/ozone/v1/"
)

// request is what is asked of the account.
type request struct {
	method string
	api    string        // v10 or own
	path   string        // below the account
	body   any           // as JSON; nil: none
	terms  Terms         // of a write
	wait   time.Duration // that the server is asked to take before it answers
}

// message is a request as it is sent.
type message struct {
	method string
	url    string
	header http.Header
	body   []byte
	wait   time.Duration
}

// answer is one of 2xx.
type answer struct {
	header http.Header
	body   []byte
}

// operation is the one that the answer names.
func (a *answer) operation() schemas.OperationID {
	return schemas.OperationID(a.header.Get("X-Ozone-Operation"))
}

// decode reads the one member of the body.
func (a *answer) decode(member string, v any) error {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(a.body, &doc); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if err := json.Unmarshal(doc[member], v); err != nil {
		return fmt.Errorf("read %s in the answer: %w", member, err)
	}
	return nil
}

// Terms are those of a write.
type Terms struct {
	// Key is its Idempotency-Key; "": a new one.
	Key string
	// Dry: it is not done; the error of the write is a *DryRunError, or the fault that it would get.
	Dry bool
}

// DryRunError is what a write would come to that was tried dry and would be accepted.
type DryRunError struct {
	Action schemas.Action `json:"action"`
	Target struct {
		Kind schemas.ActorKind `json:"kind"`
		ID   *int64            `json:"id"` // nil for what would be made
	} `json:"target"`
	Status string `json:"status"` // that the target would have
	Quota  struct {
		Used  int64  `json:"ram_used"` // MB
		Limit *int64 `json:"ram_limit"`
		Left  *int64 `json:"ram_left"` // nil without a limit
	} `json:"quota"`
	Placed *bool `json:"placed"` // nil when no place is needed
}

// Error says that nothing was done.
func (f *DryRunError) Error() string {
	return string(f.Action) + " would be accepted; it was tried dry"
}

// NewKey makes an Idempotency-Key.
func NewKey() string { return uuid.NewString() }

// do sends the request until it is answered, and logs in again when its token has ended.
func (c *Client) do(ctx context.Context, r request) (*answer, error) {
	m := message{method: r.method, header: http.Header{}, wait: r.wait}
	if r.body != nil {
		var err error
		if m.body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("write request: %w", err)
		}
		m.header.Set("Content-Type", "application/json")
	}
	if r.method != http.MethodGet {
		if r.terms.Key == "" {
			r.terms.Key = NewKey()
		}
		m.header.Set("Idempotency-Key", r.terms.Key)
	}
	s, err := c.known(ctx)
	if err != nil {
		return nil, err
	}
	a, err := c.as(ctx, s, r, m)
	if kindOf(err) != schemas.KindUnauthorized {
		return a, err
	}
	if s, err = c.login(ctx, s, false); err != nil {
		return nil, err
	}
	return c.as(ctx, s, r, m)
}

// as sends the request in a session until it is answered.
func (c *Client) as(ctx context.Context, s Session, r request, m message) (*answer, error) {
	m.url = strings.Replace(s.Endpoint, v10, r.api, 1) + r.path
	m.header.Set("X-Auth-Token", s.Token)
	return c.patiently(ctx, func() (*answer, error) { return c.send(ctx, m) })
}

// send sends the message once. Any answer but 2xx, and none, is a *Error.
func (c *Client) send(ctx context.Context, m message) (*answer, error) {
	try, cancel := context.WithTimeout(ctx, answerWithin+m.wait)
	defer cancel()
	req, err := http.NewRequestWithContext(try, m.method, m.url, bytes.NewReader(m.body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header = m.header
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	defer func() { _ = res.Body.Close() }() // it is read
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, faultIn(res.StatusCode, res.Header, body)
	}
	return &answer{header: res.Header, body: body}, nil
}

// write sends a write and reads the member of its answer, if it has one, into v.
func (c *Client) write(ctx context.Context, r request, member string, v any) (schemas.OperationID, error) {
	if r.api == "" {
		r.api = v10
	}
	if r.terms.Dry {
		return "", c.try(ctx, r)
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return "", err
	}
	if v == nil {
		return a.operation(), nil
	}
	return a.operation(), a.decode(member, v)
}

// try has a write decided and not done; its error says what it would come to.
func (c *Client) try(ctx context.Context, r request) error {
	r.api = own
	r.path += "?dry_run=true"
	a, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	f := new(DryRunError)
	if err := a.decode("dry_run", f); err != nil {
		return err
	}
	return f
}

// get reads the member of the answer to a GET.
func get[T any](ctx context.Context, c *Client, r request, member string) (T, error) {
	var v T
	r.method = http.MethodGet
	a, err := c.do(ctx, r)
	if err != nil {
		return v, err
	}
	return v, a.decode(member, &v)
}

// pageLength is how much a list of v1.0 has at most. Source: API guide v1.0, "Paginated Collections".
const pageLength = 1000

// list reads all pages of a list of v1.0.
func list[T any](ctx context.Context, c *Client, path, member string) ([]T, error) {
	all := []T{}
	for {
		page, err := get[[]T](ctx, c, request{api: v10, path: path + "?offset=" + strconv.Itoa(len(all))}, member)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); len(page) < pageLength {
			return all, nil
		}
	}
}

// path is a path of segments, each a word or an id.
func path(segments ...any) string {
	var b strings.Builder
	for _, s := range segments {
		fmt.Fprintf(&b, "/%v", s)
	}
	return b.String()
}
