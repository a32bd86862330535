package kills

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/tests/client"
)

// guests are what probes meet at the clients' servers, as these say in their metadata: half of them are well, some never are,
// some only at the first look.
var guests = []string{"ok", "ok", "fail", "fail:2"}

// trial is a resize that a probe decides.
type trial struct {
	probe string // as the reason of what it decides names it, such as "tcp:17": by its port it is the only one of its server
	body  string
	ends  string // the action that must follow by itself
	why   string // its reason
	alone bool   // the client leaves it alone; else it may be confirmed, reverted or deleted before
}

// newTrial probes a server at a port of its own, once, or twice a second apart.
func newTrial(random *rand.Rand, guest string, flavor, port int) *trial {
	hold, after := random.IntN(2), random.IntN(2)
	t := &trial{
		probe: fmt.Sprintf("tcp:%d", port), ends: "server.resize_confirm", alone: random.IntN(4) > 0,
		body: fmt.Sprintf(`{"resize":{"flavorId":%d,"probe":{"type":"tcp","port":%d,"after":%d,"for":%d}}}`, flavor, port, after, hold),
	}
	t.why = "the probe " + t.probe + " held for " + (time.Duration(hold) * time.Second).String()
	if guest == "fail" || guest == "fail:2" && hold > 0 {
		t.ends, t.why = "server.resize_revert", "the probe "+t.probe+" did not hold: connection refused"
	}
	return t
}

// probed is what a reason says of the probe: its name.
func probed(reason string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(reason, "the probe "), " ")
	return name
}

// onTrial counts the servers in VERIFY_RESIZE that a probe will decide.
func (r *run) onTrial(ctx context.Context) (int, error) {
	n, tried := 0, map[string]bool{} // operations of resizes with a probe
	for _, c := range r.journal.all() {
		if id, ok := c.accepted(); ok && c.trial != nil {
			tried[id] = true
		}
	}
	for _, t := range r.tenants {
		servers, err := t.pick().Servers(ctx)
		if err != nil {
			return 0, err
		}
		for i := range servers {
			if servers[i].Status != "VERIFY_RESIZE" {
				continue
			}
			last, err := t.lastResize(ctx, servers[i].ID)
			if err != nil {
				return 0, err
			}
			if tried[last] {
				n++
			}
		}
	}
	return n, nil
}

// lastResize is the operation that brought a server into VERIFY_RESIZE.
func (t *tenant) lastResize(ctx context.Context, server int64) (string, error) {
	reply, err := t.pick().Ozone(ctx, http.MethodGet, fmt.Sprintf("/operations?limit=1000&server=%d", server), nil)
	if err == nil {
		err = reply.Error()
	}
	if err != nil {
		return "", err
	}
	var newest []client.Operation
	if err := reply.Decode("operations", &newest); err != nil {
		return "", err
	}
	for i := range newest {
		if o := &newest[i]; o.Action == "server.resize" && o.State == "succeeded" {
			return o.ID, nil
		}
	}
	return "", nil
}

// aTrial names one: ports begin anew with each server's client.
type aTrial struct {
	server int64
	probe  string
}

// judgeTrials looks at what followed by itself: of each resize with a probe that came to its trial one operation, as the guest is,
// unless somebody else may have decided before.
func (r *run) judgeTrials(l *ledger) {
	tried, followed, deleted := map[aTrial]*command{}, map[*command]int{}, map[int64]bool{}
	for _, c := range r.journal.all() {
		if c.trial != nil {
			tried[aTrial{c.server, c.trial.probe}] = c
		}
	}
	for _, o := range l.byID {
		if o.Action == "server.delete" && o.Accepted() {
			deleted[o.Target.ID] = true
		}
	}
	for id, o := range l.byID {
		if o.Reason == "" {
			continue
		}
		c := tried[aTrial{o.Target.ID, probed(o.Reason)}]
		if c == nil { // judgeRest says so
			continue
		}
		l.taken[id] = true
		followed[c]++
		r.judgeVerdict(c.trial, o, deleted[o.Target.ID])
	}
	for _, c := range tried {
		id, ok := c.accepted()
		o := l.byID[id]
		arrived := ok && o != nil && o.State == "succeeded"
		switch n := followed[c]; {
		case n > 1 || n > 0 && !arrived:
			r.report.Doubled++
			r.report.broken("%s: operation %s with the probe %s is followed by %d", c.path, id, c.trial.probe, n)
		case n == 0 && arrived && !r.overruled(c):
			r.report.Stuck++
			r.report.broken("%s: operation %s with the probe %s is never decided", c.path, id, c.trial.probe)
		}
	}
}

// silence is how long nobody may answer a probe before it counts as answered badly. Source: docs/states.md.
const silence = 30 * time.Second

// judgeVerdict checks that a probe was right. Only a delete ends the revert that it began.
func (r *run) judgeVerdict(t *trial, o *client.Operation, deleted bool) {
	silent := "the probe " + t.probe + " did not hold: the host did not answer in time"
	switch {
	case o.State != "succeeded" && (o.State != "cancelled" || !deleted):
		r.report.broken("operation %s of the probe %s is %s", o.ID, t.probe, o.State)
	case o.Action == t.ends && o.Reason == t.why && o.Action == "server.resize_confirm":
		r.report.Confirmed++
	case o.Action == t.ends && o.Reason == t.why:
		r.report.Reverted++
	case o.Action == "server.resize_revert" && o.Reason == silent && r.away(o.Created.Add(-silence), o.Created):
		r.report.Silent++
	default:
		r.report.Misjudged++
		r.report.broken("operation %s: %s because %s, want %s because %s", o.ID, o.Action, o.Reason, t.ends, t.why)
	}
}

// away tells whether some of the time was an outage.
func (r *run) away(from, to time.Time) bool {
	for _, o := range r.outages {
		if from.Before(o.to) && to.After(o.from) {
			return true
		}
	}
	return false
}

// overruled tells whether somebody may have decided in the place of a probe: a command of its server that was still on its way when
// the resize was sent, or came later.
func (r *run) overruled(c *command) bool {
	began, _ := c.span()
	for _, x := range r.journal.all() {
		switch x.action {
		case "server.resize_confirm", "server.resize_revert", "server.delete":
			if _, last := x.span(); x.server == c.server && x.mayHaveRun() && last.After(began) {
				return true
			}
		}
	}
	return false
}

// judgeResizes counts: what was resized is confirmed or reverted, once, unless it waits for that or was deleted.
func (r *run) judgeResizes(l *ledger, servers map[int64]client.Server) {
	resized, decided := map[int64]int{}, map[int64]int{}
	for _, o := range l.byID {
		switch {
		case o.State != "succeeded":
		case o.Action == "server.resize":
			resized[o.Target.ID]++
		case o.Action == "server.resize_confirm" || o.Action == "server.resize_revert":
			decided[o.Target.ID]++
		}
	}
	for id, n := range resized {
		least, most, status := n, n, servers[id].Status
		switch status {
		case "VERIFY_RESIZE":
			least, most = n-1, n-1
		case "": // deleted, maybe meanwhile
			least = n - 1
		}
		if got := decided[id]; got < least || got > most {
			r.report.Doubled++
			r.report.broken("server %d, which is %q now, was resized %d times, and %d times that was confirmed or reverted", id, status, n, got)
		}
	}
}
