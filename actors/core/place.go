package core

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
)

// candidate is how good a host with room is; the lowest wins.
type candidate struct {
	avoided bool
	mine    int32 // copies of the same account there: spread them
	free    int64 // MiB
	id      schemas.HostID
}

// before orders candidates: not avoided, then fewest of the same account, then most free RAM, then lowest id.
func (a candidate) before(b candidate) bool {
	switch {
	case a.avoided != b.avoided:
		return b.avoided
	case a.mine != b.mine:
		return a.mine < b.mine
	case a.free != b.free:
		return a.free > b.free
	default:
		return a.id < b.id
	}
}

// pick finds the slot of the best host for a copy; mine is where its account has copies, by ascending slot.
// It walks all hosts once, 1,000 of them in a few microseconds.
func pick(hosts []hostSums, mine []share, f schemas.Flavor, avoid schemas.HostID) (slot int32, ok bool) {
	var best candidate
	slot = -1
	at := int32(-1)
	for i := range hosts {
		h := &hosts[i]
		at++
		if h.lack(f) != roomy {
			continue
		}
		for len(mine) > 0 && mine[0].slot < at {
			mine = mine[1:]
		}
		c := candidate{avoided: h.id == avoid, free: h.ram - h.usedRAM, id: h.id}
		if len(mine) > 0 && mine[0].slot == at {
			c.mine = mine[0].count
		}
		if slot < 0 || c.before(best) {
			best, slot = c, at
		}
	}
	return slot, slot >= 0
}

// lack is the reason why a host cannot take a copy.
type lack int

const (
	roomy lack = iota
	lacksRAM
	lacksDisk
	isLost
	isFenced
	isUnknown // never heard of since its reservations were read
	lacks     // how many reasons there are
)

var lackText = [lacks]string{
	lacksRAM: "too little RAM", lacksDisk: "too little disk", isLost: "not answering", isFenced: "out of service", isUnknown: "not known yet",
}

func (h *hostSums) lack(f schemas.Flavor) lack {
	switch h.state {
	case schemas.HostUp:
		switch {
		case h.ram-h.usedRAM < f.RAMMiB:
			return lacksRAM
		case h.disk-h.usedDisk < f.DiskGB:
			return lacksDisk
		default:
			return roomy
		}
	case schemas.HostLost:
		return isLost
	case schemas.HostFenced:
		return isFenced
	default:
		return isUnknown
	}
}

// noRoom is the refusal of a flavor: every reason that some host has, without hosts or how many, and what would fit.
func noRoom(hosts []hostSums, flavors map[schemas.FlavorID]schemas.Flavor, f schemas.Flavor) *schemas.Error {
	var seen [lacks]bool
	for i := range hosts {
		seen[hosts[i].lack(f)] = true
	}
	var why []string
	for l, text := range lackText {
		if seen[l] {
			why = append(why, text)
		}
	}
	if len(hosts) == 0 {
		why = append(why, "there is no host")
	}
	if best, ok := largest(hosts, flavors); ok {
		why = append(why, fmt.Sprintf("the largest flavor that fits now is %d", int64(best)))
	} else {
		why = append(why, "no flavor fits now")
	}
	return schemas.Errorf(schemas.KindCapacity, "no host has room for flavor %d", int64(f.ID)).Because("%s", strings.Join(why, "; "))
}

// largest is the flavor with most RAM, then disk, that some host has room for.
func largest(hosts []hostSums, flavors map[schemas.FlavorID]schemas.Flavor) (schemas.FlavorID, bool) {
	var best schemas.Flavor
	found := false
	for _, f := range flavors {
		if found && compareFlavors(f, best) <= 0 {
			continue
		}
		if slices.ContainsFunc(hosts, func(h hostSums) bool { return h.lack(f) == roomy }) {
			best, found = f, true
		}
	}
	return best.ID, found
}

func compareFlavors(a, b schemas.Flavor) int {
	return cmp.Or(cmp.Compare(a.RAMMiB, b.RAMMiB), cmp.Compare(a.DiskGB, b.DiskGB), cmp.Compare(b.ID, a.ID))
}
