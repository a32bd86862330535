package inproc

// ring is a double-ended queue that grows by doubling and lets its memory go when it falls empty after a rush.
type ring[T any] struct {
	buf  []T // its length is 0 or a power of two
	head int
	n    int
}

// ringKept is the size in elements up to which an empty ring keeps its memory.
const ringKept = 1024

func (r *ring[T]) push(v T) {
	r.grow()
	r.buf[r.index(r.n)] = v
	r.n++
}

func (r *ring[T]) pushFront(v T) {
	r.grow()
	r.head = r.index(-1)
	r.buf[r.head] = v
	r.n++
}

func (r *ring[T]) pop() T {
	v := r.take(r.head)
	r.head = r.index(1)
	r.shrink()
	return v
}

func (r *ring[T]) popBack() T {
	v := r.take(r.index(r.n - 1))
	r.shrink()
	return v
}

// take empties the slot, so that it holds nothing alive.
func (r *ring[T]) take(i int) T {
	var zero T
	v := r.buf[i]
	r.buf[i] = zero
	r.n--
	return v
}

func (r *ring[T]) index(i int) int { return (r.head + i) & (len(r.buf) - 1) }

func (r *ring[T]) grow() {
	if r.n < len(r.buf) {
		return
	}
	buf := make([]T, max(8, 2*len(r.buf)))
	n := copy(buf, r.buf[r.head:])
	copy(buf[n:], r.buf[:r.head])
	r.buf, r.head = buf, 0
}

func (r *ring[T]) shrink() {
	if r.n == 0 && len(r.buf) > ringKept {
		r.buf, r.head = nil, 0
	}
}
