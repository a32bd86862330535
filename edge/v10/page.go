package v10

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// maxItems is the most that one list shows. Source: API guide v1.0, "Paginated Collections".
const maxItems = 1000

// filter reads which part of a list is asked for. A limit of 0, or a larger one than maxItems, means maxItems.
func filter(r *edge.Request) (f storage.ObjectFilter, err error) {
	if f.Since, err = since(r); err != nil {
		return f, err
	}
	limit, _, err := whole(r, "limit", maxItems)
	if err != nil {
		return f, err
	}
	if limit == 0 {
		limit = maxItems
	}
	offset, _, err := whole(r, "offset", math.MaxInt32)
	f.Offset, f.Limit = int(offset), int(limit)
	return f, err
}

// maxTime is the last second that the store can tell, in Unix time: nothing changes later.
const maxTime = 253402300799 // 9999-12-31

// since reads changes-since, which is in seconds of Unix time; zero: it is not there.
func since(r *edge.Request) (time.Time, error) {
	seconds, ok, err := whole(r, "changes-since", maxTime)
	if err != nil || !ok {
		return time.Time{}, err
	}
	return time.Unix(seconds, 0), nil
}

// whole reads a query parameter that is a whole number of any length, capped at most; ok is false when it is not there.
func whole(r *edge.Request, name string, most int64) (n int64, ok bool, err error) {
	text, ok := r.Query(name)
	if !ok {
		return 0, false, nil
	}
	if strings.Trim(text, "0123456789") != "" || text == "" {
		return 0, true, schemas.Errorf(schemas.KindInvalid, "The query parameter %s must be a whole number.", name)
	}
	n, err = strconv.ParseInt(text, 10, 64)
	if err != nil || n > most {
		return most, true, nil //nolint:nilerr // digits alone: it is only too large
	}
	return n, true, nil
}

// notModified says that nothing changed since the time that the client gave.
var notModified = edge.Response{Status: http.StatusNotModified}

// newest is when the latest of the objects changed.
func newest(objects []storage.Object) time.Time {
	var t time.Time
	for i := range objects {
		if objects[i].Updated.After(t) {
			t = objects[i].Updated
		}
	}
	return t
}
