package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// configFile is the flag that names a file with the values of other flags.
type configFile string

// BeforeResolve reads the file before the other flags get their values.
func (f configFile) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(configFile)
	text, err := os.ReadFile(string(path))
	if err != nil {
		return fmt.Errorf("read config: %w", err)
	}
	values := map[string]any{}
	if err := json.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("config %s: want a JSON object of flag names and values: %w", path, err)
	}
	known := flagNames(k.Model.Node)
	for name := range values {
		if !known[name] || name == "config" {
			return fmt.Errorf("config %s: no flag %q", path, name)
		}
	}
	ctx.AddResolver(fileValues(values))
	return nil
}

func flagNames(n *kong.Node) map[string]bool {
	names := map[string]bool{}
	for _, flag := range n.Flags {
		names[flag.Name] = true
	}
	for _, child := range n.Children {
		for name := range flagNames(child) {
			names[name] = true
		}
	}
	return names
}

// fileValues are a file's values; those of the environment go before.
type fileValues map[string]any

// Validate has nothing left to check.
func (v fileValues) Validate(*kong.Application) error { return nil }

// Resolve is the file's value of a flag, nil when another place has one. A flag without a variable is a tenant's for one
// command: the file's may be of the same name and mean something else.
func (v fileValues) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if len(flag.Envs) == 0 || slices.ContainsFunc(flag.Envs, func(name string) bool { _, set := os.LookupEnv(name); return set }) {
		return nil, nil //nolint:nilnil // kong's way to say "not here"
	}
	return scalar(v[flag.Name]), nil
}

// scalar is v, and an object in the form that the command line has for it: "copy=2h;start=3m".
func scalar(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	parts := make([]string, 0, len(object))
	for key, value := range object {
		parts = append(parts, fmt.Sprintf("%s=%v", key, value))
	}
	return strings.Join(parts, ";")
}
