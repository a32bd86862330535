package events

import (
	"context"
	"strconv"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// gone is the answer to a cursor behind which events may be missing: it has what to go on from.
func (m *module) gone(ctx context.Context, account schemas.AccountID) (edge.Response, error) {
	doc := []byte(`{"cursorGone":{"code":410,"message":"Events behind this cursor are gone. Go on from the snapshot and its cursor."},"snapshot":`)
	doc, err := m.appendSnapshot(ctx, doc, account)
	return edge.Response{Status: edge.StatusGone, Body: edge.JSON(append(doc, '}'))}, err
}

// snapshot shows all that an account has, with a cursor from which on events tell of every change.
func (m *module) snapshot(ctx context.Context, r *edge.Request) (edge.Response, error) {
	doc, err := m.appendSnapshot(ctx, []byte(`{"snapshot":`), r.Account)
	return edge.Response{Body: edge.JSON(append(doc, '}'))}, err
}

// appendSnapshot reads the cursor first: what changes while the rest is read comes as an event again.
func (m *module) appendSnapshot(ctx context.Context, dst []byte, account schemas.AccountID) ([]byte, error) {
	at, err := m.events.EventsEnd(ctx)
	if err != nil {
		return dst, err
	}
	dst = edge.AppendString(append(dst, `{"cursor":`...), string(at))
	more := false
	for _, list := range []struct {
		name string
		kind schemas.ActorKind
	}{{"servers", schemas.ActorServer}, {"images", schemas.ActorImage}, {"shared_ip_groups", schemas.ActorGroup}} {
		objects, err := m.reader.Objects(ctx, list.kind, account, storage.ObjectFilter{Limit: maxLimit})
		if err != nil {
			return dst, err
		}
		more = more || len(objects) == maxLimit
		dst = append(append(append(dst, `,"`...), list.name...), `":[`...)
		for i := range objects {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, objects[i].Rendered...)
		}
		dst = append(dst, ']')
	}
	return append(strconv.AppendBool(append(dst, `,"more":`...), more), '}'), nil
}
