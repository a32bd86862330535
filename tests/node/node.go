// Package node runs the real binary: it starts it, kills it, starts it again and keeps what it logged.
package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// readyWord is in the line that a node prints once it serves.
const readyWord = "ready"

// patience bounds the wait for a node to be ready and to end. A loaded machine needs seconds, never a minute.
const patience = time.Minute

// Config says which binary runs and how.
type Config struct {
	Binary string // see Build
	Dir    string // the data directory
	// Command is what the binary is told to do; default: serve.
	Command []string
	Args    []string // of the command, beside --listen and --data
	Env     []string // NAME=value, added to this process's environment
	// Listen is the address; "" picks a free port at the first start and keeps it.
	Listen string
}

// Node is one process at a time on one data directory.
type Node struct {
	cfg Config
	log logs

	cmd   *exec.Cmd
	began time.Time
	ready chan string   // gets the ready line
	ended chan struct{} // closed when the process has ended
	err   error         // of the process; read after ended
	url   string
}

// Start runs a node and returns when it is ready.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	n := &Node{cfg: cfg}
	_, err := n.Restart(ctx)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// Restart starts the process anew after Kill9 or Stop and returns how long it took to be ready.
func (n *Node) Restart(ctx context.Context) (time.Duration, error) {
	if err := n.Launch(); err != nil {
		return 0, err
	}
	return n.await(ctx)
}

// Launch starts the process and does not wait until it is ready.
func (n *Node) Launch() error {
	listen := n.cfg.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	command := n.cfg.Command
	if command == nil {
		command = []string{"serve"}
	}
	args := append(slices.Clone(command), "--listen", listen, "--data", n.cfg.Dir)
	args = append(args, n.cfg.Args...)
	n.cmd = exec.Command(n.cfg.Binary, args...) //nolint:gosec,noctx // the tests' own binary; Kill9 and Stop end it
	n.cmd.Env = append(os.Environ(), n.cfg.Env...)
	n.cmd.Stderr = &n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing survives a test
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	n.began = time.Now()
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	n.ready, n.ended = make(chan string, 1), make(chan struct{}) // one ready line
	read := make(chan struct{})
	go n.read(out, n.ready, read)
	go n.reap(n.cmd, read, n.ended)
	return nil
}

// read keeps what the process prints and reports its ready line; it ends with the process.
func (n *Node) read(out io.Reader, ready chan<- string, read chan<- struct{}) {
	defer close(read)
	lines := bufio.NewScanner(out)
	for told := false; lines.Scan(); {
		line := lines.Text()
		_, _ = n.log.Write([]byte(line + "\n"))
		if !told && strings.Contains(line, readyWord) && strings.Contains(line, "http") {
			told = true
			ready <- line
		}
	}
}

func (n *Node) reap(cmd *exec.Cmd, read <-chan struct{}, ended chan<- struct{}) {
	<-read // Wait closes the pipe
	n.err = cmd.Wait()
	close(ended)
}

// AwaitReady returns when the process that Launch has started serves.
func (n *Node) AwaitReady(ctx context.Context) error {
	_, err := n.await(ctx)
	return err
}

func (n *Node) await(ctx context.Context) (time.Duration, error) {
	end := time.NewTimer(patience)
	defer end.Stop()
	select {
	case line := <-n.ready:
		took := time.Since(n.began)
		n.url = urlIn(line)
		if n.url == "" {
			return took, errors.Join(fmt.Errorf("start node: no URL in %q", line), n.Kill9())
		}
		n.cfg.Listen = n.url[strings.Index(n.url, "://")+3:]
		return took, nil
	case <-n.ended:
		return 0, fmt.Errorf("start node: it ended: %w\n%s", n.err, n.Log())
	case <-ctx.Done():
		return 0, errors.Join(fmt.Errorf("start node: %w", ctx.Err()), n.Kill9())
	case <-end.C:
		return 0, errors.Join(fmt.Errorf("start node: not ready after %s\n%s", patience, n.Log()), n.Kill9())
	}
}

// urlIn is the first URL in a line.
func urlIn(line string) string {
	for word := range strings.FieldsSeq(line) {
		if strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://") {
			return strings.TrimRight(word, ",.;)")
		}
	}
	return ""
}

// URL is the scheme and authority of the node.
func (n *Node) URL() string { return n.url }

// Dir is the data directory.
func (n *Node) Dir() string { return n.cfg.Dir }

// Setting is the value of a name in Config.Env; "" when it is not there.
func (n *Node) Setting(name string) string {
	for _, setting := range n.cfg.Env {
		if value, ok := strings.CutPrefix(setting, name+"="); ok {
			return value
		}
	}
	return ""
}

// Log is everything that the process printed so far, of all its lives.
func (n *Node) Log() string { return n.log.String() }

// AwaitLog waits until the process has printed text, in this life or an earlier one.
func (n *Node) AwaitLog(ctx context.Context, text string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(n.Log(), text) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %q in the log: %w", text, ctx.Err())
		}
	}
	return nil
}

// PID is the process's id.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (n *Node) Ended() <-chan struct{} { return n.ended }

// Kill9 kills the process where it stands and returns when it is gone.
func (n *Node) Kill9() error {
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill node: %w", err)
	}
	<-n.ended
	return nil
}

// Pause stops the process in its tracks, as a machine that hangs does. Resume lets it go on.
func (n *Node) Pause() error { return n.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (n *Node) Resume() error { return n.cmd.Process.Signal(syscall.SIGCONT) }

// Stop asks the process to end and returns when it has; ending otherwise than cleanly is an error. It may be called twice.
func (n *Node) Stop() error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop node: %w", err)
	}
	end := time.NewTimer(patience)
	defer end.Stop()
	select {
	case <-n.ended:
	case <-end.C:
		return errors.Join(fmt.Errorf("stop node: it runs %s after SIGTERM\n%s", patience, n.Log()), n.Kill9())
	}
	var exit *exec.ExitError
	if errors.As(n.err, &exit) && exit.ExitCode() < 0 {
		return nil // it was killed before
	}
	if n.err != nil {
		return fmt.Errorf("stop node: %w\n%s", n.err, n.Log())
	}
	return nil
}

// Run runs another command of the binary and returns what it printed; its stderr is part of the error.
func (n *Node) Run(ctx context.Context, args ...string) (string, error) {
	return Run(ctx, n.cfg.Binary, n.cfg.Env, args...)
}

// Run runs a command of the binary and returns what it printed; its stderr is part of the error.
func Run(ctx context.Context, binary string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the tests' own binary
	cmd.Env = append(os.Environ(), env...)
	var out, problem strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("ozone %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), problem.String())
	}
	return out.String(), nil
}

// Audit checks the laws over the node's data directory.
func (n *Node) Audit(ctx context.Context) (string, error) {
	return n.Run(ctx, "audit", "--data", n.cfg.Dir)
}

// Build builds the binary into dir; the environment's OZONE_BIN is taken instead when no build tags are wanted.
func Build(ctx context.Context, dir string, tags ...string) (string, error) {
	if bin := os.Getenv("OZONE_BIN"); bin != "" && len(tags) == 0 {
		return filepath.Abs(bin)
	}
	path := filepath.Join(dir, "ozone")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", strings.Join(tags, ","), "-o", path, "github.com/ozonecloud/ozone/cmd/ozone") //nolint:gosec // constant but for the tests' tags
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ozone: %w\n%s", err, out)
	}
	return path, nil
}

// logs is a buffer that many may write to.
type logs struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

// Write keeps p.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is everything so far.
func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
