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

// ReadOperations is every operation for which a host of a cloud's directory did something, as far as its files
// tell, and one host that did. The cloud may be at work.
func ReadOperations(dir string) (map[schemas.OperationID]schemas.HostID, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "hosts", "*", "*.log"))
	if err != nil {
		return nil, fmt.Errorf("operations: %w", err)
	}
	found := map[schemas.OperationID]schemas.HostID{}
	for _, path := range paths {
		host, err := strconv.ParseInt(filepath.Base(filepath.Dir(path)), 10, 64)
		if err != nil {
			continue // not a host's directory
		}
		data, err := os.ReadFile(path) //nolint:gosec // the operator chose the directory
		if err == nil {
			_, err = eachRecord(data, func(r *record) {
				found[r.By] = schemas.HostID(host)
				if r.Machine != nil {
					found[r.Machine.Operation] = schemas.HostID(host)
				}
			})
		}
		if err != nil {
			return nil, fmt.Errorf("operations: %s: %w", path, err)
		}
	}
	delete(found, "")
	return found, nil
}
