package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/load"
	"github.com/ozonecloud/ozone/tests/node"
)

func (r *rig) login(ctx context.Context, accounts []node.Account) error {
	for _, a := range accounts {
		c := client.New(r.edge.URL(), a.User, a.Key)
		if err := c.Login(ctx); err != nil {
			return err
		}
		r.tenants = append(r.tenants, tenant{"/v1.0/" + c.Account(), c.Token()})
		c.Close()
	}
	return nil
}

// creates is the work of making servers; it keeps their ids.
type creates struct {
	tenants []tenant
	ids     [][]int64 // by connection
}

func (r *rig) creates() *creates { return &creates{r.tenants, make([][]int64, len(r.tenants))} }

// Request is a create.
func (c *creates) Request(conn, i int) *load.Request {
	t := &c.tenants[conn]
	return &load.Request{
		Method: http.MethodPost, Path: t.base + "/servers", Token: t.token,
		Body: fmt.Sprintf(`{"server":{"name":"bench%d","imageId":1,"flavorId":1}}`, i),
	}
}

// Wanted keeps the new server's id.
func (c *creates) Wanted(conn, _, status int, body []byte) bool {
	if status != http.StatusAccepted {
		return false
	}
	var doc struct {
		Server struct {
			ID int64 `json:"id"`
		} `json:"server"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return false
	}
	c.ids[conn] = append(c.ids[conn], doc.Server.ID)
	return true
}

// reboots is the work of rebooting the servers in turn.
type reboots struct{ *creates }

// Request is a hard reboot of the connection's next server.
func (r reboots) Request(conn, i int) *load.Request {
	t, ids := &r.tenants[conn], r.ids[conn]
	return &load.Request{
		Method: http.MethodPost, Path: fmt.Sprintf("%s/servers/%d/action", t.base, ids[i%len(ids)]), Token: t.token,
		Body: `{"reboot":{"type":"HARD"}}`,
	}
}

// Wanted is that it was accepted; a server that still reboots is asked again.
func (r reboots) Wanted(_, _, status int, _ []byte) bool { return status == http.StatusAccepted }

// gets is the work of reading the connection's first server.
type gets struct{ *creates }

// Request reads one server.
func (g gets) Request(conn, _ int) *load.Request {
	t := &g.tenants[conn]
	return &load.Request{Method: http.MethodGet, Path: fmt.Sprintf("%s/servers/%d", t.base, g.ids[conn][0]), Token: t.token}
}

// Wanted is 200.
func (g gets) Wanted(_, _, status int, _ []byte) bool { return status == http.StatusOK }

// prepared makes n servers for each connection and waits until all are ACTIVE.
func (r *rig) prepared(ctx context.Context, n int) (*creates, error) {
	c := r.creates()
	made, err := r.gen.Closed(conns, conns, c) // one each at least
	if err == nil && n > 1 {
		made, err = r.gen.Closed(conns, (n-1)*conns, c)
	}
	if err != nil {
		return nil, err
	}
	for conn, ids := range c.ids {
		if len(ids) == 0 {
			return nil, fmt.Errorf("connection %d made no server of %d", conn, made.Done)
		}
	}
	_, err = r.ended(ctx)
	return c, err
}

// ended waits until no operation is open and returns how many have ended since the node started.
func (r *rig) ended(ctx context.Context) (float64, error) {
	for {
		m, err := r.node.Metrics(ctx)
		if err != nil {
			return 0, err
		}
		if m["ozone_operations_open"] == 0 && m["ozone_outbox_open"] == 0 {
			return m["ozone_operations_ended_total"], nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// rate is what a run of work reached.
type rate struct {
	load.Result
	perSecond float64 // operations that reached their end
	cpu       float64 // of the node, in milliseconds an operation
	others    string  // the same of each server
}

// used is the processor time that the node and the servers have used.
func (r *rig) used() (own time.Duration, servers map[string]time.Duration, err error) {
	if own, err = node.CPU(r.node.PID()); err != nil || r.servers == nil {
		return own, nil, err
	}
	if r.edge != r.node {
		edge, err := node.CPU(r.edge.PID())
		if err != nil {
			return 0, nil, err
		}
		own += edge
	}
	servers, err = r.servers.CPU()
	return own, servers, err
}

// throughput runs work until all its operations have reached their end.
func (r *rig) throughput(ctx context.Context, total int, w load.Work) (rate, error) {
	before, err := r.ended(ctx)
	if err != nil {
		return rate{}, err
	}
	used, usedByServers, err := r.used()
	if err != nil {
		return rate{}, err
	}
	began := time.Now()
	result, err := r.gen.Closed(conns, total, w)
	if err != nil {
		return rate{}, err
	}
	after, err := r.ended(ctx)
	took := time.Since(began)
	if int(after-before) < total {
		return rate{}, fmt.Errorf("%d operations ended, want %d: %w\n%s", int(after-before), total, err, lastLines(r.node.Log()))
	}
	now, servers, err := r.used()
	got := rate{result, float64(total) / took.Seconds(), ms(now-used) / float64(total), ""}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		got.others += fmt.Sprintf(", %s %.2f", name, ms(servers[name]-usedByServers[name])/float64(total))
	}
	return got, err
}

func lastLines(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
