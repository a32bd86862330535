package core

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// world is a cluster under random load, beside the rows as a store would have them.
type world struct {
	*rig
	rnd     *rand.Rand
	hosts   map[schemas.HostID]schemas.Host
	rows    map[copyKey]schemas.Reservation
	ips     map[string]schemas.Address
	answers map[copyKey]*schemas.Allocated // grants
	asked   []*schemas.Allocate
}

// TestRandomLoadKeepsTheSums plays random allocates, repetitions, releases and host changes against the rows.
func TestRandomLoadKeepsTheSums(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := &world{
				rig: newRig(t), rnd: rand.New(rand.NewPCG(seed, 1)), hosts: map[schemas.HostID]schemas.Host{},
				rows: map[copyKey]schemas.Reservation{}, ips: map[string]schemas.Address{}, answers: map[copyKey]*schemas.Allocated{},
			}
			w.state.Public.CIDR, w.state.Private.CIDR = "192.0.2.0/27", "10.1.0.0/26"
			for range 300 {
				w.step()
				w.check()
			}
		})
	}
}

func (w *world) step() {
	w.t.Helper()
	w.now = w.now.Add(time.Duration(w.rnd.IntN(20)) * time.Second)
	switch n := w.rnd.IntN(10); {
	case n < 4 || len(w.asked) == 0:
		w.allocateNew()
	case n < 5:
		w.repeat(w.asked[w.rnd.IntN(len(w.asked))])
	case n < 9:
		w.releaseSome(w.asked[w.rnd.IntN(len(w.asked))])
	default:
		w.changeHost()
	}
}

func (w *world) allocateNew() {
	m := w.allocate(schemas.ServerID(w.rnd.IntN(60)+1), 0, schemas.FlavorID(w.rnd.IntN(4)+1))
	m.Account = schemas.AccountID(m.Server%7 + 1)
	m.Copy = len(w.asked) + 1
	m.Operation = schemas.OperationID(fmt.Sprintf("op-%d", m.Copy))
	m.Addresses = w.rnd.IntN(3) > 0
	m.Avoid = schemas.HostID(w.rnd.IntN(6))
	if w.rnd.IntN(20) == 0 {
		w.releaseSome(m) // the release overtakes it
	}
	w.asked = append(w.asked, m)
	w.repeat(m)
}

// repeat sends an allocate, perhaps again, and holds its answer against the first one.
func (w *world) repeat(m *schemas.Allocate) {
	key := keyOf(m.Server, m.Copy)
	row, known := w.rows[key]
	e := w.do(m)
	got := answerOf(w.t, e, m.Account)
	first := w.answers[key]
	switch {
	case first != nil && !row.Released && (got.Host != first.Host || got.Refused != nil):
		w.t.Fatalf("repeated allocate got %+v, want %+v", got, first)
	case known && row.Released && got.Refused == nil:
		w.t.Fatalf("allocate got %+v after its tombstone %+v", got, row)
	case known && len(e.Reservations)+len(e.Addresses) > 0:
		w.t.Fatalf("repeated allocate changed rows: %+v", e)
	}
	if got.Refused == nil {
		w.answers[key] = got
	}
}

func (w *world) releaseSome(m *schemas.Allocate) {
	e := w.do(&schemas.Release{
		V: 1, Operation: "x", Cluster: 1, Account: m.Account, Server: m.Server, Copy: m.Copy, Addresses: w.rnd.IntN(2) == 0,
	})
	if len(e.Letters) != 1 || e.Letters[0].Type != schemas.TypeReleased {
		w.t.Fatalf("release answered with %+v", e.Letters)
	}
}

func (w *world) changeHost() {
	id := schemas.HostID(w.rnd.IntN(6) + 1)
	h, ok := w.hosts[id]
	if !ok {
		h = hostUp(id, 1024+w.rnd.Int64N(4096), 40+w.rnd.Int64N(400))
	} else {
		h.State = []schemas.HostState{schemas.HostUp, schemas.HostLost, schemas.HostFenced, schemas.HostUp}[w.rnd.IntN(4)]
		h.RAMMiB += w.rnd.Int64N(256)
	}
	was := w.hosts[id]
	servers := map[schemas.ServerID]bool{}
	for _, r := range w.rows {
		if r.Host == id && !r.Released {
			servers[r.Server] = true
		}
	}
	w.hosts[id] = h
	e := w.do(HostChanged{Host: h, Change: 1})
	want := len(servers)
	if was.State == h.State {
		want = 0
	}
	if len(e.Ask) != want {
		w.t.Fatalf("host %d from %q to %q asked %d servers, want %d", id, was.State, h.State, len(e.Ask), want)
	}
}

// do decides a message and writes its rows as a store would.
func (w *world) do(m any) Effects {
	w.t.Helper()
	e := w.tell(m)
	for _, r := range e.Reservations {
		w.rows[keyOf(r.Server, r.Copy)] = r
	}
	for _, a := range e.Addresses {
		if was, ok := w.ips[a.IP]; ok && a.Server != 0 && (was.Server != 0 || was.FreeAt.After(w.now)) {
			w.t.Fatalf("address %+v was given out while %+v", a, was)
		}
		w.ips[a.IP] = a
	}
	return e
}

