package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/ozonecloud/ozone/tests/bench"
	"github.com/ozonecloud/ozone/tests/floors"
)

type benchCmd struct {
	Floors bool     `help:"Measure the floors too: what a bare handler and bare commits reach."`
	Rounds int      `help:"Rounds of each row; its median counts." default:"3"`
	Only   []string `help:"Measure these rows only: get, post, create, reboot, start, idle." placeholder:"ROW"`
}

// Run measures nodes of this very program and prints one Markdown table.
func (c *benchCmd) Run(ctx context.Context, e *env) error {
	if c.Rounds < 1 {
		return usageError{fmt.Errorf("--rounds %d: want 1 or more", c.Rounds)}
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return bench.Run(ctx, bench.Config{Binary: binary, Rounds: c.Rounds, Only: c.Only, Floors: c.Floors, Log: os.Stderr}, e.out)
}

// floorCmd is the bare handler that bench measures beside a node.
type floorCmd struct {
	Listen string   `default:"127.0.0.1:0"`
	Data   string   // not used: bench starts it as it starts nodes
	Body   string   // of every answer
	Header []string `sep:"none"` // lines
}

// Run serves until a signal comes.
func (c *floorCmd) Run(ctx context.Context, e *env) error {
	var header []string
	for _, line := range c.Header {
		name, value, _ := strings.Cut(line, ": ")
		header = append(header, name, value)
	}
	return floors.Handler(ctx, c.Listen, header, []byte(c.Body), e.out)
}
