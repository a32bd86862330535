package node

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Unlimited is more RAM, in MB, than any test uses.
const Unlimited = 1 << 30

// Account is who may log in.
type Account struct {
	ID   int64
	User string
	Key  string
}

// Account makes an account through the command line; ramMB 0 means the default.
func (n *Node) Account(ctx context.Context, user string, ramMB int64) (Account, error) {
	args := []string{"account", "create", "--data", n.cfg.Dir, "--user", user, "--limits", "off"}
	if ramMB > 0 {
		args = append(args, "--ram", strconv.FormatInt(ramMB, 10))
	}
	out, err := n.Run(ctx, args...)
	if err != nil {
		return Account{}, err
	}
	a := Account{User: user}
	for line := range strings.Lines(out) {
		word := strings.Fields(line)
		if len(word) < 2 {
			continue
		}
		switch strings.TrimRight(word[0], ":") {
		case "account":
			a.ID, err = strconv.ParseInt(word[1], 10, 64)
		case "key":
			a.Key = word[1]
		}
	}
	if err != nil || a.ID == 0 || a.Key == "" {
		return a, fmt.Errorf("account create: no account and key in %q", out)
	}
	return a, nil
}