// check holds the index against the rows, and against an index that is built from them.
func (w *world) check() {
	w.t.Helper()
	ram, disk := map[schemas.HostID]int64{}, map[schemas.HostID]int64{}
	var rows []schemas.Reservation
	for _, r := range w.rows {
		rows = append(rows, r)
		if !r.Released {
			ram[r.Host] += r.RAMMiB
			disk[r.Host] += r.DiskGB
		}
	}
	for _, h := range w.x.hosts {
		if h.usedRAM != ram[h.id] || h.usedDisk != disk[h.id] || h.usedRAM > h.ram || h.usedDisk > h.disk {
			w.t.Fatalf("host %d: in use %d MiB of %d, %d GB of %d; rows say %d and %d", h.id, h.usedRAM, h.ram, h.usedDisk, h.disk, ram[h.id], disk[h.id])
		}
	}
	held := map[string]schemas.Address{}
	var addresses []schemas.Address
	for _, a := range w.ips {
		addresses = append(addresses, a)
		if key := fmt.Sprint(a.Server, a.Public); a.Server != 0 {
			if other, ok := held[key]; ok {
				w.t.Fatalf("a server has two addresses: %+v and %+v", a, other)
			}
			held[key] = a
		}
	}
	w.checkReload(rows, addresses)
}

func (w *world) checkReload(rows []schemas.Reservation, addresses []schemas.Address) {
	w.t.Helper()
	var hosts []schemas.Host
	for _, h := range w.x.hosts { // in the same order, for equal slots
		hosts = append(hosts, w.hosts[h.id])
	}
	y := NewIndex(w.state, hosts, rows, addresses)
	for i := range y.hosts {
		if !reflect.DeepEqual(w.x.hosts[i], y.hosts[i]) {
			w.t.Fatalf("host %+v is %+v when built from rows", w.x.hosts[i], y.hosts[i])
		}
	}
	if !reflect.DeepEqual(w.x.live, y.live) || !reflect.DeepEqual(w.x.spread, y.spread) {
		w.t.Fatal("the reservations differ from those built from rows")
	}
	if !reflect.DeepEqual(w.x.servers, y.servers) {
		w.t.Fatalf("addresses %v are %v when built from rows", w.x.servers, y.servers)
	}
	if len(w.x.public) != len(y.public) || len(w.x.private) != len(y.private) {
		w.t.Fatalf("%d and %d addresses rest, %d and %d when built from rows", len(w.x.public), len(w.x.private), len(y.public), len(y.private))
	}
}

// BenchmarkAllocate places a server among 1,000 hosts that hold 100,000 of 1,000 accounts.
func BenchmarkAllocate(b *testing.B) {
	hosts, rows := crowd(1000, 100_000)
	r := newRig(b)
	r.x = NewIndex(r.state, hosts, rows, nil)
	m := r.allocate(1<<30, 7, 1)
	in := Input{Now: r.now, Rules: r.rules}
	b.ReportAllocs()
	for b.Loop() {
		if _, e, err := DecideCluster(r.state, r.x, m, in); err != nil || len(e.Reservations) != 1 {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuse refuses a server that 1,000 hosts have no room for.
func BenchmarkRefuse(b *testing.B) {
	hosts, rows := crowd(1000, 100_000)
	r := newRig(b)
	r.x = NewIndex(r.state, hosts, rows, nil)
	m := r.allocate(1<<30, 7, 1)
	m.Flavor.RAMMiB = 1 << 30
	in := Input{Now: r.now, Rules: r.rules}
	for b.Loop() {
		if _, _, err := DecideCluster(r.state, r.x, m, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIndex measures what a million reservations and two million addresses weigh.
func BenchmarkIndex(b *testing.B) {
	const n = 1_000_000
	hosts, rows := crowd(1000, n)
	addresses := make([]schemas.Address, 0, 2*n)
	for i := range n {
		addresses = append(addresses,
			schemas.Address{IP: ip4{11, byte(i >> 16), byte(i >> 8), byte(i)}.String(), Public: true, Server: schemas.ServerID(i + 1)},
			schemas.Address{IP: ip4{10, byte(i >> 16), byte(i >> 8), byte(i)}.String(), Server: schemas.ServerID(i + 1)})
	}
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		x := NewIndex(schemas.Cluster{ID: 1}, hosts, rows, addresses)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/server")
		runtime.KeepAlive(x)
	}
}

func crowd(hosts, servers int) ([]schemas.Host, []schemas.Reservation) {
	list := make([]schemas.Host, 0, hosts)
	for i := range hosts {
		list = append(list, hostUp(schemas.HostID(i+1), 1<<20, 1<<20))
	}
	rows := make([]schemas.Reservation, 0, servers)
	for i := range servers {
		rows = append(rows, schemas.Reservation{
			Cluster: 1, Host: schemas.HostID(i%hosts + 1), Account: schemas.AccountID(i/100 + 1), Server: schemas.ServerID(i + 1), Copy: 1,
			Operation: "01900000-0000-7000-8000-000000000000", RAMMiB: 256, DiskGB: 10,
		})
	}
	return list, rows
}
