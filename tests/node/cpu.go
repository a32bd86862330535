package node

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat, USER_HZ. Source: proc(5); it is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// CPU is the processor time that a process has used, its own and its system calls'.
func CPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name may hold anything, a space too
	fields := bytes.Fields(rest)
	const user, system = 14 - 3, 15 - 3 // counted from the third field
	if len(fields) <= system {
		return 0, errors.New("processor time: /proc/PID/stat is short")
	}
	var ticks int64
	for _, f := range [][]byte{fields[user], fields[system]} {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
