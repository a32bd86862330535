package tenant

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// printer shows results as tables or as JSON.
type printer struct {
	out  io.Writer
	json bool
}

// column is one of a table of T: its head and what stands in it.
type column[T any] struct {
	head string
	cell func(T) any
}

// showAll prints a list: a row for each.
func showAll[T any](p printer, list []T, columns []column[T]) error {
	if p.json {
		return p.document(list)
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.Join(heads(columns), "\t")) // Flush says what went wrong
	for _, v := range list {
		_, _ = fmt.Fprintln(w, strings.Join(cells(columns, v), "\t"))
	}
	return w.Flush()
}

func heads[T any](columns []column[T]) []string {
	words := make([]string, 0, len(columns))
	for _, c := range columns {
		words = append(words, c.head)
	}
	return words
}

func cells[T any](columns []column[T], v T) []string {
	words := make([]string, 0, len(columns))
	for _, c := range columns {
		words = append(words, cell(c.cell(v)))
	}
	return words
}

// show prints one thing: a line for each of its columns that says something.
func show[T any](p printer, v T, columns []column[T]) error {
	if p.json {
		return p.document(v)
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, c := range columns {
		if text := cell(c.cell(v)); text != nothing {
			_, _ = fmt.Fprintln(w, c.head+"\t"+text) // Flush says what went wrong
		}
	}
	return w.Flush()
}

func (p printer) document(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = fmt.Fprintf(p.out, "%s\n", text)
	return err
}

// nothing is how a table shows that there is nothing.
const nothing = "-"

// cell is a value in a table. Names may have anything in them: what would move the cursor must not reach the terminal.
func cell(v any) string {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, fmt.Sprint(v))
	if text == "" {
		return nothing
	}
	return text
}

// number is an id in a table; 0 is none.
func number[ID ~int64](id ID) any {
	if id == 0 {
		return ""
	}
	return id
}

// pairs are metadata in a table, in the order of their keys.
func pairs(m map[string]string) any {
	words := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		words = append(words, key+"="+m[key])
	}
	return strings.Join(words, " ")
}
