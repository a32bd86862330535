package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/schemas"
)

// ReadInventories is every copy on every host of a cloud's directory. The cloud may be at work.
func ReadInventories(dir string) (map[schemas.HostID][]hosts.Machine, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "hosts"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inventories: %w", err)
	}
	all := map[schemas.HostID][]hosts.Machine{}
	for _, entry := range entries {
		host, err := strconv.ParseInt(entry.Name(), 10, 64)
		if err != nil {
			continue // not a host's directory
		}
		machines, err := readInventory(filepath.Join(dir, "hosts", entry.Name(), stateName))
		if err != nil {
			return nil, fmt.Errorf("inventory of host %d: %w", host, err)
		}
		all[schemas.HostID(host)] = machines
	}
	return all, nil
}

func readInventory(path string) ([]hosts.Machine, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator chose the directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st := &state{machines: map[machineKey]*machine{}}
	if _, _, err := st.load(data); err != nil {
		return nil, err
	}
	list := make([]hosts.Machine, 0, len(st.machines))
	for _, m := range st.sorted() {
		list = append(list, hosts.Machine{Server: m.Server, Copy: m.Copy, On: m.On, RAMMiB: m.RAMMiB, DiskGB: m.DiskGB, Image: m.Image})
	}
	return list, nil
}
