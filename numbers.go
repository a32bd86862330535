package ozone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
)

// maxSimulated bounds the simulated hosts of a process: each has an open file and a queue.
const maxSimulated = 500

// simulated are the simulated hosts that a process is asked to run.
type simulated struct {
	count int
	first schemas.HostID // 0: the store gives out their numbers
}

// simulated reads the setting.
func (c Config) simulated() (simulated, error) {
	wrong := fmt.Errorf("--hosts %s: want sim:N with N from 1 to %d, or sim:FIRST-LAST with as many numbers from 1", c.Hosts, maxSimulated)
	what, ok := strings.CutPrefix(c.Hosts, "sim:")
	if !ok {
		return simulated{}, wrong
	}
	from, to, named := strings.Cut(what, "-")
	if !named {
		n, err := strconv.Atoi(what)
		if err != nil || n < 1 || n > maxSimulated {
			return simulated{}, wrong
		}
		return simulated{count: n}, nil
	}
	first, err := strconv.ParseInt(from, 10, 64)
	last, lastErr := strconv.ParseInt(to, 10, 64)
	if err != nil || lastErr != nil || first < 1 || last < first || last-first >= maxSimulated || last > schemas.MaxID {
		return simulated{}, wrong
	}
	return simulated{count: int(last-first) + 1, first: schemas.HostID(first)}, nil
}

// keptNumbers is the form of the file that keeps a data directory's numbers: its machines are nowhere else.
type keptNumbers struct {
	Leased []schemas.HostID `json:"leased"` // in the order of their leases
}

// hostNumbers are the numbers of this process's hosts. What the directory does not have yet the store gives out, and it is kept
// before it is used: lost in between it stays unused.
func (n *Node) hostNumbers(ctx context.Context) ([]schemas.HostID, error) {
	want, err := n.cfg.simulated()
	if err != nil {
		return nil, err
	}
	if want.first != 0 {
		return inRow(want.first, want.count), nil
	}
	kept, err := n.dir.numbers()
	if err != nil {
		return nil, err
	}
	missing := want.count - len(kept.Leased)
	if missing <= 0 {
		return kept.Leased[:want.count], nil
	}
	if n.store == nil {
		return nil, fmt.Errorf("--hosts %s with --roles %s: this process has no store that gives out numbers, and %d are in %s: "+
			"say which hosts it is, as in --hosts sim:101-108", n.cfg.Hosts, n.roles, len(kept.Leased), n.dir.file(numbersFile))
	}
	first, err := n.store.LeaseHosts(ctx, missing)
	if err != nil {
		return nil, err
	}
	kept.Leased = append(kept.Leased, inRow(first, missing)...)
	return kept.Leased, n.dir.keepNumbers(kept)
}

func inRow(first schemas.HostID, count int) []schemas.HostID {
	list := make([]schemas.HostID, count)
	for i := range list {
		list[i] = first + schemas.HostID(i)
	}
	return list
}

// numbers are those that the directory keeps.
func (d *dataDir) numbers() (keptNumbers, error) { return readNumbers(d.file(numbersFile)) }

func readNumbers(path string) (keptNumbers, error) {
	var kept keptNumbers
	text, err := os.ReadFile(path) //nolint:gosec // the operator chose the directory
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return kept, fmt.Errorf("read the numbers of the hosts: %s: %w: restore it from a copy of the directory", path, err)
	}
	return kept, nil
}

func (d *dataDir) keepNumbers(kept keptNumbers) error {
	text, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("keep the numbers of the hosts: %w", err)
	}
	return writeWhole(d.file(numbersFile), string(text)+"\n")
}
