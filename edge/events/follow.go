package events

import (
	"context"
	"errors"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/storage"
)

// follow streams the events behind a cursor as they come: behind Last-Event-ID, which a client that comes back sends, behind
// ?after=, or from now on.
func (m *module) follow(ctx context.Context, r *edge.Request, after storage.Cursor, f filter) (edge.Response, error) {
	if last := r.Header("Last-Event-ID"); last != "" {
		after = storage.Cursor(last)
	}
	var err error
	if after == "" {
		after, err = m.events.EventsEnd(ctx)
	} else {
		_, err = m.events.Events(ctx, r.Account, after, 1) // whether it is one, and not gone
	}
	if errors.Is(err, storage.ErrCursorGone) {
		return m.gone(ctx, r.Account)
	}
	if err != nil {
		return edge.Response{}, err
	}
	w, err := m.watches.Watch(r.Account, after)
	if err != nil {
		return edge.Response{}, err
	}
	return edge.Response{Stream: func(s *edge.Stream) {
		defer w.Close()
		s.Event(string(after), "", nil)
		for err := s.Flush(); err == nil; err = send(ctx, s, w, &f) {
		}
	}}, nil
}

// send writes what comes next, or a sign of life; an error ends the stream. Its last event says where to go on.
func send(ctx context.Context, s *edge.Stream, w *edge.Watch, f *filter) error {
	rows, at, err := w.Next(ctx, edge.Heartbeat)
	switch {
	case errors.Is(err, edge.ErrDraining):
		s.Comment("the service stops here: connect again")
	case err != nil:
		s.Event("", "resync", resync(at, err))
	case len(rows) == 0:
		s.Comment("heartbeat")
		s.Event(string(at), "", nil)
	}
	for i := range rows {
		if f.wants(&rows[i]) {
			s.Event(string(rows[i].Cursor), "", rows[i].Body)
		}
	}
	return errors.Join(err, s.Flush())
}

// resync is the notice that a stream ends before it has sent everything.
func resync(at storage.Cursor, why error) []byte {
	reason := "unavailable"
	switch {
	case errors.Is(why, edge.ErrLagged):
		reason = "slow"
	case errors.Is(why, storage.ErrCursorGone):
		reason = "gone"
	}
	doc := edge.AppendString([]byte(`{"reason":`), reason)
	return append(edge.AppendString(append(doc, `,"cursor":`...), string(at)), '}')
}
