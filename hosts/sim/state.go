package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// state is what a host has: machines in memory, and a file of JSON lines that each change is appended to.
// When the file is opened and most of it is overtaken, it is written anew; its power switches go to a history file first.
type state struct {
	dir string

	mu       sync.Mutex
	machines map[machineKey]*machine // guarded by mu; the machines are never written to
	ram      int64                   // guarded by mu; sum over machines
	disk     int64                   // guarded by mu; sum over machines
	last     int64                   // guarded by mu; microseconds since 1970 of the latest change of power
	file     *os.File                // guarded by mu
	line     bytes.Buffer            // guarded by mu; the next line of the file
	broken   error                   // guarded by mu; a line may be torn: nothing more can be appended
}

// record is one line: a machine's new state, or that it is gone. Power says that the change switched it.
type record struct {
	Machine *machine            `json:"m,omitempty"`
	Gone    *goneKey            `json:"gone,omitempty"`
	Power   string              `json:"power,omitempty"` // "on", "off"
	At      int64               `json:"at,omitempty"`    // microseconds since 1970
	Epoch   schemas.Epoch       `json:"epoch,omitempty"`
	By      schemas.OperationID `json:"by,omitempty"`
}

type goneKey struct {
	Server schemas.ServerID `json:"server"`
	Copy   int              `json:"copy"`
}

const (
	stateName  = "state.log"
	historyFor = "power.*.log"
	compactMin = 1024 // lines below which a file is left as it is
)

// openState reads a host's state.
func openState(dir string) (*state, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	st := &state{dir: dir, machines: map[machineKey]*machine{}}
	path := filepath.Join(dir, stateName)
	data, err := os.ReadFile(path) //nolint:gosec // the operator chose the directory
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines, good, err := st.load(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if lines > compactMin && lines > 2*len(st.machines) {
		if err := st.compact(data[:good]); err != nil {
			return nil, err
		}
		good = -1 // nothing to cut
	}
	st.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // the same path
	if err != nil || good < 0 || good == len(data) {
		return st, err
	}
	return st, st.file.Truncate(int64(good))
}

// load applies every line and returns how many there are and where the last whole one ends.
func (st *state) load(data []byte) (lines, good int, err error) {
	good, err = eachRecord(data, func(r *record) {
		lines++
		st.apply(r)
	})
	return lines, good, err
}

// eachRecord reads lines. A last line that is not whole is what a killed process left: it was promised to nobody.
func eachRecord(data []byte, each func(*record)) (good int, err error) {
	for good < len(data) {
		end := bytes.IndexByte(data[good:], '\n')
		if end < 0 {
			return good, nil
		}
		var r record
		if err := json.Unmarshal(data[good:good+end], &r); err != nil {
			return good, fmt.Errorf("damaged at byte %d: %w", good, err)
		}
		each(&r)
		good += end + 1
	}
	return good, nil
}

func (st *state) apply(r *record) {
	st.last = max(st.last, r.At)
	if r.Gone != nil {
		st.set(machineKey{r.Gone.Server, r.Gone.Copy}, nil)
	}
	if r.Machine != nil {
		st.set(r.Machine.key(), r.Machine)
	}
}

func (st *state) set(key machineKey, m *machine) {
	if old := st.machines[key]; old != nil {
		st.ram, st.disk = st.ram-old.RAMMiB, st.disk-old.DiskGB
	}
	if m == nil {
		delete(st.machines, key)
		return
	}
	st.machines[key] = m
	st.ram, st.disk = st.ram+m.RAMMiB, st.disk+m.DiskGB
}

// put stores a machine's new state and logs its power when that changed. The caller holds mu.
func (st *state) put(m machine, s *schemas.Step, now time.Time) error {
	r := record{Machine: &m}
	if was := st.machines[m.key()]; m.On != (was != nil && was.On) {
		r.Power, r.At, r.Epoch, r.By = powerWord(m.On), now.UnixMicro(), s.Epoch, s.Operation
	}
	return st.save(&r)
}

// drop forgets a machine. The caller holds mu.
func (st *state) drop(key machineKey, s *schemas.Step, now time.Time) error {
	r := record{Gone: &goneKey{key.server, key.copy}}
	if was := st.machines[key]; was.On {
		r.Power, r.At, r.Epoch, r.By = powerWord(false), now.UnixMicro(), s.Epoch, s.Operation
	}
	return st.save(&r)
}

// save writes the line and only then lets the change be true. The caller holds mu.
func (st *state) save(r *record) error {
	if st.broken != nil {
		return st.broken
	}
	st.line.Reset()
	if err := json.NewEncoder(&st.line).Encode(r); err != nil {
		return err
	}
	if n, err := st.file.Write(st.line.Bytes()); err != nil {
		return st.mend(n, err)
	}
	st.apply(r)
	return nil
}

// mend takes a half-written line back, so that a full disk does no harm.
func (st *state) mend(written int, cause error) error {
	if written == 0 {
		return cause
	}
	info, err := st.file.Stat()
	if err == nil {
		err = st.file.Truncate(info.Size() - int64(written))
	}
	if err != nil {
		st.broken = fmt.Errorf("simulated host's state is torn, start again: %w", err)
	}
	return cause
}

// compact keeps the power switches of data in a new history file and the machines in a new state file. Killed in between,
// both files have the switches; who reads them drops the doubles.
func (st *state) compact(data []byte) error {
	var history, present bytes.Buffer
	keep := json.NewEncoder(&history)
	var err error
	_, _ = eachRecord(data, func(r *record) { // read without error before
		if r.Power != "" {
			err = errors.Join(err, keep.Encode(slim(r)))
		}
	})
	out := json.NewEncoder(&present)
	for _, m := range st.sorted() {
		err = errors.Join(err, out.Encode(record{Machine: m}))
	}
	old, _ := filepath.Glob(filepath.Join(st.dir, historyFor)) // the pattern is right
	name := fmt.Sprintf("power.%06d.log", len(old)+1)
	return errors.Join(err, writeWhole(filepath.Join(st.dir, name), history.Bytes()),
		writeWhole(filepath.Join(st.dir, stateName), present.Bytes()))
}

// slim is the record with no more of the machine than the power log needs.
func slim(r *record) record {
	out := *r
	if r.Machine != nil {
		out.Machine = &machine{Server: r.Machine.Server, Copy: r.Machine.Copy, On: r.Machine.On}
	}
	return out
}

// sorted is every machine by server and copy. The caller holds mu, or nobody else has the state.
func (st *state) sorted() []*machine {
	return slices.SortedFunc(maps.Values(st.machines), func(a, b *machine) int {
		if a.Server != b.Server {
			return int(a.Server - b.Server)
		}
		return a.Copy - b.Copy
	})
}

func (st *state) close() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.broken = errors.New("simulated cloud: closed")
	return st.file.Close()
}

// writeWhole puts a file in place whole or not at all.
func writeWhole(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func powerWord(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// readMachine looks into the file of a host that another process drives.
func readMachine(dir string, host schemas.HostID, key machineKey) (*machine, error) {
	data, err := os.ReadFile(filepath.Join(hostDir(dir, host), stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st := &state{machines: map[machineKey]*machine{}}
	_, _, err = st.load(data)
	return st.machines[key], err
}
