package readme_test

import (
	"fmt"
	"regexp"
	"strings"
)

// block is one fenced block of a page.
type block struct {
	lang string
	text string
	line int // of the page, where it begins
}

// blocks lists the fenced blocks of a Markdown page.
func blocks(page string) []block {
	const fence = "```"
	var all []block
	var open *block
	n := 0
	for line := range strings.Lines(page) {
		n++
		lang, isFence := strings.CutPrefix(line, fence)
		switch {
		case isFence && open == nil:
			open = &block{lang: strings.TrimSpace(lang), line: n}
		case isFence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	return all
}

var blanks = regexp.MustCompile(`[ \t\r]+`)

// tidy is text with each run of blanks as one, as columns and terminals differ.
func tidy(text string) string {
	lines := strings.Split(blanks.ReplaceAllString(text, " "), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

// shows checks that output has the lines of want in their order, others between them; "..." stands for anything within a line.
func shows(output, want string) error {
	rest := tidy(output)
	for line := range strings.SplitSeq(strings.TrimSpace(tidy(want)), "\n") {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `.*`)
		at := regexp.MustCompile(`(?m)^` + pattern + `$`).FindStringIndex(rest)
		if at == nil {
			return fmt.Errorf("no line %q after the ones before it", line)
		}
		rest = rest[at[1]:]
	}
	return nil
}
