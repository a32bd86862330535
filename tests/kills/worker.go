package kills

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
)

// worker is one client: it sends commands to servers of its own, one after another.
type worker struct {
	run     *run
	tenant  *tenant
	number  int
	sent    int
	tried   int // resizes with a probe
	random  *rand.Rand
	servers []int64
	guests  map[int64]string // of servers: what probes meet there
	alone   map[int64]bool   // servers whose last resize its probe is to decide
	images  []int64
	later   []*command // to be repeated in the cloud's next life
	life    int        // of the cloud, in which the last command was sent
}

// mostServers is how many servers a client has.
const mostServers = 3

func newWorker(r *run, i int) *worker {
	return &worker{
		run: r, tenant: r.tenants[i%len(r.tenants)], number: i, guests: map[int64]string{}, alone: map[int64]bool{},
		random: rand.New(rand.NewPCG(r.cfg.Seed, uint64(i)+1)), //nolint:gosec // repeatable on purpose
	}
}

// work sends commands until ctx ends.
func (w *worker) work(ctx context.Context) {
	for {
		life, ok := w.run.gate.pass(ctx)
		if !ok {
			return
		}
		if life != w.life {
			w.life = life
			w.repeatLater(ctx)
		}
		w.step(ctx)
	}
}

func (w *worker) repeatLater(ctx context.Context) {
	for _, c := range w.later {
		w.send(ctx, c)
	}
	w.later = nil
}

// step sends one command and, mostly, waits for its end.
func (w *worker) step(ctx context.Context) {
	c := w.next(ctx)
	if c == nil {
		return
	}
	w.run.journal.add(c)
	w.sendAndRepeat(ctx, c)
	w.keep(c)
	operation, ok := c.accepted()
	if c.action == "server.resize" && (ok || !c.decided()) {
		w.alone[c.server] = ok && c.trial != nil && c.trial.alone
	}
	if !ok || w.random.Float64() < w.run.cfg.Hurry {
		return
	}
	w.await(ctx, operation)
}

// await waits for the end of an operation, over the node's deaths.
func (w *worker) await(ctx context.Context, operation string) {
	for {
		if _, ok := w.run.gate.pass(ctx); !ok {
			return
		}
		o, reply, err := w.tenant.pick().Operation(ctx, operation, 5)
		if err == nil && o.Terminal() || reply != nil && reply.Status == http.StatusNotFound {
			return
		}
		if err != nil {
			pause(ctx, 20*time.Millisecond)
		}
	}
}

// next is the next command; nil when nothing can be sent right now.
func (w *worker) next(ctx context.Context) *command {
	if len(w.servers) < mostServers && (len(w.servers) == 0 || w.random.IntN(2) == 0) {
		return w.create()
	}
	if len(w.images) > 0 && w.random.IntN(5) == 0 {
		i := w.random.IntN(len(w.images))
		id := w.images[i]
		w.images = append(w.images[:i], w.images[i+1:]...)
		return w.command("image.delete", http.MethodDelete, "/images/"+itoa(id), "")
	}
	id := w.servers[w.random.IntN(len(w.servers))]
	s, reply, err := w.tenant.pick().Server(ctx, id)
	switch {
	case reply != nil && reply.Status == http.StatusNotFound:
		w.drop(id)
		return nil
	case err != nil || s.Status == "VERIFY_RESIZE" && w.alone[id]:
		pause(ctx, 20*time.Millisecond)
		return nil
	}
	return w.act(id, s.Status)
}

func (w *worker) drop(id int64) {
	for i, s := range w.servers {
		if s == id {
			w.servers = append(w.servers[:i], w.servers[i+1:]...)
			return
		}
	}
}

// acts are what a client does to a server that is ACTIVE, by weight.
var acts = []struct {
	weight int
	make   func(w *worker, id int64) *command
}{
	{14, func(w *worker, id int64) *command { return w.action("server.reboot", id, `{"reboot":{"type":"SOFT"}}`) }},
	{12, func(w *worker, id int64) *command { return w.action("server.reboot", id, `{"reboot":{"type":"HARD"}}`) }},
	{14, func(w *worker, id int64) *command { return w.action("server.rebuild", id, `{"rebuild":{"imageId":2}}`) }},
	{16, (*worker).resize},
	{14, func(w *worker, id int64) *command {
		return w.command("server.image", http.MethodPost, "/images", fmt.Sprintf(`{"image":{"serverId":%d,"name":"i%d"}}`, id, w.sent))
	}},
	{6, func(w *worker, id int64) *command {
		return w.put(id, fmt.Sprintf(`{"server":{"name":"w%d-renamed%d"}}`, w.number, w.sent))
	}},
	{14, func(w *worker, id int64) *command {
		return w.put(id, fmt.Sprintf(`{"server":{"adminPass":"secret%d"}}`, w.sent))
	}},
	{10, (*worker).remove},
}

// act picks a command for a server by its status.
func (w *worker) act(id int64, status string) *command {
	switch status {
	case "VERIFY_RESIZE":
		switch w.random.IntN(8) {
		case 0:
			return w.remove(id)
		case 1, 2, 3, 4:
			return w.action("server.resize_confirm", id, `{"confirmResize":null}`)
		default:
			return w.action("server.resize_revert", id, `{"revertResize":null}`)
		}
	case "ERROR":
		return w.remove(id)
	default: // in a passing status it is refused, which is a good question too
		total := 0
		for _, a := range acts {
			total += a.weight
		}
		n := w.random.IntN(total)
		for _, a := range acts {
			if n -= a.weight; n < 0 {
				return a.make(w, id)
			}
		}
		return nil
	}
}

