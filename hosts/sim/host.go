package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/schemas"
)

// Host is the driver of one simulated host. Its calls may come from many goroutines.
type Host struct {
	cloud *Cloud
	id    schemas.HostID
	state *state
}

// do is the frame of every step: it takes the cloud's delay, meets its faults and acts between them.
func (h *Host) do(ctx context.Context, s *schemas.Step, act func() error) error {
	if err := h.wait(ctx); err != nil {
		return err
	}
	fault := h.cloud.faults.draw(s)
	if err := h.cloud.faults.alive(ctx, h.id); err != nil {
		return err
	}
	if err := fault.before(ctx); err != nil {
		return err
	}
	if err := act(); err != nil {
		return err
	}
	return fault.after(ctx, h.cloud.closed)
}

func (h *Host) wait(ctx context.Context) error {
	if h.cloud.cfg.Delay <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(h.cloud.cfg.Delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// FetchImage finds the image in the shared store; there is nothing to bring.
func (h *Host) FetchImage(ctx context.Context, s schemas.Step) error {
	return h.do(ctx, &s, func() error {
		_, err := h.image(s.Params.Image)
		return err
	})
}

// CreateDisk makes the machine's record. A running machine whose disk is to be replaced is switched off first.
func (h *Host) CreateDisk(ctx context.Context, s schemas.Step, p schemas.Payload) error {
	return h.do(ctx, &s, func() error {
		im, err := h.image(s.Params.Image)
		if err != nil {
			return err
		}
		now := h.cloud.now()
		content := im.Content.delivered(p, now)
		return h.place(&s, now, func(*machine) machine {
			return machine{Image: im.ID, Content: content}
		})
	})
}

// place makes or replaces (server, copy) with what fresh makes of the old one, if there is room for the flavor.
func (h *Host) place(s *schemas.Step, now time.Time, fresh func(old *machine) machine) error {
	if s.Params.Flavor == nil {
		return failed(schemas.FailureFault, "a disk without a flavor")
	}
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	old := h.state.machines[keyOf(s)]
	if old.did(s) {
		return nil
	}
	m := fresh(old)
	m.Server, m.Copy, m.Public = s.Params.Server, s.Params.Copy, s.Params.Public
	m.RAMMiB, m.DiskGB = s.Params.Flavor.RAMMiB, s.Params.Flavor.DiskGB
	if err := h.room(&m, old); err != nil {
		return err
	}
	return h.state.put(m.marked(s), s, now)
}

// room refuses what does not fit beside everything else. The caller holds the state.
func (h *Host) room(m, old *machine) error {
	ram, disk := h.state.ram+m.RAMMiB, h.state.disk+m.DiskGB
	if old != nil {
		ram, disk = ram-old.RAMMiB, disk-old.DiskGB
	}
	cfg := &h.cloud.cfg
	if cfg.RAMMiB > 0 && ram > cfg.RAMMiB {
		return failed(schemas.FailureNoSpace, fmt.Sprintf("host %d: %d MiB of RAM wanted of %d", h.id, ram, cfg.RAMMiB))
	}
	if cfg.DiskGB > 0 && disk > cfg.DiskGB {
		return failed(schemas.FailureNoSpace, fmt.Sprintf("host %d: %d GB of disk wanted of %d", h.id, disk, cfg.DiskGB))
	}
	return nil
}

// Start switches the machine on; its guest writes as it boots.
func (h *Host) Start(ctx context.Context, s schemas.Step) error {
	return h.change(ctx, s, func(m machine) (machine, bool) {
		if m.On {
			return m, false
		}
		m.On, m.Content = true, m.Content.written("boot")
		return m, true
	})
}

// Stop switches the machine off; its guest writes as it goes down.
func (h *Host) Stop(ctx context.Context, s schemas.Step) error {
	return h.do(ctx, &s, func() error {
		h.state.mu.Lock()
		defer h.state.mu.Unlock()
		m := h.state.machines[keyOf(&s)]
		if m == nil || !m.On {
			return nil
		}
		off := *m
		off.On, off.Content = false, m.Content.written("halt")
		return h.state.put(off, &s, h.cloud.now())
	})
}

// Wipe forgets the machine; one that is on is switched off with it.
func (h *Host) Wipe(ctx context.Context, s schemas.Step) error {
	return h.do(ctx, &s, func() error {
		h.state.mu.Lock()
		defer h.state.mu.Unlock()
		if h.state.machines[keyOf(&s)] == nil {
			return nil
		}
		return h.state.drop(keyOf(&s), &s, h.cloud.now())
	})
}

// Inventory lists the machines by server and copy.
func (h *Host) Inventory(ctx context.Context) ([]hosts.Machine, error) {
	if err := h.cloud.faults.alive(ctx, h.id); err != nil {
		return nil, err
	}
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	list := make([]hosts.Machine, 0, len(h.state.machines))
	for _, m := range h.state.sorted() {
		list = append(list, hosts.Machine{Server: m.Server, Copy: m.Copy, On: m.On, RAMMiB: m.RAMMiB, DiskGB: m.DiskGB, Image: m.Image})
	}
	return list, nil
}

// change replaces a machine by what next makes of it, when that says so. A machine that is not there is a failure.
func (h *Host) change(ctx context.Context, s schemas.Step, next func(machine) (machine, bool)) error {
	return h.do(ctx, &s, func() error {
		h.state.mu.Lock()
		defer h.state.mu.Unlock()
		m := h.state.machines[keyOf(&s)]
		if m == nil {
			return h.missing(&s)
		}
		changed, yes := next(*m)
		if !yes {
			return nil
		}
		return h.state.put(changed, &s, h.cloud.now())
	})
}

func (h *Host) missing(s *schemas.Step) error {
	return failed(schemas.FailureMissing, fmt.Sprintf("host %d has no server %d copy %d", h.id, s.Params.Server, s.Params.Copy))
}

func (h *Host) image(id schemas.ImageID) (*image, error) {
	im, err := h.cloud.images.get(id)
	if err == nil && im == nil {
		err = failed(schemas.FailureNoImage, fmt.Sprintf("no files of image %d", id))
	}
	return im, err
}

func keyOf(s *schemas.Step) machineKey { return machineKey{s.Params.Server, s.Params.Copy} }
