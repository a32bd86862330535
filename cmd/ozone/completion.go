package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completions are what makes a shell ask ozone complete for the words that may come next.
var completions = map[string]string{
	"bash": `_ozone() { mapfile -t COMPREPLY < <(ozone complete -- "${COMP_WORDS[@]:1:COMP_CWORD}"); }
complete -o default -F _ozone ozone
`,
	"zsh": `#compdef ozone
_ozone() { local -a words_; words_=(${(f)"$(ozone complete -- "${(@)words[2,CURRENT]}")"}); compadd -a words_ || _files; }
compdef _ozone ozone
`,
	"fish": `complete -c ozone -f -a '(ozone complete -- (commandline -opc)[2..] (commandline -ct))'
`,
}

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says where the text goes.
func (*completionCmd) Help() string {
	return `For this shell alone: source <(ozone completion bash), or ozone completion fish | source. For good, put that line into ~/.bashrc, ~/.zshrc (behind compinit) or config.fish.`
}

// Run prints the shell's text.
func (c *completionCmd) Run(e *env) error {
	_, err := fmt.Fprint(e.out, completions[c.Shell])
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run prints what the last of the words may become, a line for each.
func (c *completeCmd) Run(e *env, k *kong.Context) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, w := range candidates(k.Model.Node, words) {
		if _, err := fmt.Fprintln(e.out, w); err != nil {
			return err
		}
	}
	return nil
}

// candidates are the commands, flags or values that may stand where the last of the words does.
func candidates(root *kong.Node, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	before, last := words[:len(words)-1], words[len(words)-1]
	at, open := walk(root, before)
	var all []string
	switch {
	case open != nil:
		all = enum(open)
	case strings.HasPrefix(last, "-"):
		all = flags(at)
	default:
		for _, child := range at.Children {
			if !child.Hidden {
				all = append(all, child.Name)
			}
		}
		for _, arg := range at.Positional {
			all = append(all, enum(arg)...)
		}
	}
	return slices.DeleteFunc(all, func(w string) bool { return !strings.HasPrefix(w, last) })
}

// walk follows words to the command that they name; open is a flag that still wants its value.
func walk(at *kong.Node, words []string) (_ *kong.Node, open *kong.Value) {
	for _, w := range words {
		switch {
		case open != nil:
			open = nil
		case strings.HasPrefix(w, "-"):
			open = wanting(at, w)
		default:
			if i := slices.IndexFunc(at.Children, func(n *kong.Node) bool { return n.Name == w }); i >= 0 {
				at = at.Children[i]
			}
		}
	}
	return at, open
}

// wanting is the flag of that word when it takes the next word as its value.
func wanting(at *kong.Node, word string) *kong.Value {
	for _, of := range at.AllFlags(true) {
		for _, f := range of {
			if !f.IsBool() && (word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short)) {
				return f.Value
			}
		}
	}
	return nil
}

func flags(at *kong.Node) []string {
	var names []string
	for _, of := range at.AllFlags(true) {
		for _, f := range of {
			names = append(names, "--"+f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// enum are the values that v takes, when they are few.
func enum(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}
