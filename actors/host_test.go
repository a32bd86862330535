package actors_test

import (
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

func shortLost(r *rig) { r.rules.LostAfter = time.Minute }

// becomes waits until a server is shown in a status.
func (r *rig) becomes(id int64, want schemas.Status) {
	r.t.Helper()
	r.eventually("the server is "+string(want), func() bool { return r.server(id).Status == want })
}

func TestAHostThatFallsSilentIsLostAndComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, shortLost)
	server := r.active()
	r.skew.Add(int64(2 * time.Minute))
	r.becomes(server, schemas.StatusUnknown)
	r.eventually("nobody need be told again", func() bool { return r.engine.Stats().Outbox == 0 })
	r.beat()
	r.becomes(server, schemas.StatusActive)
	r.audit()
}

func TestHeartbeatsKeepAHost(t *testing.T) {
	t.Parallel()
	r := newRig(t, shortLost)
	server := r.active()
	for range 10 {
		r.skew.Add(int64(40 * time.Second))
		r.beat()
		r.quiet()
	}
	if v := r.server(server); v.Status != schemas.StatusActive {
		t.Errorf("status = %s", v.Status)
	}
}

func TestAHostIsNotLostBecauseNobodyListened(t *testing.T) {
	t.Parallel()
	r := newRig(t, shortLost)
	server := r.active()
	r.stop()
	r.mute = true
	r.skew.Add(int64(time.Hour))
	r.start()
	r.accepted(r.command(schemas.ServerReboot, server, schemas.Params{}, "")) // it is up all the same
	r.skew.Add(int64(2 * time.Minute))
	r.eventually("it is lost after a silence to us", func() bool {
		hosts, err := r.store.Hosts(t.Context())
		return err == nil && hosts[0].State == schemas.HostLost
	})
}

func TestAFencedHostIsGoneForGood(t *testing.T) {
	t.Parallel()
	r := newRig(t, shortLost)
	server, other := r.active(), r.active()
	op := r.command(schemas.ServerReboot, other, schemas.Params{}, "")
	r.accepted(op)
	r.stepOf(schemas.StepRestartSoft) // never answered
	queue := bus.ShardQueue(schemas.ShardOfCluster(testCluster))
	for range 2 { // an operator may say it twice
		r.publish(queue, schemas.TypeFence, "fence", &schemas.Fence{V: 1, Host: 1, Cluster: testCluster})
		if a := r.answer("fence"); a.Fault != nil {
			t.Fatalf("fence refused: %v", a.Fault)
		}
	}
	r.publish(queue, schemas.TypeFence, "no such host", &schemas.Fence{V: 1, Host: 7, Cluster: testCluster})
	r.refused("no such host", schemas.KindNotFound)
	r.becomes(server, schemas.StatusError)
	r.becomes(other, schemas.StatusError)
	r.until(op, schemas.OperationFailed)
	r.beat() // it must not be believed again
	r.refused(r.command(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, ""), schemas.KindCapacity)
	del := r.command(schemas.ServerDelete, server, schemas.Params{}, "")
	r.accepted(del)
	r.until(del, schemas.OperationSucceeded) // without the host
	r.eventually("all is given back", func() bool { return r.engine.Stats().Outbox == 0 })
	r.audit()
}

func TestServersLearnOfTheirHostAlsoAfterAKill(t *testing.T) {
	t.Parallel()
	r := newRig(t, shortLost)
	server := r.active()
	heal := r.unreadable(schemas.ServerID(server).Ref())
	r.unload()
	r.quiet()
	r.skew.Add(int64(2 * time.Minute))
	r.eventually("the host is lost and its server not told", func() bool { return r.engine.Stats().Outbox > 0 })
	r.eventually("which is a row", func() bool {
		hosts, err := r.store.Hosts(t.Context())
		return err == nil && hosts[0].State == schemas.HostLost
	})
	r.crash()
	heal()
	r.mute = true
	r.start()
	r.becomes(server, schemas.StatusUnknown)
	r.audit()
}
