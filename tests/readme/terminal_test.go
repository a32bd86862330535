package readme_test

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// terminal is a process with what it printed so far.
type terminal struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when the process has ended

	mu   sync.Mutex
	text strings.Builder // guarded by mu
	more chan struct{}   // guarded by mu; closed at the next output
}

// open starts a command in dir, in a process group of its own.
func open(dir, name string, args ...string) (*terminal, error) {
	t := &terminal{cmd: exec.Command(name, args...), ended: make(chan struct{}), more: make(chan struct{})}
	t.cmd.Dir, t.cmd.Stdout, t.cmd.Stderr = dir, t, t
	t.cmd.Env = append(t.cmd.Environ(), "XDG_CONFIG_HOME="+filepath.Join(dir, ".config")) // who runs the tests stays logged in
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if t.stdin, err = t.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("open terminal: %w", err)
	}
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("open terminal: %w", err)
	}
	go func() { // ends with the process
		_ = t.cmd.Wait() // how it ended shows in what it printed
		close(t.ended)
	}()
	return t, nil
}

// Write keeps what the process prints.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.more)
	t.more = make(chan struct{})
	return t.text.Write(p)
}

// since is what was printed from an offset on; more is closed when there is more.
func (t *terminal) since(from int) (text string, more <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()[from:], t.more
}

// length is how much was printed so far.
func (t *terminal) length() int {
	text, _ := t.since(0)
	return len(text)
}

// await waits until what is printed from an offset on has a word, and returns what stands before it.
func (t *terminal) await(ctx context.Context, from int, word string) (string, error) {
	for {
		text, more := t.since(from)
		if before, _, found := strings.Cut(text, word); found {
			return before, nil
		}
		select {
		case <-more:
		case <-t.ended:
			text, _ := t.since(from)
			if before, _, found := strings.Cut(text, word); found {
				return before, nil
			}
			return text, fmt.Errorf("%s ended: %v", t.cmd, t.cmd.ProcessState)
		case <-ctx.Done():
			return text, ctx.Err()
		}
	}
}

// close kills the process and whatever it started.
func (t *terminal) close() {
	_ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL) // all may have ended
	<-t.ended
}
