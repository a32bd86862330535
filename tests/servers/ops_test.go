package servers_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq" // a driver
	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/rig"
	"github.com/ozonecloud/ozone/tests/wire"
)

// watchQueue is an operator's.
const watchQueue = "ops.watch"

// watch makes an operator's queue of the events of hosts as docs/bus.md says, before there is any node, and a user that may read it
// and nothing else.
func (p *processes) watch(t *testing.T) {
	t.Helper()
	vhost := path.Base(p.bus)
	for _, step := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPut, "/api/exchanges/" + vhost + "/ozone.ops", map[string]any{"type": "topic", "durable": true}},
		{http.MethodPut, "/api/queues/" + vhost + "/" + watchQueue, map[string]any{
			"durable": true, "arguments": map[string]any{"x-queue-type": "quorum", "x-max-length": 100000, "x-overflow": "drop-head"},
		}},
		{http.MethodPost, "/api/bindings/" + vhost + "/e/ozone.ops/q/" + watchQueue, map[string]string{"routing_key": "#"}},
		{http.MethodPut, "/api/users/watch", map[string]string{"password": "sesame", "tags": ""}},
		{http.MethodPut, "/api/permissions/" + vhost + "/watch", map[string]string{"configure": "^$", "write": "^$", "read": `^ops\.watch$`}},
	} {
		if err := p.broker.Admin(t.Context(), step.method, step.path, step.body); err != nil {
			t.Fatal(err)
		}
	}
	p.ops = rig.ChangeURL(t, p.bus, func(u *url.URL) { u.User = url.UserPassword("watch", "sesame") })
}

// mayWrite says to what the nodes may write.
func (p *processes) mayWrite(t *testing.T, pattern string) {
	t.Helper()
	rights := map[string]string{"configure": ".*", "write": pattern, "read": ".*"}
	if err := p.broker.Admin(t.Context(), http.MethodPut, "/api/permissions/"+path.Base(p.bus)+"/ozone", rights); err != nil {
		t.Fatal(err)
	}
}

// watches fences a host while nodes may not write to the operators' topic, as after an upgrade, which harms nothing else, and
// kills all engines before they can have sent it. The operator has every event of the log all the same.
func (p *processes) watches(t *testing.T) {
	p.mayWrite(t, `^(?!ozone\.ops$)`)
	p.command(t, "host", "fence", "101")
	eventually(t, "a node says what it lacks", func() bool { return strings.Contains(p.engine.Log()+p.second.Log(), "access to exchange 'ozone.ops'") })
	r, err := p.tenant[0].Do(t.Context(), http.MethodPost, "/shared_ip_groups", []byte(`{"sharedIpGroup":{"name":"beside"}}`))
	if err != nil || r.Status/100 != 2 {
		t.Errorf("a command beside it: %+v, %v", r, err)
	}
	for _, n := range []*node.Node{p.engine, p.second} {
		if err := n.Kill9(); err != nil {
			t.Fatal(err)
		}
	}
	p.mayWrite(t, ".*")
	for _, n := range []*node.Node{p.engine, p.second} {
		if _, err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	consume := exec.CommandContext(t.Context(), "timeout", "60", "amqp-consume", "--url="+p.ops, "--queue="+watchQueue, "--count=1", "cat")
	first, err := consume.Output()
	if err != nil {
		t.Fatalf("amqp-consume: %v", err)
	}
	w := &watcher{processes: p, t: t, stored: p.hostEvents(t), last: map[string]int{}}
	w.event(first)
	w.read(p.ops)
}

// hostEvents are those of the log, by their ids.
func (p *processes) hostEvents(t *testing.T) map[string]string {
	t.Helper()
	db, err := sql.Open("postgres", p.store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), `SELECT kind || '-' || source || '-' || sequence, body FROM event WHERE kind = 'host'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	stored := map[string]string{}
	for rows.Next() {
		var id, body string
		if err := rows.Scan(&id, &body); err != nil {
			t.Fatal(err)
		}
		stored[id] = body
	}
	if err := rows.Err(); err != nil || len(stored) < 12 {
		t.Fatalf("%d events of hosts in the log, %v", len(stored), err)
	}
	return stored
}

// watcher is an operator's program.
type watcher struct {
	*processes

	t      *testing.T
	stored map[string]string // what is in the log
	last   map[string]int    // by host
	count  int               // of events, without repetitions
}

// read takes what is in the queue until it has had all that is stored.
func (w *watcher) read(where string) {
	w.t.Helper()
	conn, err := amqp091.Dial(where)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		w.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); w.count < len(w.stored); {
		m, there, err := ch.Get(watchQueue, true)
		switch {
		case err != nil:
			w.t.Fatal(err)
		case !there && time.Now().After(end):
			w.t.Fatalf("an operator has %d events, up to %v, and %d are in the log", w.count, w.last, len(w.stored))
		case !there:
			continue
		}
		e := w.event(m.Body)
		host, action := strings.TrimPrefix(e.PartitionKey, "host-"), strings.TrimPrefix(e.Type, "ozone.host.")
		if want := fmt.Sprintf("-.host.%s.%s.-", host, action); m.RoutingKey != want || m.MessageId != e.ID || m.Type != e.Type {
			w.t.Errorf("event %s has the key %s, want %s, and the type %s", e.ID, m.RoutingKey, want, m.Type)
		}
	}
	w.t.Logf("%d events of %d hosts", w.count, len(w.last))
}

// event looks at one: as it is stored, and after the one before it.
func (w *watcher) event(body []byte) (e cloudEvent) {
	w.t.Helper()
	wire.CheckEvent(w.t, body)
	err := json.Unmarshal(body, &e)
	if _, known := w.stored[e.ID]; !known { // it is a new one: hosts whose processes have ended fall silent
		w.stored = w.hostEvents(w.t)
	}
	if err != nil || w.stored[e.ID] != string(body) {
		w.t.Errorf("an operator has %s, %v, and stored is %s", body, err, w.stored[e.ID])
	}
	n, err := strconv.Atoi(e.Sequence)
	switch before := w.last[e.PartitionKey]; {
	case err != nil || n > before+1:
		w.t.Errorf("event %s comes after number %d of its host", e.ID, before)
	case n == before+1:
		w.last[e.PartitionKey] = n
		w.count++
	}
	return e
}
