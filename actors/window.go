package actors

// window knows which deliveries of a consumer are done, so that only a contiguous prefix is acknowledged.
type window struct {
	open []slot // in order of arrival
}

type slot struct {
	tag     uint64
	done    bool
	arrived *arrived
}

// add notes a delivery.
func (w *window) add(a *arrived) {
	w.open = append(w.open, slot{tag: a.delivery.Tag, arrived: a})
}

// done marks a delivery; ok tells that the prefix grew, and upTo is its end.
func (w *window) done(tag uint64) (upTo uint64, ok bool) {
	for i := range w.open {
		if w.open[i].tag == tag {
			w.open[i].done = true
			break
		}
	}
	for len(w.open) > 0 && w.open[0].done {
		upTo, ok = w.open[0].tag, true
		w.open[0] = slot{}
		w.open = w.open[1:]
	}
	return upTo, ok
}

// pending are the deliveries that are not done, in order.
func (w *window) pending() []*arrived {
	var list []*arrived
	for _, s := range w.open {
		if !s.done {
			list = append(list, s.arrived)
		}
	}
	return list
}
