package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// PowerEvent is one power switch of one copy of a server.
type PowerEvent struct {
	At        time.Time
	Host      schemas.HostID
	Server    schemas.ServerID
	Copy      int
	On        bool
	Epoch     schemas.Epoch
	Operation schemas.OperationID
}

// ReadPowerLog is every power switch in a cloud's directory, in order of time. The cloud may be at work.
func ReadPowerLog(dir string) ([]PowerEvent, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "hosts", "*", "*.log"))
	if err != nil {
		return nil, fmt.Errorf("power log: %w", err)
	}
	var events []PowerEvent
	for _, path := range paths {
		host, err := strconv.ParseInt(filepath.Base(filepath.Dir(path)), 10, 64)
		if err != nil {
			continue // not a host's directory
		}
		if events, err = readPower(path, schemas.HostID(host), events); err != nil {
			return nil, fmt.Errorf("power log: %s: %w", path, err)
		}
	}
	slices.SortStableFunc(events, func(a, b PowerEvent) int { return a.At.Compare(b.At) })
	return unique(events), nil
}

func readPower(path string, host schemas.HostID, events []PowerEvent) ([]PowerEvent, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator chose the directory
	if err != nil {
		return nil, err
	}
	_, err = eachRecord(data, func(r *record) {
		if r.Power == "" {
			return
		}
		e := PowerEvent{At: time.UnixMicro(r.At), Host: host, On: r.Power == "on", Epoch: r.Epoch, Operation: r.By}
		if r.Machine != nil {
			e.Server, e.Copy = r.Machine.Server, r.Machine.Copy
		}
		if r.Gone != nil {
			e.Server, e.Copy = r.Gone.Server, r.Gone.Copy
		}
		events = append(events, e)
	})
	return events, err
}

// unique drops the doubles of an interrupted compaction.
func unique(events []PowerEvent) []PowerEvent {
	seen := make(map[PowerEvent]bool, len(events))
	return slices.DeleteFunc(events, func(e PowerEvent) bool {
		e.At = e.At.Round(0).UTC()
		was := seen[e]
		seen[e] = true
		return was
	})
}

// Overlaps names every time that a server was on at two places at once; the events are in order of time.
func Overlaps(events []PowerEvent) []string {
	type place struct {
		host schemas.HostID
		copy int
	}
	on := map[schemas.ServerID]map[place]PowerEvent{}
	var found []string
	for _, e := range events {
		here := place{e.Host, e.Copy}
		if !e.On {
			delete(on[e.Server], here)
			continue
		}
		for there, other := range on[e.Server] {
			if there != here {
				found = append(found, fmt.Sprintf("server %d: on at host %d copy %d (%s, epoch %d) since %s and at host %d copy %d (%s, epoch %d) from %s",
					e.Server, there.host, there.copy, other.Operation, other.Epoch, other.At.UTC().Format(time.RFC3339Nano),
					here.host, here.copy, e.Operation, e.Epoch, e.At.UTC().Format(time.RFC3339Nano)))
			}
		}
		if on[e.Server] == nil {
			on[e.Server] = map[place]PowerEvent{}
		}
		on[e.Server][here] = e
	}
	return found
}
