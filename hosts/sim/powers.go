package sim

import (
	"context"
	"fmt"

	"github.com/ozonecloud/ozone/schemas"
)

// Restart boots the guest again; a machine that is off is switched on.
func (h *Host) Restart(ctx context.Context, s schemas.Step, _ bool) error {
	return h.change(ctx, s, func(m machine) (machine, bool) {
		if m.did(&s) && m.On {
			return m, false
		}
		m.On, m.Content = true, m.Content.written("reboot")
		return m.marked(&s), true
	})
}

// SetPassword asks the guest, which must be running.
func (h *Host) SetPassword(ctx context.Context, s schemas.Step, p schemas.Payload) error {
	return h.do(ctx, &s, func() error {
		h.state.mu.Lock()
		defer h.state.mu.Unlock()
		m := h.state.machines[keyOf(&s)]
		if m == nil {
			return h.missing(&s)
		}
		if m.did(&s) {
			return nil
		}
		if !m.On {
			return failed(schemas.FailureFault, fmt.Sprintf("server %d is off", m.Server))
		}
		if p.PasswordHash == "" {
			return failed(schemas.FailureFault, "no password given")
		}
		next := *m
		next.Content = m.Content.secured(p).written("passwd")
		return h.state.put(next.marked(&s), &s, h.cloud.now())
	})
}

// Snapshot freezes the content; a running guest writes on.
func (h *Host) Snapshot(ctx context.Context, s schemas.Step) error {
	return h.change(ctx, s, func(m machine) (machine, bool) {
		if m.snapshot(s.Operation) != nil || m.did(&s) {
			return m, false
		}
		m = m.frozen(s.Operation)
		if m.On {
			m.Content = m.Content.written("work")
		}
		return m.marked(&s), true
	})
}

// Save writes the snapshot into the image store and drops it.
func (h *Host) Save(ctx context.Context, s schemas.Step) error {
	return h.do(ctx, &s, func() error {
		h.state.mu.Lock()
		defer h.state.mu.Unlock()
		m := h.state.machines[keyOf(&s)]
		frozen := m.snapshot(s.Operation)
		saved, err := h.cloud.images.get(s.Params.Image)
		if err != nil {
			return err
		}
		if saved == nil || saved.By != s.Operation {
			if frozen == nil {
				return failed(schemas.FailureMissing, fmt.Sprintf("host %d has no snapshot of server %d by %s", h.id, s.Params.Server, s.Operation))
			}
			if err := h.cloud.images.put(&image{ID: s.Params.Image, By: s.Operation, Content: frozen.Content}); err != nil {
				return err
			}
		}
		if frozen == nil {
			return nil
		}
		return h.state.put(m.thawed(s.Operation), &s, h.cloud.now())
	})
}

// Remove deletes the image's file from the store; the base images stay.
func (h *Host) Remove(ctx context.Context, s schemas.Step) error {
	return h.do(ctx, &s, func() error {
		if s.Params.Image <= baseImages {
			return failed(schemas.FailureFault, fmt.Sprintf("image %d is a base image", s.Params.Image))
		}
		return h.cloud.images.remove(s.Params.Image)
	})
}

// Copy takes the snapshot's content from the source, with delta its present content.
func (h *Host) Copy(ctx context.Context, s schemas.Step, delta bool) error {
	return h.do(ctx, &s, func() error {
		source, err := h.cloud.source(&s)
		if err != nil {
			return err
		}
		if source == nil && !h.holds(&s) {
			return failed(schemas.FailureMissing, fmt.Sprintf("host %d has no server %d copy %d", s.Params.SourceHost, s.Params.Server, s.Params.SourceCopy))
		}
		if !delta {
			return h.copyAll(&s, source)
		}
		return h.copyRest(&s, source)
	})
}

// holds tells whether this very copy was made before: the source is not needed then.
func (h *Host) holds(s *schemas.Step) bool {
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	return h.state.machines[keyOf(s)].did(s)
}

func (h *Host) copyAll(s *schemas.Step, source *machine) error {
	frozen := source.snapshot(s.Operation)
	if frozen == nil && !h.holds(s) {
		return failed(schemas.FailureMissing, fmt.Sprintf("host %d has no snapshot of server %d by %s", s.Params.SourceHost, s.Params.Server, s.Operation))
	}
	return h.place(s, h.cloud.now(), func(*machine) machine {
		return machine{Image: frozen.Image, Content: frozen.Content}
	})
}

func (h *Host) copyRest(s *schemas.Step, source *machine) error {
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	m := h.state.machines[keyOf(s)]
	if m == nil {
		return h.missing(s)
	}
	if m.did(s) {
		return nil
	}
	if source.On {
		return failed(schemas.FailureFault, fmt.Sprintf("server %d still runs on host %d", source.Server, s.Params.SourceHost))
	}
	next := *m
	next.Content = source.Content
	return h.state.put(next.marked(s), s, h.cloud.now())
}

// source is the machine that s copies from, nil when it is not there. A host of another process is read from its file.
func (c *Cloud) source(s *schemas.Step) (*machine, error) {
	key := machineKey{s.Params.Server, s.Params.SourceCopy}
	if h := c.hosts[s.Params.SourceHost]; h != nil {
		h.state.mu.Lock()
		defer h.state.mu.Unlock()
		return h.state.machines[key], nil
	}
	return readMachine(c.cfg.Dir, s.Params.SourceHost, key)
}

// Content is what is on the disk of (server, number of the copy) on a host; false: there is no such disk.
func (c *Cloud) Content(host schemas.HostID, server schemas.ServerID, number int) (Content, bool) {
	h := c.hosts[host]
	if h == nil {
		return Content{}, false
	}
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	m := h.state.machines[machineKey{server, number}]
	if m == nil {
		return Content{}, false
	}
	return m.Content, true
}

// Write is the guest of a running machine writing to its disk.
func (c *Cloud) Write(host schemas.HostID, server schemas.ServerID, number int, what string) error {
	h := c.hosts[host]
	if h == nil {
		return fmt.Errorf("simulated cloud: no host %d", host)
	}
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	m := h.state.machines[machineKey{server, number}]
	if m == nil || !m.On {
		return fmt.Errorf("simulated host %d: server %d copy %d does not run", host, server, number)
	}
	next := *m
	next.Content = m.Content.written(what)
	return h.state.put(next, &schemas.Step{}, h.cloud.now())
}
