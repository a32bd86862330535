package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// newDir makes a directory whose name begins with prefix, and removes those of processes that died before they could.
func newDir(prefix string) (string, error) {
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*-*")) // the pattern is right
	for _, dir := range old {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		if pid, err := strconv.Atoi(owner); err == nil && dead(pid) {
			_ = os.RemoveAll(dir) // somebody else may be at it
		}
	}
	return os.MkdirTemp("", fmt.Sprintf("%s%d-", prefix, os.Getpid()))
}

// dead tells whether a process has ended, reaped or not.
func dead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	text := string(stat)
	state := strings.TrimSpace(text[strings.LastIndexByte(text, ')')+1:]) // behind the name, which may hold anything
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}

func childrenOf(pid int) []int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid)) // without it there are none
	var list []int
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			list = append(list, child)
		}
	}
	return list
}

// waitDead returns when all processes, which were killed, have ended, or after readiness. They get no parent that could wait for them.
func waitDead(pids []int) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(readiness); time.Now().Before(deadline); <-ticker.C {
		left := pids[:0]
		for _, pid := range pids {
			if !dead(pid) {
				left = append(left, pid)
			}
		}
		if pids = left; len(pids) == 0 {
			return
		}
	}
}
