package kills

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/client"
)

// probePatience bounds the wait for an account's answer. It is far above every promise.
const probePatience = 90 * time.Second

// probe is a look at how long each account takes to answer a write.
type probe struct {
	began time.Time
	took  []time.Duration // by tenant; set when done; 0: it did not answer
	last  []string        // by tenant; what came at last in its place
	done  sync.WaitGroup
}

// startProbe sends a write for each account, again and again until it is answered.
func (r *run) startProbe(ctx context.Context) *probe {
	p := &probe{began: time.Now(), took: make([]time.Duration, len(r.tenants)), last: make([]string, len(r.tenants))}
	for i, t := range r.tenants {
		p.done.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, probePatience)
			defer cancel()
			if p.last[i] = t.answers(ctx); p.last[i] == "" {
				p.took[i] = time.Since(p.began)
			}
		})
	}
	return p
}

// answers waits until the account's shard has committed what it thinks of a write: there is no such server. It returns what
// came in the place of that answer, "" when that came.
func (t *tenant) answers(ctx context.Context) (last string) {
	path := fmt.Sprintf("/servers/%d", schemas.MaxID)
	for ctx.Err() == nil {
		reply, err := t.ask(func(at *client.Client) (*client.Reply, error) { return at.Do(ctx, http.MethodDelete, path, nil) })
		switch {
		case err != nil:
			last = err.Error()
		case reply.Status == http.StatusNotFound:
			return ""
		default:
			last = reply.Error().Error()
		}
		pause(ctx, 20*time.Millisecond)
	}
	return last
}

// await returns when all accounts have answered, and notes how long those took that count.
func (r *run) await(p *probe, what string, counts func(t *tenant, took time.Duration) bool) {
	p.done.Wait()
	for i, t := range r.tenants {
		switch took := p.took[i]; {
		case took == 0:
			r.report.broken("%s: account %d does not answer for %s: %s", what, t.account.ID, probePatience, p.last[i])
		case counts(t, took):
			r.report.Answers[what] = append(r.report.Answers[what], took)
		}
	}
}

// every counts all accounts.
func every(*tenant, time.Duration) bool { return true }
