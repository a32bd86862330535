package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// cursor is what is in a storage.Cursor.
type cursor struct {
	incarnation string // of the store: another one may have other events at the same place
	place       Place
	time        int64 // as it is stored: what is behind the place was committed later, or about then
}

func (c cursor) text() storage.Cursor {
	return storage.Cursor(fmt.Sprintf("%s-%d-%d-%d", c.incarnation, c.place.Xact, c.place.Position, c.time))
}

// parseCursor is the cursor of a text; "" is before everything.
func parseCursor(text storage.Cursor) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	refused := schemas.Errorf(schemas.KindInvalid, "this is no cursor of this cloud")
	parts := strings.Split(string(text), "-")
	if len(parts) != 4 {
		return c, refused
	}
	c.incarnation = parts[0]
	if c.place.Xact, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return c, refused
	}
	if c.place.Position, err = strconv.ParseInt(parts[2], 10, 64); err != nil {
		return c, refused
	}
	if c.time, err = strconv.ParseInt(parts[3], 10, 64); err != nil {
		return c, refused
	}
	return c, nil
}

// logState is what the store says about its log.
type logState struct {
	Incarnation string `db:"incarnation"`
	Swept       int64  `db:"events_swept"` // events before this time may be gone
}

func readLogState(ctx context.Context, tx *sqlx.Tx) (s logState, err error) {
	err = tx.GetContext(ctx, &s, `SELECT incarnation, events_swept FROM store`)
	return s, err
}

// commitDelay is how much later than it was decided an event is committed at most, a database that is away for a while
// included: a cursor of that age counts as gone too early rather than too late.
const commitDelay = time.Hour

// gone tells whether events behind the cursor may be missing.
func (c cursor) gone(s logState) bool {
	return c.incarnation != s.Incarnation || s.Swept > 0 && c.time < s.Swept+commitDelay.Microseconds()
}