func (w *worker) create() *command {
	w.sent++
	guest := guests[w.random.IntN(len(guests))]
	c := w.command("server.create", http.MethodPost, "/servers", fmt.Sprintf(
		`{"server":{"name":"w%d-%d","imageId":%d,"flavorId":%d,"metadata":{"sim.probe":%q}}}`, w.number, w.sent, 1+w.random.IntN(3), 1+w.random.IntN(3), guest))
	c.guest = guest
	return c
}

// resize brings a probe every third time. Such a command has a key: its end is known.
func (w *worker) resize(id int64) *command {
	flavor := 1 + w.random.IntN(4)
	c := w.action("server.resize", id, fmt.Sprintf(`{"resize":{"flavorId":%d}}`, flavor))
	if w.random.IntN(3) == 0 {
		w.tried++
		c.trial = newTrial(w.random, w.guests[id], flavor, w.tried)
		c.key, c.body = w.key(), c.trial.body
	}
	return c
}

func (w *worker) remove(id int64) *command {
	return w.about(id, "server.delete", http.MethodDelete, "", "")
}

func (w *worker) put(id int64, body string) *command {
	return w.about(id, "server.update", http.MethodPut, "", body)
}

func (w *worker) action(action string, id int64, body string) *command {
	return w.about(id, action, http.MethodPost, "/action", body)
}

// about makes a command for a server.
func (w *worker) about(id int64, action, method, below, body string) *command {
	c := w.command(action, method, "/servers/"+itoa(id)+below, body)
	c.server = id
	return c
}

// command makes a command; one of ten has no key.
func (w *worker) command(action, method, path, body string) *command {
	w.sent++
	c := &command{tenant: w.tenant, action: action, method: method, path: path, body: body}
	if w.random.IntN(10) > 0 {
		c.key = w.key()
	}
	return c
}

// key is that of the latest command.
func (w *worker) key() string { return fmt.Sprintf("w%d-%d", w.number, w.sent) }

// sendAndRepeat sends a command once or, for some, more often: at the same time, right after, or in the cloud's next life.
// One whose outcome is unknown is mostly repeated until it is known.
func (w *worker) sendAndRepeat(ctx context.Context, c *command) {
	if c.key == "" || w.random.Float64() >= w.run.cfg.Repeats {
		w.send(ctx, c)
		w.insist(ctx, c)
		return
	}
	switch w.random.IntN(3) {
	case 0:
		var all sync.WaitGroup
		for range 2 + w.random.IntN(3) {
			all.Go(func() { w.send(ctx, c) })
		}
		all.Wait()
	case 1:
		for range 2 + w.random.IntN(3) {
			w.send(ctx, c)
		}
	default:
		w.send(ctx, c)
		w.later = append(w.later, c)
	}
}

func (w *worker) insist(ctx context.Context, c *command) {
	if c.key == "" || w.random.IntN(5) == 0 { // some never learn; the judge does
		return
	}
	for !c.decided() {
		if _, ok := w.run.gate.pass(ctx); !ok {
			return
		}
		w.send(ctx, c)
	}
}

// retryAfter is how long a client waits after a 503. It is less than the answer says: the sooner, the harder.
const retryAfter = 250 * time.Millisecond

func (w *worker) send(ctx context.Context, c *command) {
	if a := c.send(ctx); a.status == http.StatusServiceUnavailable {
		pause(ctx, retryAfter)
	}
}

// send sends the command and notes the answer. Nobody hangs up: only the node's death leaves a command without an answer.
func (c *command) send(ctx context.Context) answer {
	if c.overBus() {
		return c.tenant.program.send(ctx, c)
	}
	var body any
	if c.body != "" {
		body = c.body
	}
	var header []string
	if c.key != "" {
		header = []string{"Idempotency-Key", c.key}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	a := answer{sent: time.Now()}
	reply, err := c.tenant.ask(func(at *client.Client) (*client.Reply, error) {
		if c.trial != nil { // v1.0 knows no probes
			return at.Ozone(ctx, c.method, c.path, body, header...)
		}
		return at.Do(ctx, c.method, c.path, body, header...)
	})
	a.came = time.Now()
	if err != nil {
		c.note(a)
		return a
	}
	a.status, a.operation = reply.Status, reply.Operation()
	if fault := reply.Fault(); fault != nil {
		a.full = fault.Name == "serverCapacityUnavailable"
		a.unknown = strings.Contains(fault.Details, "Whether the request was accepted")
	}
	c.note(a)
	if reply.Status != http.StatusAccepted || c.method != http.MethodPost {
		return a
	}
	var made struct {
		ID int64 `json:"id"`
	}
	if reply.Decode("server", &made) == nil || reply.Decode("image", &made) == nil {
		c.made(made.ID)
	}
	return a
}

// keep remembers what an accepted command made.
func (w *worker) keep(c *command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.created == 0:
	case c.action == "server.create":
		w.servers, w.guests[c.created] = append(w.servers, c.created), c.guest
	case c.action == "server.image":
		w.images = append(w.images, c.created)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
