package v10

import (
	"math"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// maxItems is the most that one list shows. Source: API guide v1.0, "Paginated Collections".
const maxItems = 1000

// page reads limit and offset. A limit of 0, or a larger one than maxItems, means maxItems.
func page(r *edge.Request) (offset, limit int, err error) {
	if limit, err = count(r, "limit"); err != nil {
		return 0, 0, err
	}
	if limit == 0 || limit > maxItems {
		limit = maxItems
	}
	offset, err = count(r, "offset")
	return offset, limit, err
}

// count reads a query parameter that is a whole number of any length, capped at 2^31-1; absent: 0.
func count(r *edge.Request, name string) (int, error) {
	text, ok := r.Query(name)
	if !ok {
		return 0, nil
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			text = ""
			break
		}
	}
	if text == "" {
		return 0, schemas.Errorf(schemas.KindInvalid, "The query parameter %s must be a whole number.", name)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > math.MaxInt32 {
		return math.MaxInt32, nil //nolint:nilerr // digits alone: it is only too large
	}
	return int(n), nil
}

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
