package events

import (
	"context"
	"errors"
	"time"

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
		to := follower{stream: s, watch: w, filter: f, now: m.now, spoke: m.now()}
		for err := s.Flush(); err == nil; err = to.send(ctx) {
		}
	}}, nil
}

// follower is a client that follows.
type follower struct {
	stream *edge.Stream
	watch  *edge.Watch
	filter filter
	now    func() time.Time
	spoke  time.Time // when it was sent something
}

// send writes what comes next of what is wanted, or a sign of life; an error ends the stream. Its last event says where to go on.
func (to *follower) send(ctx context.Context) error {
	rows, at, err := to.watch.Next(ctx, edge.Heartbeat)
	silent := true
	for i := range rows {
		if to.filter.wants(&rows[i]) {
			to.stream.Event(string(rows[i].Cursor), "", rows[i].Body)
			silent = false
		}
	}
	switch {
	case errors.Is(err, edge.ErrDraining):
		to.stream.Comment("the service stops here: connect again")
	case err != nil:
		to.stream.Event("", "resync", resync(at, err))
	case silent && to.now().Sub(to.spoke) < edge.Heartbeat:
		return nil
	case silent:
		to.stream.Comment("heartbeat")
		to.stream.Event(string(at), "", nil)
	}
	to.spoke = to.now()
	return errors.Join(err, to.stream.Flush())
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
