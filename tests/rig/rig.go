// Package rig starts private servers for tests: each in a directory of its own, on a port of the loopback
// interface, and dead when the test is, however it ends.
package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// readiness is how long a server may take to answer. Source: docs/numbers.md.
const readiness = 60 * time.Second

// child is a server process that cannot outlive this one.
type child struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // why it ended; set before done is closed
}

// startChild starts cmd so that it gets the signal when this process dies, whatever kills it.
func startChild(cmd *exec.Cmd, whenOrphaned syscall.Signal) (*child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = whenOrphaned
	c := &child{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() { // ends when the process has ended
		// The signal comes when the thread that forked dies: it must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// signal sends sig and waits until the process has ended.
func (c *child) signal(sig syscall.Signal) {
	_ = c.cmd.Process.Signal(sig) // it may have ended already
	<-c.done
}

// poll tries until try succeeds, the process ends or readiness is over.
func poll(ctx context.Context, c *child, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readiness)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-c.done:
			return fmt.Errorf("it ended: %w", errors.Join(c.err, err))
		case <-ctx.Done():
			return fmt.Errorf("not ready after %v: %w", readiness, err)
		}
	}
}

// freePort is a port of the loopback interface that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return 0, err
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("listening on %v, which is no TCP address", l.Addr())
	}
	return addr.Port, l.Close()
}

// tail is the end of a log.
func tail(path string) string {
	const most = 2000
	text, err := os.ReadFile(path) //nolint:gosec // the rig's own file
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
