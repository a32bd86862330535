// Package events is the API of the namespace ozone that shows what has changed: as pages, as a stream, and as history.
package events

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The length of a page, when the client does not say, and at most; and how often the log is read for one, when little of it is wanted.
// Source: docs/numbers.md.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxReads     = 8
)

type module struct {
	operations *edge.Operations
	reader     storage.Reader
	events     storage.EventReader
	watches    *edge.Watches
	now        func() time.Time
}

// New is the module ozone.events.
func New() edge.Module { return &module{} }

// ID names the module.
func (m *module) ID() string { return "ozone.events" }

// Routes mounts the log, the snapshot to begin it from, and the histories.
func (m *module) Routes(d edge.Deps, r *edge.Router) error {
	m.operations, m.reader, m.events, m.watches, m.now = d.Operations, d.Reader, d.Events, d.Watches, d.Now
	return r.HandleAll([]edge.Route{
		{Verb: "GET", Path: "/ozone/v1/{account}/events", Handle: m.list},
		{Verb: "GET", Path: "/ozone/v1/{account}/snapshot", Handle: m.snapshot},
		{Verb: "GET", Path: "/ozone/v1/{account}/operations/{operation}/events", Handle: m.ofOperation},
		{Verb: "GET", Path: "/ozone/v1/{account}/servers/{id}/history", Handle: m.history},
	})
}

// list shows the page of events behind ?after=, narrowed by ?types= and ?server=; a stream to who accepts one.
func (m *module) list(ctx context.Context, r *edge.Request) (edge.Response, error) {
	f, err := filterOf(r)
	if err != nil {
		return edge.Response{}, err
	}
	limit, err := limitOf(r)
	if err != nil {
		return edge.Response{}, err
	}
	given, _ := r.Query("after")
	after := storage.Cursor(given)
	if r.WantsStream() {
		return m.follow(ctx, r, after, f)
	}
	page, err := m.page(ctx, r.Account, after, f, limit)
	if errors.Is(err, storage.ErrCursorGone) {
		return m.gone(ctx, r.Account)
	}
	if err != nil {
		return edge.Response{}, err
	}
	doc := appendEvents([]byte(`{"events":`), page.Events)
	doc = edge.AppendString(append(doc, `,"next":`...), string(page.Next))
	doc = strconv.AppendBool(append(doc, `,"more":`...), page.More)
	return edge.Response{Body: edge.JSON(append(doc, '}'))}, nil
}

// page reads the log until it has limit events that the filter wants, or has read it often.
func (m *module) page(ctx context.Context, account schemas.AccountID, after storage.Cursor, f filter, limit int) (storage.EventPage, error) {
	found := storage.EventPage{Next: after, More: true}
	for range maxReads {
		page, err := m.events.Events(ctx, account, found.Next, limit-len(found.Events))
		if err != nil {
			return found, err
		}
		for i := range page.Events {
			if f.wants(&page.Events[i]) {
				found.Events = append(found.Events, page.Events[i])
			}
		}
		found.Next, found.More = page.Next, page.More
		if !page.More || len(found.Events) == limit {
			break
		}
	}
	return found, nil
}

// appendEvents appends events as they are stored, as a list.
func appendEvents(dst []byte, rows []storage.EventRow) []byte {
	dst = append(dst, '[')
	for i := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, rows[i].Body...)
	}
	return append(dst, ']')
}

// filter says which events of an account are wanted.
type filter struct {
	types  *regexp.Regexp   // nil: all
	server schemas.ServerID // 0: all
}

func (f *filter) wants(row *storage.EventRow) bool {
	return (f.server == 0 || row.Ref == f.server.Ref()) && (f.types == nil || f.types.MatchString(row.Type))
}

// typePattern is one pattern of ?types=: a type, with or without "ozone." before it, in which * stands for anything.
var typePattern = regexp.MustCompile(`^[a-z_.*]{1,64}$`)

// maxPatterns bounds ?types=.
const maxPatterns = 16

func filterOf(r *edge.Request) (f filter, err error) {
	if server, ok := r.Query("server"); ok {
		id, err := strconv.ParseInt(server, 10, 32)
		if err != nil || id <= 0 {
			return f, bad("server", "the number of a server")
		}
		f.server = schemas.ServerID(id)
	}
	types, ok := r.Query("types")
	if !ok || types == "" {
		return f, nil
	}
	patterns := strings.Split(types, ",")
	for i, p := range patterns {
		if !typePattern.MatchString(p) || len(patterns) > maxPatterns {
			return f, bad("types", "up to 16 types of events like server.resize.end or server.*, separated by commas")
		}
		p = strings.TrimPrefix(p, "ozone.")
		patterns[i] = strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*")
	}
	f.types, err = regexp.Compile(`^ozone\.(` + strings.Join(patterns, "|") + `)$`)
	return f, err
}

func limitOf(r *edge.Request) (int, error) {
	text, ok := r.Query("limit")
	if !ok {
		return defaultLimit, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, bad("limit", "a whole number")
	}
	if n == 0 || n > maxLimit {
		return maxLimit, nil
	}
	return int(n), nil
}

func bad(name, want string) error {
	return schemas.Errorf(schemas.KindInvalid, "The query parameter %s must be %s.", name, want)
}
