package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/nodetest"
)

func TestATerminalGetsABar(t *testing.T) {
	t.Parallel()
	n := nodetest.Start(t, "--sim-delay", "50ms")
	me := loggedIn(t, n, "me", n.URL())
	// script(1), of every Linux, runs a command on a terminal.
	cmd := exec.CommandContext(t.Context(), "script", "-qec", me.binary+" server create s --image 1 --flavor 1 --wait", "/dev/null")
	cmd.Env = me.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("script: %v\n%s", err, out)
	}
	for _, want := range []string{"\r\x1b[Kserver.create [....................] 0%", "\r\x1b[Kserver.create [####################] 100% succeeded\r\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("on a terminal: %q, want %q", out, want)
		}
	}
}

func TestBashCompletes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink(nodetest.Binary(t), filepath.Join(dir, "ozone")); err != nil { // it may have another name
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"ozone server re":            "reboot rebuild resize revert",
		"ozone ser":                  "server serve",
		"ozone server list --output": "--output",
		"ozone server list -o ":      "table json",
		"ozone completion f":         "fish",
		"ozone server show x --ti":   "--timeout",
	} {
		script := `source <(ozone completion bash); IFS=' ' read -ra COMP_WORDS <<<"$1"; [[ $1 == *' ' ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ozone; echo "${COMPREPLY[*]}"`
		cmd := exec.CommandContext(t.Context(), "bash", "-c", script, "bash", line)
		cmd.Env = append(cmd.Environ(), "PATH="+dir+":/usr/bin:/bin")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%q completes to %q, %v, want %q", line, out, err, want)
		}
	}
}
