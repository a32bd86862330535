// Package rig starts private servers for tests: on loopback, in temporary folders, gone with the test.
package rig

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// readiness bounds a server's start. Measured: a first boot takes 4 s, 25 s on a loaded machine.
const readiness = 60 * time.Second

// process is a running server. It dies with the test's process, however that ends.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone
}

// start runs cmd in a process group of its own.
func start(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() { // ends with the process
		runtime.LockOSThread() // the kernel counts the end of the thread that started it as the parent's death
		defer close(p.ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return p, <-started
}

// signal reaches the whole group; a process that is gone takes no harm.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.ended:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// kill returns when the process is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// listens waits until address takes connections or the process has ended.
func (p *process) listens(address string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(readiness)
	defer deadline.Stop()
	for {
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended before it listened on %s: %v", p.cmd.Path, address, p.cmd.ProcessState)
		case <-deadline.C:
			return fmt.Errorf("%s does not listen on %s after %v", p.cmd.Path, address, readiness)
		case <-tick.C:
			c, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				_ = c.Close()
				return nil
			}
		}
	}
}

// freePort asks the kernel for a port that nobody has.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("free port: %v", err)
	}
	defer func() { _ = l.Close() }()
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("free port: %v is no TCP address", l.Addr())
	}
	return address.Port
}

// tail is the end of a log, for the message of a failed start.
func tail(file string) string {
	const most = 4096
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
