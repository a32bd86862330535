package tenant

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/ozonecloud/ozone/schemas"
)

// barLength is the length of a full bar, in characters: with its words it fits into 80 columns.
const barLength = 20

// progress shows how far an operation is: on a terminal as a bar that grows, else as a line for each change.
type progress struct {
	out      io.Writer
	terminal bool
	drawn    bool // there is a bar in the terminal's last line
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	return &progress{out: out, terminal: ok && isatty.IsTerminal(f.Fd())}
}

// show shows an operation that has changed. What cannot be written is not worth an error.
func (p *progress) show(o schemas.Operation) {
	if !p.terminal {
		_, _ = fmt.Fprintf(p.out, "%s %s\n", o.Action, doing(o))
		return
	}
	full := barLength * o.Percent / 100
	p.drawn = true
	_, _ = fmt.Fprintf(p.out, "\r\x1b[K%s [%s%s] %s", o.Action, strings.Repeat("#", full), strings.Repeat(".", barLength-full), doing(o))
}

// close leaves the bar as it is and goes on below it.
func (p *progress) close() {
	if p.drawn {
		_, _ = fmt.Fprintln(p.out)
	}
}

// doing says in a few words where an operation stands.
func doing(o schemas.Operation) string {
	if o.State != schemas.OperationRunning || o.Step == "" {
		return fmt.Sprintf("%d%% %s", o.Percent, o.State)
	}
	text := fmt.Sprintf("%d%% %s (step %d of %d)", o.Percent, o.Step, o.StepIndex, o.StepCount)
	if o.Attempt > 1 {
		text += fmt.Sprintf(", try %d", o.Attempt)
	}
	return text
}
