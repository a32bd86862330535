package ozone

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// LawInventory is the law that only the hosts can show: no host holds what no row names, nor the reverse.
const LawInventory = "host.inventory"

// Audit checks the laws of conservation over the store in the data directory, beside a running node too. Once nothing
// is unfinished it compares the hosts' inventories as well: of a store that processes share, those in the data directories.
func Audit(ctx context.Context, cfg Config, others ...string) (storage.Report, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validateStore(); err != nil {
		return storage.Report{}, err
	}
	path := filepath.Join(cfg.Data, storeFile)
	if cfg.Store == storeSQLite && !exists(path) {
		return storage.Report{}, fmt.Errorf("no store %s: name the data directory with --data", path)
	}
	store, err := lookAtStore(ctx, &cfg, path)
	if err != nil {
		return storage.Report{}, err
	}
	defer func() { _ = store.Close() }() // nothing was written
	return audit(ctx, store, machineRoom{append([]string{cfg.Data}, others...), cfg.Store == storeSQLite})
}

// machineRoom is where simulated machines are.
type machineRoom struct {
	dirs []string // of data
	all  bool     // the machines of all hosts are here
}

// look is what is on the hosts whose machines are here; every one of them is in the answer, also one that has lost them.
func (r machineRoom) look() (map[schemas.HostID][]hosts.Machine, error) {
	found := map[schemas.HostID][]hosts.Machine{}
	for _, dir := range r.dirs {
		kept, err := readNumbers(filepath.Join(dir, numbersFile))
		if err != nil {
			return nil, err
		}
		for _, id := range kept.Leased {
			found[id] = nil
		}
		here, err := sim.ReadInventories(filepath.Join(dir, hostsDir))
		if err != nil {
			return nil, err
		}
		maps.Copy(found, here)
	}
	return found, nil
}

// Rows and inventories are not read in one instant: a difference counts when it is there each time.
const (
	auditTries = 10
	auditPause = 200 * time.Millisecond
)

func audit(ctx context.Context, store storage.Auditor, room machineRoom) (storage.Report, error) {
	tick := time.NewTicker(auditPause)
	defer tick.Stop()
	for try := 1; ; try++ {
		report, err := store.Audit(ctx)
		if err != nil {
			return report, fmt.Errorf("audit: %w", err)
		}
		if report.Unfinished > 0 {
			return report, nil
		}
		inventories, err := room.look()
		if err != nil {
			return report, err
		}
		found := compare(&report, inventories, room.all)
		if len(found) == 0 || try == auditTries {
			report.Broken = append(report.Broken, found...)
			return report, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return report, ctx.Err()
		}
	}
}

// place is one copy of a server on one host.
type place struct {
	host   schemas.HostID
	server schemas.ServerID
	copy   int
}

// compare is what rows and hosts do not agree on: all hosts, or those with an inventory.
func compare(report *storage.Report, inventories map[schemas.HostID][]hosts.Machine, all bool) []storage.Violation {
	rows, found := map[place]bool{}, map[place]bool{}
	for _, c := range report.Copies {
		if _, here := inventories[c.Host]; here || all {
			rows[place{c.Host, c.Server, c.Copy}] = true
		}
	}
	for host, list := range inventories {
		for _, m := range list {
			found[place{host, m.Server, m.Copy}] = true
		}
	}
	report.Checked[LawInventory] = int64(len(rows))
	return append(differences(rows, found, "is reserved and not there"), differences(found, rows, "is there and no row names it")...)
}

func differences(these, those map[place]bool, what string) []storage.Violation {
	var list []storage.Violation
	for p := range these {
		if !those[p] {
			list = append(list, storage.Violation{
				Law: LawInventory, What: fmt.Sprintf("copy %d of server %d on host %d %s", p.copy, p.server, p.host, what),
			})
		}
	}
	slices.SortFunc(list, func(a, b storage.Violation) int { return strings.Compare(a.What, b.What) })
	return list
}
