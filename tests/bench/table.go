package bench

import (
	"fmt"
	"io"
	"strings"
)

// line is a measured row of the table.
type line struct {
	what, measured, floor, share, must, aim string
	verdict                                 verdict
}

// verdict says how a measurement stands to what it must and is aimed to be.
type verdict int

const (
	far  verdict = iota // misses the must by more than a fifth
	miss                // misses the must
	must
	aim
)

func (v verdict) String() string {
	switch v {
	case aim:
		return "aim reached"
	case must:
		return "must reached"
	case miss:
		return "**must missed, by a fifth at most**"
	default:
		return "**must missed**"
	}
}

// tolerance is how far a must may be missed on a loaded machine before it counts.
const tolerance = 1.2

// more judges what is better when it is larger.
func more(v, least, wanted float64) verdict {
	switch {
	case v >= wanted:
		return aim
	case v >= least:
		return must
	case v*tolerance >= least:
		return miss
	default:
		return far
	}
}

// less judges what is better when it is smaller.
func less(v, most, wanted float64) verdict {
	switch {
	case v <= wanted:
		return aim
	case v <= most:
		return must
	case v <= most*tolerance:
		return miss
	default:
		return far
	}
}

func worse(a, b verdict) verdict { return min(a, b) }

func percent(v float64) string { return fmt.Sprintf("%.0f %%", v) }

// printTable prints the lines as one Markdown table.
func printTable(out io.Writer, lines []line) error {
	var b strings.Builder
	b.WriteString("| what | measured | floor | of the floor | must | aim | verdict |\n|---|---|---|---|---|---|---|\n")
	missed := 0
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", l.what, l.measured, dash(l.floor), dash(l.share), l.must, l.aim, l.verdict)
		if l.verdict == far {
			missed++
		}
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("bench: %d rows miss their must by more than a fifth", missed)
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
