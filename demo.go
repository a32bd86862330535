package ozone

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The demo's account.
const (
	demoAccount schemas.AccountID = 1001
	demoUser                      = "demo"
)

// prepareDemo makes the demo account when it is wanted, and refuses one that strangers could reach.
func (n *Node) prepareDemo(ctx context.Context) error {
	user, err := n.store.User(ctx, demoUser)
	missing := errors.Is(err, storage.ErrNotFound)
	if err != nil && !missing {
		return fmt.Errorf("look for the demo account: %w", err)
	}
	if !n.cfg.Demo {
		if !missing && n.cfg.strangers() {
			return fmt.Errorf("data directory %s has the demo account and %s is reachable from other machines: give another directory with --data", n.cfg.Data, n.cfg.Listen)
		}
		return nil
	}
	if n.demoKey, err = n.loadDemoKey(); err != nil {
		return err
	}
	n.demoLimits = user.RateLimits
	hash := sha256.Sum256([]byte(n.demoKey))
	if missing {
		account := schemas.Account{V: schemas.StateV, ID: demoAccount, Name: demoUser, RAMLimitMiB: schemas.DefaultRAMLimitMiB}
		if _, err := n.store.CreateAccount(ctx, account, demoUser, hash[:]); err != nil {
			return fmt.Errorf("make the demo account: %w", err)
		}
		n.demoLimits = schemas.NoRateLimits() // who tries something out should not wait
		return setRateLimits(ctx, n.store, demoAccount, n.demoLimits)
	}
	if subtle.ConstantTimeCompare(user.KeyHash, hash[:]) == 1 {
		return nil
	}
	if err := n.store.RotateKey(ctx, demoUser, hash[:]); err != nil {
		return fmt.Errorf("set the demo account's key: %w", err)
	}
	return nil
}

func (n *Node) loadDemoKey() (string, error) {
	if n.cfg.DemoKey != "" {
		return n.cfg.DemoKey, nil
	}
	path := n.dir.file(demoFile)
	if !exists(path) {
		key, err := newKey()
		if err != nil {
			return "", err
		}
		return key, writeWhole(path, key+"\n")
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator chose the directory
	if err != nil {
		return "", fmt.Errorf("read demo key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" || !visible(key) {
		return "", fmt.Errorf("demo key %s is damaged: delete it, and a new one is made", path)
	}
	return key, nil
}

// demoText is what a newcomer pastes into a shell, line by line or all at once. Without an edge here it is who may log in.
func (n *Node) demoText() string {
	text := demoHead
	if n.roles.edge {
		text += demoTemplate
	}
	program, err := os.Executable()
	if err != nil { // it was removed meanwhile
		program = "ozone"
	}
	return strings.NewReplacer(
		"{program}", program, "{url}", n.publicURL(), "{key}", n.demoKey, "{account}", fmt.Sprint(int64(demoAccount)), "{user}", demoUser, "{limits}", n.demoLimits.String(),
	).Replace(text)
}

const demoHead = `
Account {account}, user {user}, key {key}
Its rate limits are {limits}.
`

const demoTemplate = `Paste into another shell:

  # log in on the command line; {program} --help has what comes next
  {program} login --url {url} --user {user} --key {key}
  {program} flavor list
  # the same over HTTP
  TOKEN=$(curl -sD- -o /dev/null -H 'X-Auth-User: {user}' -H 'X-Auth-Key: {key}' {url}/v1.0 | tr -d '\r' | sed -n 's/^X-Auth-Token: //p')
  CLOUD={url}/v1.0/{account}
  # what there is
  curl -s -H "X-Auth-Token: $TOKEN" $CLOUD/flavors/detail; echo
  curl -s -H "X-Auth-Token: $TOKEN" $CLOUD/images/detail; echo
  # a server
  ANSWER=$(curl -s -H "X-Auth-Token: $TOKEN" -H 'Content-Type: application/json' -d '{"server":{"name":"hello","imageId":1,"flavorId":1}}' $CLOUD/servers); echo "$ANSWER"
  SERVER=$(echo "$ANSWER" | grep -o '"id":[0-9]*' | head -1 | cut -d: -f2)
  # its way from BUILD to ACTIVE
  while STATUS=$(curl -s -H "X-Auth-Token: $TOKEN" $CLOUD/servers/$SERVER | grep -o '"status":"[A-Z]*"'); echo "$STATUS"; [ "$STATUS" = '"status":"BUILD"' ]; do sleep 1; done
  # what was done
  curl -s -H "X-Auth-Token: $TOKEN" {url}/ozone/v1/{account}/operations; echo

`
