package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// silence is how long a stream may say nothing until it is given up. The edge says something every 15 s. Source: docs/numbers.md.
const silence = 45 * time.Second

// FollowEvents tells each event as it comes, those behind f.After first, until ctx or tell ends it. A stream that breaks is
// begun again behind the last event that was told.
func (c *Client) FollowEvents(ctx context.Context, f EventFilter, tell func(Event) error) error {
	for {
		_, err := c.patiently(ctx, func() (*answer, error) { return nil, c.stream(ctx, &f, tell) })
		if err == nil {
			err = rest(ctx, firstPause)
		}
		if err != nil {
			return err
		}
	}
}

// stream tells what comes on one stream and moves f behind it. It is nil when the stream began and then broke.
func (c *Client) stream(ctx context.Context, f *EventFilter, tell func(Event) error) error {
	alive, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	body, err := c.open(alive, f.query())
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it is read, or given up
	for lines := bufio.NewReader(body); ; {
		n, err := read(lines, func() { quiet.Reset(silence) })
		if err != nil {
			return ctx.Err() // nil: the next stream goes on
		}
		if n.id != "" {
			f.After = n.id
		}
		if n.kind == "resync" { // it has not sent everything: from the last cursor on it will be there
			return nil
		}
		if len(n.data) == 0 {
			continue
		}
		var e Event
		if err := json.Unmarshal(n.data, &e); err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		if err := tell(e); err != nil {
			return err
		}
	}
}

// open begins a stream, in a new session when the old one has ended.
func (c *Client) open(ctx context.Context, query string) (io.ReadCloser, error) {
	s, err := c.known(ctx)
	if err != nil {
		return nil, err
	}
	body, err := c.openAs(ctx, s, query)
	if kindOf(err) != schemas.KindUnauthorized {
		return body, err
	}
	if s, err = c.login(ctx, s, false); err != nil {
		return nil, err
	}
	return c.openAs(ctx, s, query)
}

func (c *Client) openAs(ctx context.Context, s Session, query string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.Replace(s.Endpoint, v10, own, 1)+query, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("X-Auth-Token", s.Token)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer func() { _ = res.Body.Close() }() // it is read
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	return nil, faultIn(res.StatusCode, res.Header, text)
}

// notice is one event of the stream, as its form has it. Source: HTML, "Server-sent events".
type notice struct {
	id, kind string
	data     []byte
}

// read reads lines up to an empty one. Comments are signs of life.
func read(lines *bufio.Reader, alive func()) (n notice, err error) {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return n, err
		}
		alive()
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return n, nil
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			n.id = value
		case "event":
			n.kind = value
		case "data":
			n.data = append(n.data, value...)
		}
	}
}
