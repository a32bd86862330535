package sim

import (
	"context"
	"slices"

	"github.com/ozonecloud/ozone/schemas"
)

// Share lets the machine have the address of another server. A running guest that is to know it is booted again.
func (h *Host) Share(ctx context.Context, s schemas.Step) error {
	return h.change(ctx, s, func(m machine) (machine, bool) {
		if m.did(&s) {
			return m, false
		}
		m.Public = s.Params.Public
		if s.Params.Configure {
			m.Content = m.Content.written("network")
		}
		return m.marked(&s), true
	})
}

// Unshare takes the address away, from the network and from the guest.
func (h *Host) Unshare(ctx context.Context, s schemas.Step) error {
	return h.change(ctx, s, func(m machine) (machine, bool) {
		m.Public = s.Params.Public
		return m.marked(&s), true
	})
}

// Public are the public addresses that a host lets (server, number of the copy) have.
func (c *Cloud) Public(host schemas.HostID, server schemas.ServerID, number int) []string {
	h := c.hosts[host]
	if h == nil {
		return nil
	}
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	m := h.state.machines[machineKey{server, number}]
	if m == nil {
		return nil
	}
	return slices.Clone(m.Public)
}
