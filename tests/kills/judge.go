package kills

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/tests/client"
)

// settle finds out what became of every command whose sender never learned it, and waits until nothing is under way.
func (r *run) settle(ctx context.Context) error {
	for _, c := range r.journal.all() {
		for try := 0; c.key != "" && !c.decided(); try++ {
			if try > 10 {
				return fmt.Errorf("%s %s with key %s is never decided", c.method, c.path, c.key)
			}
			if a := c.send(ctx); a.status == http.StatusServiceUnavailable {
				pause(ctx, retryAfter)
			}
		}
	}
	began := time.Now()
	for {
		if err := r.cloud.mend(ctx); err != nil {
			return err
		}
		open, err := r.open(ctx)
		late := time.Since(began) > r.cfg.Quiet
		switch {
		case err == nil && open == 0:
			r.report.Quiet = time.Since(began)
			return nil
		case err == nil && late:
			r.report.Stuck = open
			r.report.broken("%d operations are unfinished after %s", open, r.cfg.Quiet)
			return nil
		case late: // before, an edge may not have found out yet that it must connect again
			return err
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// open counts what is under way. Once no operation is, no further server comes to be decided by a probe; once none is left of those, the
// operations that their probes began may still be under way.
func (r *run) open(ctx context.Context) (int, error) {
	for _, count := range []func(context.Context) (int, error){r.unfinished, r.onTrial, r.unfinished} {
		if n, err := count(ctx); err != nil || n > 0 {
			return n, err
		}
	}
	return 0, nil
}

// unfinished counts the operations that are under way, over all accounts.
func (r *run) unfinished(ctx context.Context) (int, error) {
	n := 0
	for _, t := range r.tenants {
		for _, state := range []string{"running", "queued"} {
			reply, err := t.pick().Ozone(ctx, http.MethodGet, "/operations?state="+state+"&limit=1000", nil)
			if err != nil {
				return 0, err
			}
			if err := reply.Error(); err != nil {
				return 0, err
			}
			var page []client.Operation
			if err := reply.Decode("operations", &page); err != nil {
				return 0, err
			}
			n += len(page)
		}
	}
	return n, nil
}

// judge compares what the clients were told with what the cloud has.
func (r *run) judge(ctx context.Context) error {
	ledger := newLedger()
	for _, t := range r.tenants {
		list, err := t.pick().Operations(ctx)
		if err != nil {
			return err
		}
		for i := range list {
			ledger.add(t, &list[i])
		}
	}
	for _, c := range r.journal.all() {
		r.judgeCommand(c, ledger)
	}
	r.judgeTrials(ledger)
	r.judgeRest(ledger)
	servers, err := r.servers(ctx)
	if err != nil {
		return err
	}
	r.judgeNames(servers)
	r.judgeResizes(ledger, servers)
	if out, err := r.cloud.audit(ctx); err != nil {
		r.report.broken("audit: %v\n%s", err, out)
	}
	return r.judgePower()
}

// ledger is every operation that the cloud knows.
type ledger struct {
	byID  map[string]*client.Operation
	owner map[string]*tenant
	taken map[string]bool // named by a client's answer
	// spare counts, by account and action, the commands without a key whose outcome nobody knows.
	spare map[spare]int
}

type spare struct {
	tenant *tenant
	action string
}

func newLedger() *ledger {
	return &ledger{
		byID: map[string]*client.Operation{}, owner: map[string]*tenant{}, taken: map[string]bool{}, spare: map[spare]int{},
	}
}

func (l *ledger) add(t *tenant, o *client.Operation) {
	l.byID[o.ID] = o
	l.owner[o.ID] = t
}

// judgeAnswers looks for what is wrong with the answers to one command, whatever the cloud has: two operations, or a 503 without a
// reason. The death of an engine or an edge is none: the broker gives the command to the next engine.
func (r *run) judgeAnswers(c *command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	accepted := ""
	for i := range c.answers {
		a := &c.answers[i]
		switch {
		case a.status == http.StatusServiceUnavailable && !a.full && !slices.ContainsFunc(r.outages, func(o outage) bool { return o.excuses(a) }):
			r.report.Forgotten++
			r.report.broken("%s %s was answered 503 at %s after %s although broker and database were there: %s", c.method, c.path,
				a.came.UTC().Format(time.RFC3339Nano), a.came.Sub(a.sent).Round(time.Millisecond), a.operation)
		case a.status/100 != 2 || a.operation == "":
		case accepted != "" && accepted != a.operation:
			r.report.Doubled++
			r.report.broken("%s %s with key %s names operations %s and %s", c.method, c.path, c.key, accepted, a.operation)
			fallthrough
		default:
			accepted = a.operation
		}
	}
}

// judgeCommand checks that every answer to one command was true.
func (r *run) judgeCommand(c *command, l *ledger) {
	r.judgeAnswers(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	r.report.Commands++
	r.report.Sent += len(c.answers)
	if len(c.answers) > 1 {
		r.report.Repeated++
	}
	accepted := ""
	for _, a := range c.answers {
		if a.bus {
			r.report.OverBus++
		}
		switch {
		case a.status == 0:
			r.report.Unknown++
			if c.key == "" {
				l.spare[spare{c.tenant, c.action}]++
			}
		case a.status/100 == 2:
			r.judgeAccepted(c, a, &accepted, l)
		case a.status == http.StatusServiceUnavailable:
			r.judgeUnavailable(c, &a, l)
		default:
			r.judgeRefused(c, a, accepted, l)
		}
	}
	if accepted != "" {
		r.report.Accepted++
	}
}

func (r *run) judgeAccepted(c *command, a answer, accepted *string, l *ledger) {
	o := l.byID[a.operation]
	l.taken[a.operation] = true
	switch {
	case a.operation == "":
		r.report.broken("%s %s was answered %d without an operation", c.method, c.path, a.status)
		return
	case o == nil:
		r.report.Lost++
		r.report.broken("%s %s was answered %d, but there is no operation %s", c.method, c.path, a.status, a.operation)
	case !o.Accepted():
		r.report.Lost++
		r.report.broken("%s %s was answered %d, but its operation %s is %s", c.method, c.path, a.status, o.ID, o.State)
	case o.State == "failed" && *accepted == "":
		r.report.Failed++
		r.report.broken("%s %s: operation %s failed on healthy hosts: %+v", c.method, c.path, o.ID, o.Error)
	}
	*accepted = a.operation
}

// judgeUnavailable checks that a 503 was true.
func (r *run) judgeUnavailable(c *command, a *answer, l *ledger) {
	r.report.Unavailable++
	switch o := l.byID[a.operation]; {
	case o == nil || !o.Accepted():
	case a.unknown:
		l.taken[a.operation] = true
	case len(c.answers) == 1:
		r.report.broken("%s %s was answered 503, but its operation %s is %s", c.method, c.path, o.ID, o.State)
	}
}

func (r *run) judgeRefused(c *command, a answer, accepted string, l *ledger) {
	r.report.Refused++
	if accepted != "" {
		r.report.broken("%s %s with key %s was accepted as %s, then answered %d", c.method, c.path, c.key, accepted, a.status)
	}
	if a.status >= 500 || a.status == http.StatusUnauthorized || a.status == http.StatusBadRequest {
		r.report.broken("%s %s was answered %d", c.method, c.path, a.status)
	}
	if o := l.byID[a.operation]; o != nil && o.Accepted() {
		r.report.broken("%s %s was answered %d, but its operation %s is %s", c.method, c.path, a.status, o.ID, o.State)
	}
}

// judgeRest looks at the operations that no answer named: each must be of a command whose sender learned nothing.
func (r *run) judgeRest(l *ledger) {
	for id, o := range l.byID {
		if l.taken[id] || !o.Accepted() {
			continue
		}
		s := spare{l.owner[id], o.Action}
		if l.spare[s] > 0 && o.Reason == "" {
			l.spare[s]--
			continue
		}
		r.report.Doubled++
		r.report.broken("%s ran as operation %s, which no answer named", o.Action, id)
	}
}

// servers are those of all accounts, with their number as key.
func (r *run) servers(ctx context.Context) (map[int64]client.Server, error) {
	all := map[int64]client.Server{}
	for _, t := range r.tenants {
		list, err := t.pick().Servers(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			all[s.ID] = s
		}
	}
	return all, nil
}

// judgeNames looks for two servers of one create: each create gave its server a name of its own.
func (r *run) judgeNames(servers map[int64]client.Server) {
	r.report.Servers = len(servers)
	seen := map[string]int64{}
	for id, s := range servers {
		if first, ok := seen[s.Name]; ok {
			r.report.Doubled++
			r.report.broken("servers %d and %d are both named %s", first, id, s.Name)
		}
		seen[s.Name] = id
	}
}

func (r *run) judgePower() error {
	log, err := sim.ReadPowerLog(r.cloud.hosts())
	if err != nil {
		return err
	}
	r.report.Switches = len(log)
	for _, o := range sim.Overlaps(log) {
		r.report.Overlaps++
		r.report.broken("two homes: %s", o)
	}
	return nil
}
