package agent_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/hosts/agent"
	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
)

// BenchmarkCreate takes servers through the three steps of a create, 64 at a time over 8 hosts.
func BenchmarkCreate(b *testing.B) {
	const hostCount, atOnce = 8, 64
	dir := b.TempDir()
	cloud, err := sim.NewCloud(sim.Config{Dir: dir, Hosts: hostCount, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	ledger, err := agent.OpenLedger(filepath.Join(dir, "ledger"), nil)
	if err != nil {
		b.Fatal(err)
	}
	replies := make([]chan *schemas.StepFailure, atOnce) // server n's is that of worker (n-1) mod atOnce
	queues := map[schemas.HostID]chan agent.Delivery{}
	for i := range hostCount {
		id := schemas.HostID(i + 1)
		steps := make(chan agent.Delivery, atOnce)
		queues[id] = steps
		a, err := agent.New(agent.Config{
			Host: id, Driver: cloud.Host(id), Ledger: ledger,
			Receive: func(ctx context.Context) (agent.Delivery, error) {
				select {
				case d := <-steps:
					return d, nil
				case <-ctx.Done():
					return agent.Delivery{}, ctx.Err()
				}
			},
			Reply: func(_ context.Context, o schemas.Outcome) error {
				replies[(o.Actor.ID-1)%atOnce] <- o.Failure
				return nil
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		defer a.Stop()
	}
	for w := range replies {
		replies[w] = make(chan *schemas.StepFailure, 1)
	}
	b.ResetTimer()
	var all sync.WaitGroup
	for w := range atOnce {
		all.Go(func() {
			answer := replies[w]
			for n := w + 1; n <= b.N; n += atOnce {
				for version, name := range []schemas.StepName{schemas.StepFetchImage, schemas.StepCreateDisk, schemas.StepStart} {
					s := step("01890a5d-ac96-774b-bcce-b302099a8057", name, schemas.ServerID(n), 1, int64(version))
					s.Host = schemas.HostID(n%hostCount + 1)
					queues[s.Host] <- agent.Delivery{Step: s, Done: func() {}}
					if f := <-answer; f != nil {
						b.Error(f)
					}
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
}
