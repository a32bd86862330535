// Package readme_test pastes the commands of README.md into a shell, as a newcomer would.
package readme_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// root is the checkout, from this package's directory.
	root = "../.."
	// address is where make run listens: the page's commands have it in them.
	address = "127.0.0.1:8774"
	// patience bounds everything after the build.
	patience = 2 * time.Minute
	// start is the one block that goes into a shell of its own, since it does not end.
	start = "make run"
)

func TestEveryCommandOfTheReadmeWorks(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	portIsFree(t)
	dir := checkout(t)
	r := &reader{dir: dir}
	defer r.close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began, ran := time.Now(), 0
	for _, b := range blocks(string(page)) {
		switch b.lang {
		case "sh":
			err = r.paste(ctx, b.text)
			ran++
		case "text":
			err = shows(r.output, b.text)
		default:
			err = fmt.Errorf("a block of %q: want sh or text", b.lang)
		}
		if err != nil {
			t.Fatalf("README.md:%d: %v\n%s\nprinted:\n%s", b.line, err, b.text, r.output)
		}
	}
	t.Logf("%d blocks in %s", ran, time.Since(began).Round(time.Second))
}

// reader works through the page with two shells.
type reader struct {
	dir    string
	node   *terminal // the shell of make run
	shell  *terminal // the other one
	output string    // of the last block
	pasted int
}

// paste runs one block and returns when its last command has ended.
func (r *reader) paste(ctx context.Context, text string) error {
	if strings.TrimSpace(text) == start {
		return r.run(ctx)
	}
	if r.shell == nil {
		var err error
		if r.shell, err = open(r.dir, "sh", "-e"); err != nil { // -e: each command must work
			return err
		}
	}
	r.pasted++
	end := fmt.Sprintf("--end-of-block-%d--", r.pasted)
	from := r.shell.length()
	if _, err := fmt.Fprintf(r.shell.stdin, "%s\necho %s\n", text, end); err != nil {
		return fmt.Errorf("paste: %w", err)
	}
	var err error
	r.output, err = r.shell.await(ctx, from, end)
	return err
}

// run starts a node in its own shell, where the one before must have ended.
func (r *reader) run(ctx context.Context) (err error) {
	if r.node != nil {
		select {
		case <-r.node.ended:
		case <-ctx.Done():
			return errors.New("the node that was killed still runs")
		}
	}
	if r.node, err = open(r.dir, "sh", "-c", start); err != nil {
		return err
	}
	r.output, err = r.node.await(ctx, 0, "ozone is ready")
	return err
}

func (r *reader) close() {
	for _, t := range []*terminal{r.shell, r.node} {
		if t != nil {
			t.close()
		}
	}
}

func portIsFree(t *testing.T) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatalf("%v: the commands of README.md need this address; stop what listens there", err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkout is a copy of the source, so that its ./.data is nobody else's; what make run builds is built.
func checkout(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ozone")
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return copyEntry(path, dir, d)
	}); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "make", "build")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	return dir
}

// copyEntry copies a directory or a file of the checkout, without what git and make keep in it.
func copyEntry(path, dir string, d fs.DirEntry) error {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	to := filepath.Join(dir, rel)
	switch {
	case d.IsDir() && (rel == ".git" || rel == ".bin" || rel == ".data"):
		return fs.SkipDir
	case d.IsDir():
		return os.MkdirAll(to, 0o700)
	case !d.Type().IsRegular():
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
