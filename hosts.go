package ozone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/hosts/agent"
	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
)

// machines are the simulated hosts with their agents.
type machines struct {
	cloud    *sim.Cloud
	ledger   *agent.Ledger
	clusters int // that they are spread over
	agents   []*agent.Agent
	inboxes  []*inbox
}

// startHosts opens the simulated hosts as they were left and starts an agent for each.
func (n *Node) startHosts(ctx context.Context) error {
	numbers, err := n.hostNumbers(ctx)
	if err != nil {
		return err
	}
	clusters, err := n.clusters(ctx)
	if err != nil {
		return err
	}
	m := &machines{clusters: clusters}
	n.onStop("hosts", func(context.Context) error { return m.stop() })
	m.cloud, err = sim.NewCloud(sim.Config{
		Dir: n.dir.file(hostsDir), Numbers: numbers, Delay: n.cfg.SimDelay, Faults: n.cfg.SimFaults,
		RAMMiB: n.cfg.SimRAMGiB << 10, DiskGB: n.cfg.SimDiskGB, Now: n.now,
	})
	if err != nil {
		return fmt.Errorf("open hosts: %w", err)
	}
	m.ledger, err = agent.OpenLedger(n.dir.file(ledgerFile), n.cfg.Log)
	if err != nil {
		return err
	}
	for _, id := range numbers {
		if err := n.startAgent(ctx, m, id); err != nil {
			return fmt.Errorf("start agent of host %d: %w", id, err)
		}
	}
	if n.engine == nil {
		return nil // they are heard when an engine runs
	}
	return n.meetHosts(ctx, numbers)
}

// clusters is how many there are. A process that cannot know yet goes by what it was told.
func (n *Node) clusters(ctx context.Context) (int, error) {
	if n.store == nil {
		return n.cfg.Clusters, nil
	}
	list, err := n.store.Clusters(ctx)
	if len(list) == 0 {
		return n.cfg.Clusters, err
	}
	return len(list), nil
}

func (n *Node) startAgent(ctx context.Context, m *machines, id schemas.HostID) error {
	in, err := n.openInbox(ctx, id)
	if err != nil {
		return err
	}
	m.inboxes = append(m.inboxes, in)
	a, err := agent.New(agent.Config{
		Host: id, Cluster: homeCluster(id, m.clusters), Name: fmt.Sprintf("sim-%d", id), Driver: m.cloud.Host(id),
		RAMMiB: n.cfg.SimRAMGiB << 10, DiskGB: n.cfg.SimDiskGB,
		Receive: in.receive, Reply: n.reply, Beat: n.beat,
		Now: n.now, Open: n.sealer.Open, Ledger: m.ledger, Log: n.cfg.Log,
	})
	if err != nil {
		return err
	}
	if err := a.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	m.agents = append(m.agents, a)
	return nil
}

// reply sends what became of a step to the shard that asked.
func (n *Node) reply(ctx context.Context, o schemas.Outcome) error {
	body, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode outcome: %w", err)
	}
	return bus.Send(ctx, n.bus, bus.ShardQueue(schemas.ShardOf(o.Account)), bus.Message{
		ID:   fmt.Sprintf("outcome/%s/%s/%s/%d/%d/%d", o.Operation, o.Actor, o.Name, o.Host, o.Copy, o.Attempt),
		Type: schemas.TypeOutcome, Body: body, Direct: true,
	})
}

// beat tells a host's cluster that the host is there.
func (n *Node) beat(ctx context.Context, h schemas.Heartbeat) error {
	body, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode heartbeat: %w", err)
	}
	now := n.now()
	return bus.Send(ctx, n.bus, bus.ShardQueue(schemas.ShardOfCluster(h.Cluster)), bus.Message{
		ID: fmt.Sprintf("beat/%d/%d", h.Host, now.UnixNano()), Type: schemas.TypeHeartbeat,
		Expires: now.Add(n.cfg.LostAfter), Body: body, Direct: true, // a late one would be a lie
	})
}

// meetHosts waits until every host is known, so that the first create finds room.
func (n *Node) meetHosts(ctx context.Context, numbers []schemas.HostID) error {
	ctx, cancel := context.WithTimeout(ctx, hostsPatience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := n.store.Hosts(ctx)
		known := 0
		for _, h := range list {
			if slices.Contains(numbers, h.ID) {
				known++
			}
		}
		if err == nil && known >= len(numbers) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d hosts to be known, %d are: %w", len(numbers), known, errors.Join(err, ctx.Err()))
		}
	}
}

// hostsPatience bounds the wait for the first heartbeats to be committed.
const hostsPatience = 30 * time.Second

// stop ends the agents before what they work with.
func (m *machines) stop() error {
	for _, a := range m.agents {
		a.Stop()
	}
	for _, in := range m.inboxes {
		in.close()
	}
	var errs []error
	if m.ledger != nil {
		errs = append(errs, m.ledger.Close())
	}
	if m.cloud != nil {
		errs = append(errs, m.cloud.Close())
	}
	return errors.Join(errs...)
}
