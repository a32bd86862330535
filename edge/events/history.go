package events

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// history shows the changes of a server behind ?after=, a sequence; with ?at= the server as it was shown at that time.
func (m *module) history(ctx context.Context, r *edge.Request) (edge.Response, error) {
	id, err := r.ID()
	if err != nil {
		return edge.Response{}, err
	}
	source := schemas.ServerID(id).Ref()
	if at, ok := r.Query("at"); ok {
		return m.serverAt(ctx, r.Account, source, at)
	}
	f := storage.HistoryFilter{Source: source}
	if f.Limit, err = limitOf(r); err != nil {
		return edge.Response{}, err
	}
	if after, ok := r.Query("after"); ok {
		if f.After, err = strconv.ParseInt(after, 10, 64); err != nil || f.After < 0 {
			return edge.Response{}, bad("after", "the sequence of an event")
		}
	}
	rows, err := m.events.History(ctx, r.Account, f)
	if err != nil {
		return edge.Response{}, err
	}
	if len(rows) == 0 { // it may be there and be quiet for long
		if err := m.known(ctx, r.Account, source); err != nil {
			return edge.Response{}, err
		}
	}
	doc := append(appendEvents([]byte(`{"history":`), rows), '}')
	return edge.Response{Body: edge.JSON(doc)}, nil
}

// known is an error when the account has no such source and no event of it is kept.
func (m *module) known(ctx context.Context, account schemas.AccountID, source schemas.Ref) error {
	rows, err := m.events.History(ctx, account, storage.HistoryFilter{Source: source, Limit: 1})
	if err != nil || len(rows) > 0 {
		return err
	}
	_, err = m.reader.Object(ctx, source.Kind, account, source.ID)
	return err
}

// serverAt shows a server as it was at a time: what the last event before has left, or what the first one after it has found.
func (m *module) serverAt(ctx context.Context, account schemas.AccountID, source schemas.Ref, text string) (edge.Response, error) {
	at, err := timeOf(text)
	if err != nil {
		return edge.Response{}, err
	}
	rows, err := m.events.History(ctx, account, storage.HistoryFilter{Source: source, Until: at, Last: true, Limit: 1})
	if err != nil {
		return edge.Response{}, err
	}
	if len(rows) > 0 {
		return shown(imageAfter(&rows[0]))
	}
	if rows, err = m.events.History(ctx, account, storage.HistoryFilter{Source: source, Limit: 1}); err != nil {
		return edge.Response{}, err
	}
	if len(rows) > 0 {
		return shown(imageBefore(&rows[0]))
	}
	o, err := m.reader.Object(ctx, source.Kind, account, source.ID) // no event is kept: it is as it was
	return edge.Response{Body: edge.JSON(envelope(o.Rendered))}, err
}

// timeOf reads RFC 3339 or seconds of Unix time.
func timeOf(text string) (time.Time, error) {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Unix(int64(seconds), 0), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1970 {
		return at, bad("at", "a time like 2026-01-02T03:04:05Z or seconds of Unix time")
	}
	return at, nil
}

// shown is a server as a history shows it; nil: it was not there.
func shown(image json.RawMessage, err error) (edge.Response, error) {
	if err == nil && image == nil {
		err = storage.ErrNotFound
	}
	return edge.Response{Body: edge.JSON(envelope(image))}, err
}

func envelope(image []byte) []byte { return append(append([]byte(`{"server":`), image...), '}') }

// imageAfter is what an event shows of its server, nil when it is gone.
func imageAfter(row *storage.EventRow) (json.RawMessage, error) {
	var e schemas.Event
	if err := json.Unmarshal(row.Body, &e); err != nil {
		return nil, err
	}
	if string(e.Data.Server) == "null" {
		return nil, nil
	}
	return e.Data.Server, nil
}

// imageBefore is what was shown of a server until an event, nil when nothing was.
func imageBefore(row *storage.EventRow) (json.RawMessage, error) {
	var e schemas.Event
	err := json.Unmarshal(row.Body, &e)
	gone := string(e.Data.Server) == "null"
	if err != nil || row.Sequence == 1 || gone && e.Data.Before == nil {
		return nil, err
	}
	if gone {
		return e.Data.Before, nil
	}
	var view schemas.ServerView
	before := map[string]json.RawMessage{}
	if err := json.Unmarshal(e.Data.Server, &before); err != nil {
		return nil, err
	}
	changed := map[string]json.RawMessage{}
	if e.Data.Before != nil {
		if err := json.Unmarshal(e.Data.Before, &changed); err != nil {
			return nil, err
		}
	}
	maps.Copy(before, changed)
	return inOrder(before, &view)
}

// inOrder is a view's fields in the order in which the API shows them.
func inOrder(fields map[string]json.RawMessage, view any) (json.RawMessage, error) {
	doc, err := json.Marshal(fields)
	if err == nil {
		err = json.Unmarshal(doc, view)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(view)
}

// around covers the clocks of the machines that wrote an operation and its events.
const around = time.Minute

// ofOperation shows the events of one operation, which are those of its target.
func (m *module) ofOperation(ctx context.Context, r *edge.Request) (edge.Response, error) {
	op, err := m.operations.Get(ctx, r.Account, schemas.OperationID(r.Param("operation")))
	if err != nil {
		return edge.Response{}, err
	}
	f := storage.HistoryFilter{Source: op.Target, Since: op.Created.Add(-around), Limit: maxLimit}
	if op.Ended != nil {
		f.Until = op.Ended.Add(around)
	}
	var found []storage.EventRow
	for more := op.Target.ID != 0; more; {
		rows, err := m.events.History(ctx, r.Account, f)
		if err != nil {
			return edge.Response{}, err
		}
		for i := range rows {
			f.After = rows[i].Sequence
			mine, err := isOf(&rows[i], op.ID)
			if err != nil {
				return edge.Response{}, err
			}
			if mine {
				found = append(found, rows[i])
			}
		}
		more = len(rows) == f.Limit
	}
	return edge.Response{Body: edge.JSON(append(appendEvents([]byte(`{"events":`), found), '}'))}, nil
}

// isOf tells whether an event belongs to an operation.
func isOf(row *storage.EventRow, id schemas.OperationID) (bool, error) {
	var e struct {
		CorrelationID schemas.OperationID `json:"correlationid"`
	}
	err := json.Unmarshal(row.Body, &e)
	if err != nil {
		return false, errors.Join(errors.New("event "+row.Ref.String()), err)
	}
	return e.CorrelationID == id, nil
}
