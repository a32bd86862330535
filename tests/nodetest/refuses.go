package nodetest

import (
	"context"
	"errors"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/node"
)

// startPatience bounds a start that must fail.
const startPatience = time.Minute

// Refuses starts a node that must end by itself, with all of the words in its error and no password of its settings.
func Refuses(tb testing.TB, cfg node.Config, words ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), startPatience)
	defer cancel()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", cfg.Dir}, cfg.Args...)
	_, err := node.Run(ctx, Binary(tb), cfg.Env, args...)
	if err == nil || ctx.Err() != nil {
		tb.Fatalf("the node started in %s with %v, or went on for ever: %v", cfg.Dir, cfg.Args, err)
	}
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		tb.Fatal(err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			tb.Errorf("%v; want %q in it", err, w)
		}
	}
	if strings.Contains(err.Error(), "goroutine ") {
		tb.Errorf("a stack instead of words: %v", err)
	}
	for _, setting := range cfg.Env {
		_, value, _ := strings.Cut(setting, "=")
		if p := password(value); p != "" && strings.Contains(err.Error(), p) {
			tb.Errorf("%v; it shows a password", err)
		}
	}
}

// password is that of a URL; "" when there is none.
func password(setting string) string {
	u, err := url.Parse(setting)
	if err != nil || u.User == nil {
		return ""
	}
	p, _ := u.User.Password()
	return p
}
