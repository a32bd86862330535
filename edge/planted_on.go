//go:build planted

package edge

import "os"

// plantPanic is a defect that OZONE_PLANT can name. A test must find it; no release has it.
const plantPanic = "handler-panic"

var planted = os.Getenv("OZONE_PLANT")

// plantDefect panics for a request that has "planted" in its query.
func plantDefect(r *Request) {
	if _, asked := r.Query("planted"); asked && planted == plantPanic {
		panic("planted")
	}
}
